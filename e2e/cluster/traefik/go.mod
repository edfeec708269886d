module coalmine/e2e/traefik

go 1.26.0

// Only its CRDs are used; they are read from the module's folder, so there is nothing to build.
require github.com/traefik/traefik/v3 v3.7.13
