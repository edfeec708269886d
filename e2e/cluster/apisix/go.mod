module coalmine/e2e/apisix

go 1.26.0

// Only its CRDs are used; they are read from the module's folder, so there is nothing to build.
require github.com/apache/apisix-ingress-controller v1.8.4
