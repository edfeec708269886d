module coalmine/e2e/gloo-definitions

go 1.26.0

require github.com/emicklei/proto v1.14.2
