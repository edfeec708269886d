// One program for the whole control plane and the node: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, kubelet and kube-proxy are linked once instead of six times.
// The part is chosen by the name the program is called by, or by its first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	_ "time/tzdata" // time zones of CronJobs

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	if !run(filepath.Base(os.Args[0])) {
		if len(os.Args) < 2 {
			fail("which part? etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet or kube-proxy")
		}
		os.Args = os.Args[1:]
		if !run(os.Args[0]) {
			fail("there is no part " + os.Args[0])
		}
	}
}

func run(part string) bool {
	switch part {
	case "etcd":
		etcd(os.Args[1:])
	case "service-account-key":
		key(os.Args[1])
	case "kube-apiserver":
		command(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		command(controllers.NewControllerManagerCommand())
	case "kube-scheduler":
		command(scheduler.NewSchedulerCommand())
	case "kubelet":
		command(kubelet.NewKubeletCommand(context.Background()))
	case "kube-proxy":
		command(proxy.NewProxyCommand())
	default:
		return false
	}
	return true
}

func command(c *cobra.Command) { os.Exit(cli.Run(c)) }

// stopped returns a channel that is written to when the program shall end.
func stopped() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
