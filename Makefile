# Thin, stable names; what they do is in e2e/src. Each says what it does and how long it took.
# Compiled dependencies live outside the tree, so that a fresh clone does not compile them again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/coalmine/target
E2E := cargo run --locked --bin e2e --
# What the harness itself takes to compile is shown: the first time it is minutes.
SAID := @echo "compiling the harness (minutes the first time, seconds later)" &&

.PHONY: help demo test test-gateways fuzz up down bench storm lint manifests image-root
help:      ## what there is
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
demo:      ## a cluster, an app, a good release and a bad one, watched live
	$(SAID) $(E2E) demo
test:      ## everything CI runs: format, lints, licences, tests, then the tests on the real cluster
	$(SAID) $(E2E) test
test-gateways: ## every routing provider with real requests through a real gateway, and how soon weights show; minutes. ONLY=skipper for some
	$(SAID) $(E2E) test-gateways $(ONLY)
fuzz:      ## random inputs, 30 s for each target; MINUTES=60 for longer
	$(SAID) $(E2E) fuzz $(if $(MINUTES),--minutes $(MINUTES))
up:        ## the cluster with gateway, Prometheus and Coalmine, left running
	$(SAID) $(E2E) up
down:      ## take the cluster down; nothing keeps running
	@$(E2E) down
bench:     ## the benchmarks, beside Flagger; they write docs/benchmarks.md
	$(SAID) cargo run --locked --release --bin e2e -- bench
storm:     ## faults at full strength: replicas, certificates and the control plane go under 100 applies a second, and the siege; half an hour, writes docs/reliability.md
	$(SAID) cargo run --locked --release --bin e2e -- storm
lint:      ## format, clippy, licences, sources and banned crates
	$(SAID) $(E2E) lint
manifests: ## render manifests/ again from the chart
	@$(E2E) manifests

# amd64 or arm64, as Docker calls them; this machine's own when empty.
TARGETARCH ?=
# dev compiles in a tenth of the time what is as static.
PROFILE ?= release
OWN = $(shell rustc -vV | sed -n 's/^host: //p')
TRIPLE = $(or $(patsubst amd64,x86_64-unknown-linux-gnu,$(patsubst arm64,aarch64-unknown-linux-gnu,$(TARGETARCH))),$(OWN))
# For the other machine: its standard library, and Debian's cross compiler to link with.
OTHER = $(filter-out $(OWN),$(TRIPLE))
LINKER = CARGO_TARGET_$(if $(filter aarch64%,$(TRIPLE)),AARCH64,X86_64)_UNKNOWN_LINUX_GNU_LINKER=$(subst -unknown,,$(TRIPLE))-gcc
image-root: ## DIR=...: what is in the image: the static program, the CAs, the licence (TARGETARCH=arm64 for the other machine)
	@test -n "$(DIR)" || { echo "image-root: say where to with DIR=..." >&2; exit 1; }
	$(if $(OTHER),rustup target add $(TRIPLE))
	$(if $(OTHER),$(LINKER)) cargo build --locked --profile $(PROFILE) --bin coalmine --target $(TRIPLE)
	install -D -m 0755 $(CARGO_TARGET_DIR)/$(TRIPLE)/$(PROFILE:dev=debug)/coalmine $(DIR)/coalmine
	install -D -m 0644 /etc/ssl/certs/ca-certificates.crt $(DIR)/etc/ssl/certs/ca-certificates.crt
	install -D -m 0644 LICENSE $(DIR)/LICENSE
