// Flagger, the peer that Coalmine is measured against, is built from the tool lines in go.mod. This file only says so.
package main

func main() {}
