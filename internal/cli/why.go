package cli

import (
	"context"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/record"
	"plumb.dev/plumb/internal/report"
)

// whyAnswer is what why -o json prints.
type whyAnswer struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Agent      report.AgentView  `json:"agent"`
	App        report.TargetView `json:"app"`
	// The commit of the newest revision, with author and subject, as the record has it.
	Change *v1alpha1.CommitLine `json:"change,omitempty"`
}

// newestCommit gives the commit of an app's newest revision as the record has it; nil where that is not known or may not be read.
func (k *kube) newestCommit(ctx context.Context, t report.Target) *v1alpha1.CommitLine {
	entries, err := k.entries(ctx, t.App.Namespace, v1alpha1.LabelAppUID+"="+string(t.App.UID))
	if err != nil || len(t.App.Status.History) == 0 {
		return nil
	}
	for _, e := range record.History(t.App, entries) {
		if r := e.Revision; r != nil && r.Commit.ID == t.App.Status.History[0].Revision {
			return &r.Commit
		}
	}
	return nil
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
			out, change := screenOf(env, cmd), k.newestCommit(cmd.Context(), t)
			if format != "text" {
				return out.machine(format, whyAnswer{APIVersion: outputVersion, Kind: "Why", Agent: f.Agent.View(f.Now), App: t.View(), Change: change})
			}
			out.lines(out.style.Why(t, change, f.Agent, f.Now))
			return nil
		},
	}
	flags.add(cmd.Flags())
	outputFlag(cmd, &format, "text", "json", "yaml")
	cmd.ValidArgsFunction = completeNames(env, &flags)
	return cmd
}
