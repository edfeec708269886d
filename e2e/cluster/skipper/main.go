// Skipper, which serves Ingresses of its class as the fourth gateway, is built from the tool line in go.mod. This file only says so.
package main

func main() {}
