// Prints the definitions of App Mesh's kinds, as the Go types of their makers say them: v1beta1 is the controller's own, v1beta2
// is Flagger's copy of what the controller has. Both are served, as no cluster of App Mesh's ever did, so that scenes of both
// can run at once. Neither is stored: a schema would take out of an object of one version what the other has not.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	_ "github.com/aws/aws-app-mesh-controller-for-k8s/pkg/apis/appmesh/v1beta1"
	_ "github.com/fluxcd/flagger/pkg/apis/appmesh/v1beta2"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-tools/pkg/crd"
	"sigs.k8s.io/controller-tools/pkg/crd/markers"
	"sigs.k8s.io/controller-tools/pkg/loader"
	rules "sigs.k8s.io/controller-tools/pkg/markers"
	"sigs.k8s.io/yaml"
)

const group = "appmesh.k8s.aws"

var packages = []string{
	"github.com/aws/aws-app-mesh-controller-for-k8s/pkg/apis/appmesh/v1beta1",
	"github.com/fluxcd/flagger/pkg/apis/appmesh/v1beta2",
}

func main() {
	definitions, err := definitions("VirtualNode", "VirtualRouter", "VirtualService")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(definitions, "---\n"))
}

func definitions(kinds ...string) ([]string, error) {
	roots, err := loader.LoadRoots(packages...)
	if err != nil {
		return nil, err
	}
	registry := &rules.Registry{}
	if err := markers.Register(registry); err != nil {
		return nil, err
	}
	parser := &crd.Parser{Collector: &rules.Collector{Registry: registry}, Checker: &loader.TypeChecker{}}
	crd.AddKnownTypes(parser)
	for _, root := range roots {
		parser.NeedPackage(root)
	}
	var all []string
	for _, kind := range kinds {
		text, err := definition(parser, kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		all = append(all, text)
	}
	return all, nil
}

func definition(parser *crd.Parser, kind string) (string, error) {
	named, noDescriptions := schema.GroupKind{Group: group, Kind: kind}, 0
	parser.NeedCRDFor(named, &noDescriptions)
	found, ok := parser.CustomResourceDefinitions[named]
	if !ok {
		return "", fmt.Errorf("no package has it")
	}
	crd.FixTopLevelMetadata(found)
	// A type of that name is a part of another kind in some version.
	found.Spec.Versions = slices.DeleteFunc(found.Spec.Versions, func(one extensions.CustomResourceDefinitionVersion) bool {
		_, isKind := one.Schema.OpenAPIV3Schema.Properties["metadata"]
		return !isKind
	})
	for at := range found.Spec.Versions {
		found.Spec.Versions[at].Storage = false
	}
	anything := true
	found.Spec.Versions = append(found.Spec.Versions, extensions.CustomResourceDefinitionVersion{
		Name:    "stored",
		Storage: true,
		Schema: &extensions.CustomResourceValidation{OpenAPIV3Schema: &extensions.JSONSchemaProps{
			Type: "object", XPreserveUnknownFields: &anything,
		}},
	})
	return printed(found)
}

// Without the status, which is the API server's.
func printed(found extensions.CustomResourceDefinition) (string, error) {
	members, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&found)
	if err != nil {
		return "", err
	}
	delete(members, "status")
	text, err := yaml.Marshal(members)
	return string(text), err
}
