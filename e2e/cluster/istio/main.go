// Istio's pilot, the control plane of the second gateway, is built from the tool line in go.mod. This file only says so.
package main

func main() {}
