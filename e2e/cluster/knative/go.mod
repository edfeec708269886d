module coalmine/e2e/knative

go 1.26.0

// Only its CRDs are used; they are read from the module's folder, so there is nothing to build.
require knative.dev/serving v0.51.0
