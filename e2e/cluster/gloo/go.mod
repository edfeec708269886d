module coalmine/e2e/gloo

go 1.26.0

// Only its messages are read, from the module's folder: there is nothing to build.
require github.com/solo-io/solo-apis v1.6.31
