package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
)

const diffHelp = `Show what the working tree, with its uncommitted files, would change in the cluster that delivers this repository: the
apps that are affected are rendered on both sides, and the API server is asked by dry runs, as you, what it would make of
each object. Nothing is written. What differs is told apart: yours (against the base, where your branch left the tracked
one), already waiting (the base against what was applied last), and drift.

With --offline no cluster is asked: the renders alone are compared, with HEAD or with --base.

Values of Secrets are never shown, only that they changed. The exit code is 0 with and without differences, unless
--exit-code asks for 1 where there are some; 3 means that something cannot be rendered.`

type diffOptions struct {
	offline, exitCode bool
	noFetch           bool
	all               bool
	base, namespace   string
	values, set       []string
	answers           answerFlags
	sources           []string
	format            string
}

func newDiffCommand(env Env) *cobra.Command {
	var o diffOptions
	var k kubeFlags
	cmd := &cobra.Command{
		Use:     "diff [DIR | app[/env]]",
		Short:   "Show what the working tree would change",
		Long:    diffHelp,
		GroupID: groupSee,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !o.offline && (len(o.values)+len(o.set) > 0 || o.answers.given()) {
				return usagef(strings.TrimSpace("plumb diff --offline "+first(args)), "--values, --set, --kube-version and --api-versions are not what the agent renders with: they need --offline")
			}
			if !o.offline {
				return runLiveDiff(cmd.Context(), env, screenOf(env, cmd), liveOptions{diffOptions: o, kube: k}, first(args))
			}
			o.base, o.namespace = orHead(o.base), k.namespace
			return runDiff(cmd.Context(), env, screenOf(env, cmd), o, first(args))
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.offline, "offline", false, "compare with a commit of this repository, without a cluster")
	flags.StringVar(&o.base, "base", "", "what to compare with: a branch, a tag or a full commit id (default: where the tracked branch was left; with --offline HEAD)")
	flags.BoolVar(&o.all, "all", false, "show also objects of which only labels of a release differ")
	k.add(flags)
	flags.Lookup("namespace").Usage += "; with --offline the namespace that charts see"
	flags.BoolVar(&o.exitCode, "exit-code", false, "exit with 1 if there are differences")
	flags.StringArrayVarP(&o.values, "values", "f", nil, "values file for charts, on both sides; may be repeated")
	flags.StringArrayVar(&o.set, "set", nil, "value for charts as for helm --set, on both sides; may be repeated")
	o.answers.add(flags)
	sourceFlag(flags, &o.sources)
	noFetchFlag(flags, &o.noFetch)
	outputFlag(cmd, &o.format, "table", "json", "yaml")
	return cmd
}

func orHead(base string) string {
	if base == "" {
		return "HEAD"
	}
	return base
}

// pair is one app on both sides; nil where it is not.
type pair struct{ before, after *fleet.App }

func runDiff(ctx context.Context, env Env, out screen, o diffOptions, what string) error {
	dir := env.Dir
	if info, err := os.Stat(absolute(env, what)); what != "" && err == nil && info.IsDir() {
		dir, what = absolute(env, what), ""
	}
	c, err := openClone(env, dir)
	if err != nil {
		return err
	}
	defer c.Close()
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	before, head, err := c.tree(ctx, o.base)
	if err != nil {
		return err
	}
	w, closer, err := workspaceAround(env, c.root)
	if err != nil {
		return err
	}
	defer closer()
	pairs, err := pairsOf(before, w, dir, what)
	if err != nil {
		return err
	}
	cmp := comparer{env: env, options: o, before: before, after: w.tree}
	if cmp.charts, err = openCharts(env, o.noFetch); err != nil {
		return err
	}
	if cmp.besides, err = openBesides(env, o.sources, true); err != nil {
		return err
	}
	defer cmp.besides.Close()
	if cmp.renderer, err = render.New(render.Options{}); err != nil {
		return err
	}
	defer cmp.renderer.Close()
	sum := sha256.Sum256([]byte(c.root))
	if cmp.cache, err = render.OpenCache(filepath.Join(clonesDir(env), "renders-"+hex.EncodeToString(sum[:8]))); err != nil {
		return err
	}
	answer := report.Comparison{From: o.base + "@" + head[:7], To: "the working tree", Compared: len(pairs)}
	if answer.Apps, err = cmp.all(ctx, pairs); err != nil {
		return err
	}
	answer.Findings = policy.Review(before, w.tree, cmp.changes, env.Now())
	return out.comparison(o, head, answer)
}

// tree gives the tree of a revision of the clone, and its commit.
func (c *clone) tree(ctx context.Context, revision string) (fs.FS, string, error) {
	head, err := c.resolve(ctx, revision)
	if err != nil {
		return nil, "", err
	}
	if err := c.mirror.Fetch(ctx, head); err != nil {
		return nil, "", err
	}
	if err := c.mirror.Complete(ctx, head.Commit, []string{"."}); err != nil {
		return nil, "", err
	}
	snapshot, err := c.mirror.Snapshot(ctx, head.Commit)
	return snapshot, head.Commit, err
}

// pairsOf discovers both sides. Where no rule finds an app in the folder that was asked for, the folder itself is the app.
func pairsOf(before fs.FS, w *workspace, dir, what string) ([]pair, error) {
	rel, err := w.relative(dir)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedApps(what, rel)
	if err != nil {
		return nil, err
	}
	after := fleet.Discover(fleet.Input{Tree: w.tree, Offline: true})
	if f := after.Blocked(); f != nil {
		return nil, f
	}
	old := fleet.Discover(fleet.Input{Tree: before, Offline: true})
	byName := map[string]int{}
	var pairs []pair
	add := func(app fleet.App, set func(*pair, *fleet.App)) {
		if !wanted(app) {
			return
		}
		i, ok := byName[app.Name]
		if !ok {
			i = len(pairs)
			byName[app.Name] = i
			pairs = append(pairs, pair{})
		}
		set(&pairs[i], &app)
	}
	for _, app := range after.Apps {
		add(app, func(p *pair, a *fleet.App) { p.after = a })
	}
	for _, app := range old.Apps {
		add(app, func(p *pair, a *fleet.App) { p.before = a })
	}
	switch {
	case len(pairs) > 0:
		return pairs, nil
	case what != "":
		return nil, fault.New(fault.PathNotFound, "there is no app %s in this repository", what).WithNext("plumb apps --explain shows how each folder is read")
	case rel == ".":
		return nil, fault.New(fault.PathNotFound, "no folder of this repository is an app").
			WithNext("plumb apps --explain shows how each folder is read; plumb diff --offline DIR compares one folder")
	}
	return []pair{folderPair(before, w, rel)}, nil
}

// wantedApps reads the argument: an address, else the apps in or around a folder.
func wantedApps(what, rel string) (func(fleet.App) bool, error) {
	if what != "" {
		address, err := fleet.ParseAddress(what)
		if err != nil {
			return nil, usagef("plumb diff --offline DIR, or plumb diff --offline app/env", "%q is neither a directory nor the name of an app", what)
		}
		return func(app fleet.App) bool { return covers(address, app.Address()) }, nil
	}
	return func(app fleet.App) bool { return rel == "." || lies(app.Path, rel) }, nil
}

// lies tells whether a folder is another one or lies below it.
func lies(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func folderPair(before fs.FS, w *workspace, rel string) pair {
	var p pair
	if app, err := (&workspace{root: w.root, tree: before}).byHand(rel); err == nil {
		p.before = &app
	}
	app, err := w.byHand(rel)
	if err != nil {
		app = fleet.App{Name: rel, App: rel, Path: rel, Fault: fault.Of(err, fault.RenderFailed)}
	}
	p.after = &app
	return p
}

// diffAnswer is what diff -o json prints.
type diffAnswer struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Base       string            `json:"base"` // the commit
	Where      string            `json:"cluster,omitempty"`
	Compared   int               `json:"compared"`
	NotYours   []string          `json:"notYours,omitempty"`
	Counts     report.DiffCounts `json:"counts"`
	Apps       []appDiff         `json:"apps"`
	Policy     []policy.Finding  `json:"policy,omitempty"`
}

type appDiff struct {
	Address string       `json:"address"`
	Notes   []string     `json:"notes,omitempty"`
	Fault   *fault.Fault `json:"fault,omitempty"`
	Before  *fault.Fault `json:"before,omitempty"`
	Objects []objectDiff `json:"objects"`
	Waiting []objectDiff `json:"waiting,omitempty"`
	Drift   []objectDiff `json:"drift,omitempty"`
	Allow   []string     `json:"allow,omitempty"`
}

type objectDiff struct {
	report.ObjectDiff
	Fields []fieldDiff `json:"fields,omitempty"`
}

type fieldDiff struct {
	Field string `json:"field"`
	Kind  string `json:"kind"`
	From  any    `json:"from,omitempty"`
	To    any    `json:"to,omitempty"`
}

func (s screen) comparison(o diffOptions, head string, c report.Comparison) error {
	if o.format == "table" {
		s.lines(s.style.Compare(c))
	} else if err := s.machine(o.format, diffAnswerOf(head, c)); err != nil {
		return err
	}
	switch n := c.Counts(); {
	case n.Failed+n.Refused > 0:
		return &failure{code: exitFailed}
	case o.exitCode && c.Differs():
		return answerNo()
	}
	return nil
}

func diffAnswerOf(head string, c report.Comparison) diffAnswer {
	answer := diffAnswer{APIVersion: outputVersion, Kind: "Diff", Base: head, Where: c.Where, NotYours: c.NotYours, Compared: c.Compared, Counts: c.Counts(), Apps: []appDiff{}, Policy: c.Findings}
	for _, app := range c.Apps {
		answer.Apps = append(answer.Apps, appDiff{
			Address: app.Address, Notes: app.Notes, Fault: app.Fault, Before: app.Before, Allow: app.Allow,
			Objects: append([]objectDiff{}, withFields(app.Objects)...), Waiting: withFields(app.Waiting), Drift: withFields(app.Drift),
		})
	}
	return answer
}

func withFields(objects []report.ObjectDiff) []objectDiff {
	var out []objectDiff
	for _, o := range objects {
		object := objectDiff{ObjectDiff: o}
		for _, f := range o.Fields {
			object.Fields = append(object.Fields, fieldDiff{f.Field, f.Kind, f.From, f.To})
		}
		out = append(out, object)
	}
	return out
}
