// kwok, which fakes nodes and pods for scale tests, is built from the tool line in go.mod. This file only says so.
package main

func main() {}
