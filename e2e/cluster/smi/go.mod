module coalmine/e2e/smi

go 1.26.0

// Only its CRD is used; it is read from the module's folder, so there is nothing to build.
require github.com/linkerd/linkerd-smi v0.2.6
