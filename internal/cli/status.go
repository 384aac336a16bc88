package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

const statusHelp = `Show where every app stands: a line for each repository, apps by environment, and what is in trouble, with the command
that goes on from there.

While the agent has not been heard from for two minutes every state is unknown: nothing is shown as ok that nobody
vouches for. Apps that are ok everywhere are counted, not listed, where there are more than ten (--all lists them).

    ● ok   ◐ rolling out   ◷ waiting   ‖ paused   ≠ drifted   ✕ failed   ? unknown`

type statusOptions struct {
	kubeFlags
	watch, exitCode, all bool
	format               string
}

// statusAnswer is what status -o json prints; with -w each line of JSON is one TargetView instead.
type statusAnswer struct {
	APIVersion string              `json:"apiVersion"`
	Kind       string              `json:"kind"`
	Agent      report.AgentView    `json:"agent"`
	Counts     v1alpha1.AppCounts  `json:"counts"`
	Repos      []report.RepoView   `json:"repos"`
	Apps       []report.TargetView `json:"apps"`
}

func newStatusCommand(env Env) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:     "status [app[/env]]",
		Short:   "Show where every app stands, and what is in trouble",
		Long:    statusHelp,
		GroupID: groupSee,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), env, screenOf(env, cmd), o, first(args))
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on showing changes: repaint on a terminal, a line for each change in a pipe")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 1 unless everything shown is ok")
	cmd.Flags().BoolVar(&o.all, "all", false, "list everything, also what is ok everywhere")
	outputFlag(cmd, &o.format, "table", "wide", "json", "yaml", "name")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

// first gives the only argument, "" without one.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func runStatus(ctx context.Context, env Env, out screen, o statusOptions, name string) error {
	if o.format == "wide" {
		out.style.Width = 0 // nothing is cut
	}
	k, err := o.connect(env)
	if err != nil {
		return err
	}
	if o.watch {
		_, err := k.follow(ctx, env, watchStatus(env, out, o, name))
		return err
	}
	f, err := k.fleet(ctx, env.Now)
	if err != nil {
		return err
	}
	if f, err = only(f, name); err != nil {
		return err
	}
	if err := out.status(f, o, name); err != nil {
		return err
	}
	if o.exitCode && report.Worst(f.Targets()) != v1alpha1.StateOK {
		return answerNo()
	}
	return nil
}

// only narrows a fleet to what a name means, and to the repositories behind it.
func only(f report.Fleet, name string) (report.Fleet, error) {
	if name == "" {
		return f, nil
	}
	targets, err := selectTargets(f.Targets(), name)
	if err != nil {
		return f, err
	}
	f.Apps = nil
	for _, t := range targets {
		f.Apps = append(f.Apps, t.App)
	}
	f.Repos = slices.DeleteFunc(slices.Clone(f.Repos), func(r v1alpha1.Repo) bool {
		return !slices.ContainsFunc(f.Apps, func(a v1alpha1.App) bool { return repoOf(a, r) })
	})
	return f, nil
}

// repoOf tells whether an App is delivered from a Repo.
func repoOf(a v1alpha1.App, r v1alpha1.Repo) bool {
	return a.Namespace == r.Namespace && (a.Spec.Repo == r.Name || a.Labels[v1alpha1.LabelRepo] == r.Name)
}

func sortRepos(repos []v1alpha1.Repo) {
	slices.SortFunc(repos, func(a, b v1alpha1.Repo) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
}

func (s screen) status(f report.Fleet, o statusOptions, name string) error {
	targets := f.Targets()
	switch o.format {
	case "json", "yaml":
		return s.machine(o.format, statusAnswer{
			APIVersion: outputVersion, Kind: "Status", Agent: f.Agent.View(f.Now), Counts: report.Count(targets),
			Repos: report.RepoViews(f.Repos), Apps: report.Views(targets),
		})
	case "name":
		s.names(targets)
		return nil
	}
	s.lines(s.style.Status(f, o.all || name != ""))
	if len(targets) == 1 {
		s.lines(s.style.One(targets[0], f.Now))
	}
	return nil
}

func (s screen) names(targets []report.Target) {
	for _, t := range targets {
		fmt.Fprintln(s.out, t.Address())
	}
}

// watchStatus repaints on a terminal; elsewhere it tells each change once, as a line or as JSON.
func watchStatus(env Env, out screen, o statusOptions, name string) seeing {
	log := changeLog{out: out, json: o.format == "json", last: map[string]string{}}
	return func(f report.Fleet) ([]string, bool, error) {
		f, err := only(f, name)
		if err != nil {
			return nil, false, err
		}
		if !out.tty || o.format != "table" && o.format != "wide" {
			return nil, false, log.tell(f)
		}
		out.repaint(env, out.style.Status(f, o.all || name != ""))
		return nil, false, nil
	}
}

// repaint draws lines over the last ones, as many as fit, and clears what is left of those.
func (s screen) repaint(env Env, lines []string) {
	if env.Height > 1 && len(lines) > env.Height-1 {
		more := len(lines) - (env.Height - 2)
		lines = append(slices.Clone(lines[:env.Height-2]), fmt.Sprintf("%d more lines", more))
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString(env.Now().Format("15:04:05") + "\x1b[K\x1b[J")
	fmt.Fprint(s.out, b.String())
}

// changeLog tells of each target what is new about it.
type changeLog struct {
	out  screen
	json bool
	last map[string]string // by address: what was told last
}

func (l *changeLog) tell(f report.Fleet) error {
	for _, t := range f.Targets() {
		key := t.App.Namespace + "/" + t.App.Name
		news := string(t.State) + " " + report.ShownRevision(t) + " " + t.Summary()
		if l.last[key] == news {
			continue
		}
		l.last[key] = news
		if !l.json {
			fmt.Fprintln(l.out.out, l.out.style.Change(t, f.Now))
			continue
		}
		if err := json.NewEncoder(l.out.out).Encode(t.View()); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	return nil
}
