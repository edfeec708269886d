module coalmine/e2e/gateway-api

go 1.26.0

// Only its CRDs are used; they are read from the module's folder, so there is nothing to build.
require sigs.k8s.io/gateway-api v1.6.3
