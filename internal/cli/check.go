package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
)

const checkHelp = `Render the apps of the repository around the current directory, and judge every object by the policies that its plumb.yaml
names, without a cluster. With --kube-version also by the API versions that the next minor version of Kubernetes does not serve.

    plumb check             every app
    plumb check DIR         the apps in or around a folder; a folder that is no app by itself
    plumb check app/env     one app

The exit code is 1 if anything is denied. What needs somebody's approval is told and does not count: approval is given where the
change is reviewed. 3 means that the policies or an app cannot be read. plumb diff judges only what a change changes, by the
policies of its base.`

type checkOptions struct {
	format  string
	noFetch bool
	answers answerFlags
	sources []string
	strict  bool
}

// checkAnswer is what check -o json prints.
type checkAnswer struct {
	APIVersion string               `json:"apiVersion"`
	Kind       string               `json:"kind"`
	Policies   []string             `json:"policies"` // the files
	Rules      int                  `json:"rules"`
	Apps       int                  `json:"apps"`
	Objects    int                  `json:"objects"`
	Counts     report.FindingCounts `json:"counts"`
	Findings   []policy.Finding     `json:"findings"`
	Failed     []unrendered         `json:"failed,omitempty"`
}

// unrendered is an app that cannot be rendered: nothing is known of its objects.
type unrendered struct {
	Address string       `json:"address"`
	Fault   *fault.Fault `json:"fault"`
}

func newCheckCommand(env Env) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:     "check [DIR | app[/env]]",
		Short:   "Judge the objects of apps by the repository's policies, without a cluster",
		Long:    checkHelp,
		GroupID: groupSee,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCheck(cmd.Context(), env, screenOf(env, cmd), o, first(args))
		},
	}
	flags := cmd.Flags()
	o.answers.add(flags)
	flags.Lookup("kube-version").Usage = "version of Kubernetes that charts see, and that API versions are checked for"
	flags.BoolVar(&o.strict, "strict", false, "exit with 1 for warnings too")
	sourceFlag(flags, &o.sources)
	noFetchFlag(flags, &o.noFetch)
	outputFlag(cmd, &o.format, "table", "json", "yaml")
	return cmd
}

func runCheck(ctx context.Context, env Env, out screen, o checkOptions, what string) error {
	if _, err := o.answers.capabilities(); err != nil {
		return err
	}
	dir := env.Dir
	if info, err := os.Stat(absolute(env, what)); what != "" && err == nil && info.IsDir() {
		dir, what = absolute(env, what), ""
	}
	w, closer, err := workspaceAround(env, dir)
	if err != nil {
		return err
	}
	defer closer()
	set, bad := policy.Read(w.tree)
	if bad != nil {
		return bad
	}
	apps, err := w.chosen(dir, what)
	if err != nil {
		return err
	}
	c := checker{env: env, options: o, workspace: w}
	if c.charts, err = openCharts(env, o.noFetch); err != nil {
		return err
	}
	if c.besides, err = openBesides(env, o.sources, o.noFetch); err != nil {
		return err
	}
	defer c.besides.Close()
	if c.renderer, err = render.New(render.Options{}); err != nil {
		return err
	}
	defer c.renderer.Close()
	answer := checkAnswer{APIVersion: outputVersion, Kind: "Check", Policies: append([]string{}, set.Files()...), Rules: set.Rules(), Apps: len(apps)}
	changes, failed, err := c.all(ctx, apps)
	if err != nil {
		return err
	}
	answer.Failed, answer.Objects = failed, len(changes)
	answer.Findings = append([]policy.Finding{}, policy.Evaluate(set, changes, env.Now())...)
	answer.Counts = report.CountFindings(answer.Findings)
	return out.checked(o, answer)
}

// chosen gives the apps that are meant. Where no rule finds one in the folder that was asked for, the folder itself is the app.
func (w *workspace) chosen(dir, what string) ([]fleet.App, error) {
	rel, err := w.relative(dir)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedApps(what, rel)
	if err != nil {
		return nil, err
	}
	result := fleet.Discover(fleet.Input{Tree: w.tree, Offline: true})
	if f := result.Blocked(); f != nil {
		return nil, f
	}
	var apps []fleet.App
	for _, app := range result.Apps {
		if wanted(app) {
			apps = append(apps, app)
		}
	}
	switch {
	case len(apps) > 0:
		return apps, nil
	case what != "":
		return nil, fault.New(fault.PathNotFound, "there is no app %s in this repository, and no such directory", what).WithNext("plumb apps --explain shows how each folder is read")
	case rel == ".":
		return nil, fault.New(fault.PathNotFound, "no folder of this repository is an app").
			WithNext("plumb apps --explain shows how each folder is read; plumb check DIR judges one folder")
	}
	app, err := w.byHand(rel)
	return []fleet.App{app}, err
}

// checker renders the apps of a workspace.
type checker struct {
	env       Env
	options   checkOptions
	workspace *workspace
	charts    *charts
	besides   *besides
	renderer  *render.Renderer
}

// all renders every app, and gives their objects as if all were new, and the apps that cannot be rendered.
func (c *checker) all(ctx context.Context, apps []fleet.App) ([]policy.Change, []unrendered, error) {
	manifests, failures := make([]render.Manifest, len(apps)), make([]error, len(apps))
	group, rendering := errgroup.WithContext(ctx)
	group.SetLimit(2) // the renderer has two children
	for i, app := range apps {
		group.Go(func() error {
			manifests[i], failures[i] = c.one(rendering, app)
			return rendering.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	var changes []policy.Change
	var failed []unrendered
	for i, app := range apps {
		if failures[i] != nil {
			failed = append(failed, unrendered{app.Address().String(), fault.Of(failures[i], fault.RenderFailed)})
			continue
		}
		judged := policyApp(app, c.options.answers.kubeVersion)
		for j := range manifests[i].Objects {
			changes = append(changes, policy.Change{App: judged, Object: &manifests[i].Objects[j]})
		}
	}
	return changes, failed, nil
}

func (c *checker) one(ctx context.Context, app fleet.App) (render.Manifest, error) {
	if app.Fault != nil {
		return render.Manifest{}, app.Fault
	}
	answers, err := c.options.answers.capabilities()
	if err != nil {
		return render.Manifest{}, err
	}
	req := requestOf(c.workspace.tree, app)
	req.Capabilities = answers
	c.besides.working(&req)
	if err := c.charts.complete(ctx, c.workspace.tree, app, &req); err != nil {
		return render.Manifest{}, err
	}
	return c.renderer.Render(ctx, req)
}

// policyApp is an app as rules see it.
func policyApp(app fleet.App, version string) policy.App {
	return policy.App{Name: app.App, Env: app.Env, Cluster: orLocal(app.Cluster), Namespace: app.Namespace, Version: version}
}

// checked prints the answer, and says no where something is denied.
func (s screen) checked(o checkOptions, a checkAnswer) error {
	if o.format == "table" {
		s.lines(s.style.Findings(a.Findings))
		for _, f := range a.Failed {
			fmt.Fprintln(s.out, report.Clean(f.Address)+" cannot be rendered:")
			fmt.Fprintln(s.out, s.style.Trouble(f.Fault))
		}
		line := fmt.Sprintf("Checked %d objects of %d apps by %d rules", a.Objects, a.Apps-len(a.Failed), a.Rules)
		if counts := a.Counts.String(); counts != "" {
			line += ": " + counts
		}
		fmt.Fprintln(s.out, line+".")
	} else if err := s.machine(o.format, a); err != nil {
		return err
	}
	switch {
	case len(a.Failed) > 0:
		return &failure{code: exitFailed}
	case a.Counts.Denied > 0 || o.strict && a.Counts.Warnings > 0:
		return answerNo()
	}
	return nil
}
