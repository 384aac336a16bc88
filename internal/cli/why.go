package cli

import (
	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/report"
)

// whyAnswer is what why -o json prints.
type whyAnswer struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Agent      report.AgentView  `json:"agent"`
	App        report.TargetView `json:"app"`
}

func newWhyCommand(env Env) *cobra.Command {
	var flags kubeFlags
	var format string
	cmd := &cobra.Command{
		Use:     "why app[/env]",
		Short:   "Say why an app is as it is: what blocks it, who changed what, what waits for consent",
		GroupID: groupSee,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := flags.connect(env)
			if err != nil {
				return err
			}
			f, err := k.fleet(cmd.Context(), env.Now)
			if err != nil {
				return err
			}
			t, err := selectOne(f.Targets(), args[0])
			if err != nil {
				return err
			}
			out := screenOf(env, cmd)
			if format != "text" {
				return out.machine(format, whyAnswer{APIVersion: outputVersion, Kind: "Why", Agent: f.Agent.View(f.Now), App: t.View()})
			}
			out.lines(out.style.Why(t, f.Agent, f.Now))
			return nil
		},
	}
	flags.add(cmd.Flags())
	outputFlag(cmd, &format, "text", "json", "yaml")
	cmd.ValidArgsFunction = completeNames(env, &flags)
	return cmd
}
