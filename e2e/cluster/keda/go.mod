module coalmine/e2e/keda

go 1.26.0

// Only its CRDs are used; they are read from the module's folder, so there is nothing to build.
require github.com/kedacore/keda/v2 v2.19.0
