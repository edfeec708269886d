// metrics-server, which autoscalers ask for the pods' use of CPU, is built from the tool line in go.mod. This file
// only says so.
package main

func main() {}
