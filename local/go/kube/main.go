// Command kube is every Kubernetes part that the local cluster runs, in one binary.
//
// The parts share most of their code, so one binary builds in a fraction of the time and the space of seven. It acts
// as the part named by the base name it is called by (symbolic links), or else by its first argument.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// parts maps a part's name to what runs it; each returns the process's exit status.
var parts = map[string]func() int{
	"etcd":                    etcd,
	"kube-apiserver":          command(apiserver.NewAPIServerCommand),
	"kube-controller-manager": command(manager.NewControllerManagerCommand),
	"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kube-proxy":              command(proxy.NewProxyCommand),
	"kubelet":                 nodeAgent,
	"cri-purge":               purge,
}

func main() {
	name := filepath.Base(os.Args[0])
	if _, known := parts[name]; !known && len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = os.Args[1:]
	}
	part, known := parts[name]
	if !known {
		fmt.Fprintf(os.Stderr, "kube: unknown part %q\n", name)
		os.Exit(2)
	}
	os.Exit(part())
}

func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

// nodeAgent is the kubelet. What it measures of containers, it names by asking containerd at the address that is usual
// on a whole machine; ours is elsewhere, and the kubelet has no option for it. Without names there are no metrics of
// containers, only of pods.
func nodeAgent() int {
	if socket := os.Getenv("CONTAINERD_ADDRESS"); socket != "" {
		if err := flag.Set("containerd", socket); err != nil {
			fmt.Fprintf(os.Stderr, "kube: %v\n", err)
			return 2
		}
	}
	return command(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) })()
}

func command(build func() *cobra.Command) func() int {
	return func() int { return cli.Run(build()) }
}
