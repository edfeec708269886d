module coalmine/e2e/contour

go 1.26.0

// Only its CRDs are used; they are read from the module's folder, so there is nothing to build.
require github.com/projectcontour/contour v1.33.8
