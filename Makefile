# Thin, stable names; what they do is in e2e/src. Each says what it does and how long it took.
# Compiled dependencies live outside the tree, so that a fresh clone does not compile them again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/coalmine/target
E2E := cargo run --quiet --bin e2e --

.PHONY: help demo test up down bench lint manifests
help:      ## what there is
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
demo:      ## a cluster, an app, a good release and a bad one, watched live
	@$(E2E) demo
test:      ## everything CI runs: format, lints, tests, then the tests on the real cluster
	@$(E2E) test
up:        ## the cluster with gateway, Prometheus and Coalmine, left running
	@$(E2E) up
down:      ## take the cluster down; nothing keeps running
	@$(E2E) down
bench:     ## the benchmarks, beside Flagger; they write docs/benchmarks.md
	@cargo run --quiet --release --bin e2e -- bench
lint:      ## format and clippy
	@$(E2E) lint
manifests: ## render manifests/ again from the chart
	@$(E2E) manifests
