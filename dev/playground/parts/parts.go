// Package parts holds the parts of a control plane that the playground's binary becomes when it re-executes itself.
//
// Each part runs in a process of its own: their logging and flags are process-wide and would fight within one. A part
// never starts another and never reads the environment of the user beyond its arguments.
//
// Start reading at Run.
package parts

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // CronJobs with a timeZone

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics, as the real binaries register them
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"plumb.dev/plumb/dev/playground/simulator"
)

// Run becomes the part called name and returns its exit code when it ends.
func Run(name string, args []string) int {
	os.Args = append([]string{name}, args...) // client-go calls itself by it: the audit log tells the parts apart
	switch name {
	case "etcd":
		return untilSignal(func(ctx context.Context) error { return runEtcd(ctx, args) })
	case "kube-apiserver":
		return command(apiserver.NewAPIServerCommand(), args)
	case "kube-controller-manager":
		return command(controllermanager.NewControllerManagerCommand(), args)
	case "kube-scheduler":
		return command(scheduler.NewSchedulerCommand(), args)
	case "simulator":
		return untilSignal(func(ctx context.Context) error { return simulator.Main(ctx, args) })
	}
	fmt.Fprintf(os.Stderr, "there is no part called %q\n", name)
	return 2
}

func command(cmd *cobra.Command, args []string) int {
	cmd.SetArgs(args)
	return cli.Run(cmd)
}

func untilSignal(run func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
