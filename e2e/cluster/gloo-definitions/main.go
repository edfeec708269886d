// Makes CustomResourceDefinitions of the messages in which Gloo declares its kinds, whose folder is the one argument: Gloo's own
// are made of the same messages, and are in no module that can be had.
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/emicklei/proto"
)

// The kinds, and the message of each one's spec.
var kinds = []struct{ group, kind, plural, spec string }{
	{"gateway.solo.io", "RouteTable", "routetables", "gateway.solo.io.RouteTableSpec"},
	{"gateway.solo.io", "VirtualService", "virtualservices", "gateway.solo.io.VirtualServiceSpec"},
	{"gloo.solo.io", "Upstream", "upstreams", "gloo.solo.io.UpstreamSpec"},
}

type object map[string]any

// Declarations by their full names; enums have no message.
type declared map[string]*proto.Message

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: %s FOLDER", os.Args[0]))
	}
	all, err := read(os.Args[1])
	if err != nil {
		fail(err)
	}
	var items []object
	for _, kind := range kinds {
		message := all[kind.spec]
		if message == nil {
			fail(fmt.Errorf("%s has no message %s", os.Args[1], kind.spec))
		}
		spec := all.schema(message, kind.spec, nil)
		items = append(items, definition(kind.group, kind.kind, kind.plural, spec))
	}
	list := object{"apiVersion": "v1", "kind": "List", "items": items}
	if err := json.NewEncoder(os.Stdout).Encode(list); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func read(folder string) (declared, error) {
	all := declared{}
	return all, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".proto" {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		parsed, err := proto.NewParser(file).Parse()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		scope := ""
		proto.Walk(parsed, proto.WithPackage(func(named *proto.Package) { scope = named.Name }))
		all.declare(scope, parsed.Elements)
		return nil
	})
}

func (all declared) declare(scope string, elements []proto.Visitee) {
	for _, element := range elements {
		switch element := element.(type) {
		case *proto.Message:
			name := scope + "." + element.Name
			all[name] = element
			all.declare(name, element.Elements)
		case *proto.Enum:
			all[scope+"."+element.Name] = nil
		}
	}
}

// The declaration that a name means within a scope: the innermost of all that may be meant.
func (all declared) find(scope, name string) (string, bool) {
	if full, ok := strings.CutPrefix(name, "."); ok {
		_, known := all[full]
		return full, known
	}
	for {
		full := strings.TrimPrefix(scope+"."+name, ".")
		if _, known := all[full]; known || scope == "" {
			return full, known
		}
		scope = scope[:max(strings.LastIndex(scope, "."), 0)]
	}
}

func (all declared) schema(message *proto.Message, name string, within []string) object {
	for _, outer := range within {
		// A definition has to end somewhere.
		if outer == name {
			return anything()
		}
	}
	within = append(within, name)
	properties := object{}
	add := func(field *proto.Field, wrap func(object) object) {
		properties[camel(field.Name)] = wrap(all.field(field.Type, name, within))
	}
	same := func(schema object) object { return schema }
	for _, element := range message.Elements {
		switch element := element.(type) {
		case *proto.NormalField:
			if element.Repeated {
				add(element.Field, func(item object) object { return object{"type": "array", "items": item} })
			} else {
				add(element.Field, same)
			}
		case *proto.MapField:
			add(element.Field, func(value object) object { return object{"type": "object", "additionalProperties": value} })
		case *proto.Oneof:
			for _, choice := range element.Elements {
				if field, ok := choice.(*proto.OneOfField); ok {
					add(field.Field, same)
				}
			}
		}
	}
	return object{"type": "object", "properties": properties}
}

// As the messages are written in JSON.
func (all declared) field(of, scope string, within []string) object {
	switch of {
	case "string", "bytes", "google.protobuf.Duration", "google.protobuf.Timestamp":
		return object{"type": "string"}
	case "bool":
		return object{"type": "boolean"}
	case "float", "double":
		return object{"type": "number"}
	case "int32", "uint32", "sint32", "fixed32", "sfixed32":
		return object{"type": "integer"}
	case "int64", "uint64", "sint64", "fixed64", "sfixed64":
		return numberOrText()
	}
	if wrapped, ok := strings.CutPrefix(strings.TrimPrefix(of, "."), "google.protobuf."); ok {
		return wrapper(wrapped)
	}
	name, known := all.find(scope, of)
	switch {
	case !known:
		// Of a module that is not this one.
		return anything()
	case all[name] == nil:
		return numberOrText()
	}
	return all.schema(all[name], name, within)
}

func wrapper(name string) object {
	types := map[string]string{
		"BoolValue": "boolean", "StringValue": "string", "UInt32Value": "integer", "Int32Value": "integer",
		"FloatValue": "number", "DoubleValue": "number",
	}
	if known, ok := types[name]; ok {
		return object{"type": known, "nullable": true}
	}
	return anything()
}

func numberOrText() object {
	return object{"x-kubernetes-int-or-string": true}
}

func anything() object {
	return object{"x-kubernetes-preserve-unknown-fields": true}
}

func camel(name string) string {
	first, rest, _ := strings.Cut(name, "_")
	out := first
	for _, part := range strings.Split(rest, "_") {
		if part != "" {
			out += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return out
}

func definition(group, kind, plural string, spec object) object {
	schema := object{
		"type":       "object",
		"properties": object{"spec": spec, "status": object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
	}
	version := object{"name": "v1", "served": true, "storage": true, "schema": object{"openAPIV3Schema": schema}}
	names := object{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)}
	return object{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   object{"name": plural + "." + group},
		"spec":       object{"group": group, "names": names, "scope": "Namespaced", "versions": []object{version}},
	}
}
