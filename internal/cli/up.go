package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/playground"
	"plumb.dev/plumb/internal/server"
)

const upHelp = `Start a playground: a real control plane with simulated nodes and pods, a Git repository with an example fleet, the
agent between them, and a page that shows it. Nothing is installed, pulled or sent anywhere; it works without a network.

With PATH, the repository at PATH is served instead of the example. A second plumb up goes on where the first one stopped.`

func newUpCommand(env Env) *cobra.Command {
	o := playground.Options{Getenv: env.Getenv, Progress: env.Stderr, Link: func(ctx context.Context, url, token string) (string, error) {
		link, err := server.LinkAt(ctx, url, token)
		return link.URL, err
	}}
	var format string
	cmd := &cobra.Command{
		Use:     "up [PATH]",
		Short:   "Start a playground: cluster, repository, agent and page on this machine",
		Long:    upHelp,
		GroupID: groupRun,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.Path = absolute(env, args[0])
			}
			if o.Dir != "" {
				o.Dir = absolute(env, o.Dir)
			}
			if o.AuditLog != "" {
				if o.Context != "" {
					return usagef("plumb up --audit-log FILE", "--audit-log is written by the playground's own API server: it does not go with --context")
				}
				o.AuditLog = absolute(env, o.AuditLog)
			}
			o.JSON = format == "json"
			return upError(playground.Run(cmd.Context(), o, env.Stdout))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", "", "where its state is kept (default: your state folder)")
	flags.BoolVar(&o.Fresh, "fresh", false, "forget the state and start over")
	flags.BoolVar(&o.Empty, "empty", false, "start with a repository that has no apps")
	flags.IntVar(&o.Port, "port", 7420, "port of the page on 127.0.0.1; 0 takes any that is free")
	flags.BoolVar(&o.NoBrowser, "no-browser", false, "do not open the page")
	flags.StringVar(&o.Context, "context", "", "deliver to this context of your kubeconfig instead of a simulated cluster")
	flags.StringVar(&o.AuditLog, "audit-log", "", "have the API server write every request to this file: who asked for what, without contents")
	outputFlag(cmd, &format, "text", "json")
	return cmd
}

func upError(err error) error {
	if errors.Is(err, playground.ErrRunning) {
		return fault.New(fault.Rejected, "%w", err).WithNext("plumb ui --playground opens its page (of one with --dir: plumb ui --dir DIR); stop it with Ctrl-C where it runs, or start another one: plumb up --dir DIR --port 0")
	}
	return err
}
