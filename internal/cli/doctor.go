package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/doctor"
	"plumb.dev/plumb/internal/report"
)

const doctorHelp = `Look at everything that Plumb needs, on this machine and in the cluster, and say of what is wrong what to do. It reads as
you, changes nothing, and works as far as it can without a cluster. How apps are says plumb status.`

func newDoctorCommand(env Env) *cobra.Command {
	var flags kubeFlags
	var cache, format string
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Look at everything that Plumb needs, and say what to do",
		Long:    doctorHelp,
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := doctor.Options{Now: env.Now, Sandbox: weaknessHere}
			var err error
			if o.CacheDir, err = cacheDir(cache); err != nil {
				o.CacheDir = os.TempDir()
			}
			o.Config, _, o.Trouble = flags.load(env)
			findings := doctor.Examine(cmd.Context(), o)
			out := screenOf(env, cmd)
			if format == "json" {
				err = out.machine(format, map[string]any{"apiVersion": outputVersion, "kind": "Findings", "ok": !doctor.Any(findings, doctor.Wrong), "findings": findings})
			} else {
				out.lines(doctorText(findings, out.style))
			}
			if err == nil && doctor.Any(findings, doctor.Wrong) {
				err = answerNo()
			}
			return err
		},
	}
	flags.addConnection(cmd.Flags())
	cmd.Flags().StringVar(&cache, "cache-dir", "", "cache folder of an agent on this machine; default: plumb/agent in the user's cache folder")
	outputFlag(cmd, &format, "text", "json")
	return cmd
}

// weaknessHere starts a rendering child and asks what its sandbox lacks.
func weaknessHere(ctx context.Context) (string, error) {
	sandbox := sandboxHere(ctx)
	if sandbox == nil {
		return "", errors.New("no rendering child can be started here")
	}
	return sandbox.Weakness, nil
}

// doctorText gives a line for each finding, with what to do below it, and a sentence at the end.
func doctorText(findings []doctor.Finding, style report.Style) []string {
	var lines []string
	counts := map[doctor.Grade]int{}
	for _, f := range findings {
		counts[f.Grade]++
		lines = append(lines, fmt.Sprintf("%s %-9s %s", style.Mark(markOf(f.Grade)), f.Check, report.Clean(f.Message)))
		if f.Next != "" {
			lines = append(lines, strings.Repeat(" ", 10)+"next  "+report.Clean(f.Next))
		}
	}
	switch {
	case counts[doctor.Wrong] > 0:
		return append(lines, "", fmt.Sprintf("%d wrong, %d to look at", counts[doctor.Wrong], counts[doctor.Warning]+counts[doctor.Unseen]))
	case counts[doctor.Warning]+counts[doctor.Unseen] > 0:
		return append(lines, "", fmt.Sprintf("nothing is wrong, %d to look at", counts[doctor.Warning]+counts[doctor.Unseen]))
	}
	return append(lines, "", "everything is fine")
}

func markOf(g doctor.Grade) report.Sign {
	switch g {
	case doctor.Fine:
		return report.SignFine
	case doctor.Warning:
		return report.SignWarning
	case doctor.Wrong:
		return report.SignWrong
	}
	return report.SignUnknown
}
