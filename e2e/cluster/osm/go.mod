module coalmine/e2e/osm

go 1.26.0

// Only its CRD is used; it is read from the module's folder, so there is nothing to build.
require github.com/openservicemesh/osm v1.2.4
