// Knative's programs, which run in pods where a scene asks for Knative, are built from the tool lines in go.mod, and its manifests
// are read from the modules' folders. This file only says so.
package main

func main() {}
