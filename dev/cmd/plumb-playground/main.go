// plumb-playground runs a real Kubernetes control plane with simulated nodes and pods, on loopback, without a network.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/dev/playground"
	"plumb.dev/plumb/dev/playground/owned"
	"plumb.dev/plumb/dev/playground/parts"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "part" {
		os.Exit(parts.Run(os.Args[2], os.Args[3:]))
	}
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "plumb-playground:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "plumb-playground",
		Short:         "A real Kubernetes control plane with simulated nodes and pods; no network, no containers",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand())
	return root
}

func serveCommand() *cobra.Command {
	var o playground.Options
	var output string
	var owner int
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the control plane until stopped",
		Long: `Run etcd, kube-apiserver, kube-controller-manager, kube-scheduler and a simulator of nodes and pods, on loopback.

It runs until SIGTERM or SIGINT, until its standard input closes (if that is a pipe), or until the process that started it
ends (another one: --owner). A stop leaves nothing running; the state stays in --dir, and the next start resumes it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "" && output != "json" {
				return fmt.Errorf("-o %s is not known; json is", output)
			}
			ctx, stop, err := untilAskedToStop(cmd.Context(), owner)
			if err != nil {
				return err
			}
			defer stop()
			o.Stderr = os.Stderr
			return playground.Serve(ctx, o, func(r playground.Ready) { announce(os.Stdout, r, output) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", "", "directory of the state, certificates, logs and kubeconfig")
	flags.IntVar(&o.Nodes, "nodes", 3, "how many nodes to simulate")
	flags.StringVar(&o.AuditLog, "audit-log", "", "file for one line of JSON per API request (level Metadata)")
	flags.BoolVar(&o.AuditBodies, "audit-bodies", false, "record the bodies of requests and responses too (level RequestResponse)")
	flags.IntVar(&owner, "owner", os.Getppid(), "stop when the process with this id ends")
	flags.StringVarP(&output, "output", "o", "", "json: one line of JSON when ready")
	_ = cmd.MarkFlagRequired("dir")
	return cmd
}

func announce(w io.Writer, r playground.Ready, output string) {
	if output == "json" {
		_ = json.NewEncoder(w).Encode(r)
		return
	}
	fmt.Fprintf(w, "ready after %.1f s: %d simulated nodes; nothing is pulled or run\nexport KUBECONFIG=%s\n", r.ReadySec, r.Nodes, r.Kubeconfig)
}

// untilAskedToStop returns a context that ends with a signal, the end of a piped standard input, or the owner's death.
func untilAskedToStop(parent context.Context, owner int) (context.Context, context.CancelFunc, error) {
	ctx, stop := signal.NotifyContext(parent, syscall.SIGTERM, syscall.SIGINT)
	gone, err := owned.OwnerGone(owner)
	if err != nil {
		stop()
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		<-gone
		cancel(errors.New("the owner ended"))
	}()
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel(errors.New("standard input was closed"))
		}()
	}
	return ctx, func() { cancel(nil); stop() }, nil
}
