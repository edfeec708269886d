# The released image, for amd64 and arm64, from a clone:
#
#   docker build --tag YOUR/coalmine:TAG .
#   docker buildx build --platform linux/amd64,linux/arm64 --tag YOUR/coalmine:TAG --push .
#
# The compiler runs as it is on this machine and compiles for the other one where TARGETARCH asks for it: emulated it would
# take hours. What is compiled and what is in the image is said by `make image-root`, which works without Docker too.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95.0-slim-bookworm AS build
ARG BUILDARCH
ARG TARGETARCH
# cmake and a C compiler are for the TLS library, which is C.
RUN case $BUILDARCH-$TARGETARCH in \
      amd64-arm64) cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
      arm64-amd64) cross="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
    esac; \
    apt-get update && apt-get install --yes --no-install-recommends ca-certificates cmake gcc libc6-dev make $cross
# The image's own compiler is used as it is; rust-toolchain.toml names components that only developers need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
ARG CARGO_TARGET_DIR=/target
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    make image-root DIR=/image TARGETARCH=$TARGETARCH

FROM scratch
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/coalmine"]
