package cli

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

const appsHelp = `List the apps that the agent knows. With --explain, say how each folder of a directory is read, and why, without asking
any cluster: it works on any directory, also on one that knows nothing of Plumb, and says what would fit it.`

type appsOptions struct {
	kubeFlags
	explain, exitCode bool
	format            string
}

// appsAnswer is what apps -o json prints.
type appsAnswer struct {
	APIVersion string              `json:"apiVersion"`
	Kind       string              `json:"kind"`
	Agent      report.AgentView    `json:"agent"`
	Apps       []report.TargetView `json:"apps"`
}

// explainAnswer is what apps --explain -o json prints.
type explainAnswer struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Directory  string `json:"directory"`
	fleet.Result
}

func newAppsCommand(env Env) *cobra.Command {
	var o appsOptions
	cmd := &cobra.Command{
		Use:     "apps [--explain [DIR]]",
		Short:   "List the apps, or explain how each folder of a directory is read",
		Long:    appsHelp,
		GroupID: groupSee,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := screenOf(env, cmd)
			if o.explain {
				return explain(env, out, o, first(args))
			}
			if len(args) > 0 {
				return usagef("plumb apps --explain "+args[0], "apps takes a directory only with --explain")
			}
			return listApps(cmd, env, out, o)
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.explain, "explain", false, "explain a directory (default: the repository around the current one)")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "with --explain: exit with 1 if there is any fault")
	outputFlag(cmd, &o.format, "table", "json", "yaml", "name")
	return cmd
}

func listApps(cmd *cobra.Command, env Env, out screen, o appsOptions) error {
	k, err := o.connect(env)
	if err != nil {
		return err
	}
	f, err := k.fleet(cmd.Context(), env.Now)
	if err != nil {
		return err
	}
	targets := f.Targets()
	switch o.format {
	case "json", "yaml":
		return out.machine(o.format, appsAnswer{APIVersion: outputVersion, Kind: "Apps", Agent: f.Agent.View(f.Now), Apps: report.Views(targets)})
	case "name":
		out.names(targets)
		return nil
	}
	if silent := f.Agent.Silent(f.Now); silent != "" && len(targets) > 0 {
		fmt.Fprintln(env.Stderr, silent+"; every state is unknown")
	}
	out.lines(out.style.Apps(targets, f.Now))
	return nil
}

// explain needs no cluster: selectors are not evaluated, every environment is taken once.
func explain(env Env, out screen, o appsOptions, dir string) error {
	if dir == "" {
		if dir, _ = repositoryAround(env.Dir); dir == "" {
			dir = env.Dir
		}
	}
	dir = absolute(env, dir)
	tree, closer, err := openTree(dir)
	if err != nil {
		return err
	}
	defer closer()
	result := fleet.Explain(fleet.Input{Tree: tree, Offline: true})
	switch o.format {
	case "json", "yaml":
		err = out.machine(o.format, explainAnswer{APIVersion: outputVersion, Kind: "Explanation", Directory: dir, Result: result})
	case "name":
		for _, app := range result.Apps {
			fmt.Fprintln(out.out, app.Address())
		}
	default:
		err = fleet.ExplainText(out.out, result)
	}
	if err == nil && o.exitCode && len(result.Faults) > 0 {
		return answerNo()
	}
	return err
}

// openTree opens a directory as a tree that nothing leads out of.
func openTree(dir string) (fs.FS, func(), error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fault.New(fault.PathNotFound, "the directory cannot be read: %w", err).WithNext("name a directory that exists")
	}
	close := func() { _ = root.Close() }
	if tree, ok := root.FS().(source.ReadFS); ok {
		return source.WorkTree(dir, tree), close, nil
	}
	return root.FS(), close, nil
}
