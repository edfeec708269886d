// The programs of containerd are built from the tool lines in go.mod. This file only says so.
package main

func main() {}
