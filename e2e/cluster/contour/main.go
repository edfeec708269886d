// Contour, which leads the third gateway by HTTPProxies, is built from the tool line in go.mod. This file only says so.
package main

func main() {}
