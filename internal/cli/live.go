package cli

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
)

type liveOptions struct {
	diffOptions
	kube kubeFlags
}

// live is one diff against the cluster that delivers the repository of a clone.
type live struct {
	options   liveOptions
	clone     *clone
	workspace *workspace
	kube      *kube
	cluster   *cluster.Cluster
	renderer  *render.Renderer
	charts    *charts
	besides   *besides
	fleet     report.Fleet
	clusters  []fleet.Cluster
	offline   bool                                 // the Cluster objects could not be listed: selectors are not evaluated
	has       map[string][]v1alpha1.InventoryEntry // by UID of the App
	blind     bool                                 // Inventories may not be read
	abroad    int                                  // apps for other clusters
	head      string                               // the commit of HEAD

	mu    sync.Mutex
	trees map[string]fs.FS // by commit; nil if the clone does not have it
}

// candidate is one app with where it is in Git, on each side.
type candidate struct {
	object     *v1alpha1.App // nil if it is new
	name       string        // of the App object
	namespace  string
	tree, base *fleet.App
	applied    *fleet.App
	limits     v1alpha1.Limits
	baseCommit string
	preview    preview.App
	rendered   bool
	differs    bool
}

func runLiveDiff(ctx context.Context, env Env, out screen, o liveOptions, what string) error {
	dir := env.Dir
	if info, err := os.Stat(absolute(env, what)); what != "" && err == nil && info.IsDir() {
		dir, what = absolute(env, what), ""
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	l, closeAll, err := openLive(ctx, env, o, dir)
	if err != nil {
		return err
	}
	defer closeAll()
	candidates, from, err := l.candidates(ctx)
	if err != nil {
		return err
	}
	wanted, err := l.wanted(dir, what)
	if err != nil {
		return err
	}
	answer, err := l.answer(ctx, candidates, wanted, what != "")
	if err != nil {
		return err
	}
	answer.From, answer.To = from, "the working tree"
	return out.comparison(o.diffOptions, l.head, answer)
}

// answer renders all candidates and compares those that are wanted and differ; with always also those that do not.
func (l *live) answer(ctx context.Context, candidates []*candidate, wanted func(*candidate) bool, always bool) (report.Comparison, error) {
	answer := report.Comparison{Where: l.kube.config.Host, All: l.options.all}
	if name := l.besides.undeclared(objectsOf(candidates)); name != "" {
		return answer, usagef("declare it in spec.sources of the App", "no app of this repository has a source %s", name)
	}
	group, rendering := errgroup.WithContext(ctx)
	group.SetLimit(2) // the renderer has two children
	for _, c := range candidates {
		group.Go(func() error { return l.render(rendering, c) })
	}
	if err := group.Wait(); err != nil {
		return answer, err
	}
	var chosen []*candidate
	for _, c := range candidates {
		if !wanted(c) {
			continue
		}
		answer.Compared++
		if c.rendered && (c.differs || always) {
			chosen = append(chosen, c)
		} else if line := elsewise(c); line != "" {
			answer.NotYours = append(answer.NotYours, line)
		}
	}
	if l.abroad > 0 {
		answer.NotYours = append(answer.NotYours, fmt.Sprintf("apps for other clusters, not compared: %d", l.abroad))
	}
	if silent := l.fleet.Agent.Silent(l.fleet.Now); silent != "" {
		answer.NotYours = []string{"how the other apps are is not known: " + silent}
	}
	if answer.Compared == 0 {
		return answer, fault.New(fault.PathNotFound, "no app of this repository is meant").WithNext("plumb apps --explain shows how each folder is read")
	}
	apps, err := l.compare(ctx, candidates, chosen)
	if err != nil {
		return answer, err
	}
	answer.Apps, answer.Findings = apps, l.judge(ctx, candidates, chosen, l.fleet.Now)
	return answer, nil
}

// judge asks the policies of the bases, each about the apps that it is the base of.
func (l *live) judge(ctx context.Context, all, chosen []*candidate, now time.Time) []policy.Finding {
	changes := map[string][]policy.Change{}
	for _, c := range all {
		changes[c.baseCommit] = nil // a change may be one of the policies alone
	}
	for _, c := range chosen {
		if c.preview.Fault != nil {
			continue
		}
		id := c.preview.Identity
		app := policy.App{Name: id.App, Env: id.Env, Cluster: orLocal(id.Cluster), Namespace: id.Target}
		changes[c.baseCommit] = append(changes[c.baseCommit], policy.Changes(app, c.preview.Base.Objects, c.preview.Tree.Objects)...)
	}
	var found []policy.Finding
	for _, commit := range slices.Sorted(maps.Keys(changes)) {
		tree := l.tree(ctx, commit)
		if tree == nil {
			found = append(found, policy.Unreadable("the base "+short7(commit), fault.New(fault.RevisionNotFound, "this clone does not have the commit")))
			continue
		}
		found = append(found, policy.Review(tree, l.workspace.tree, changes[commit], now)...)
	}
	return found
}

// objectsOf gives the Apps that exist.
func objectsOf(candidates []*candidate) []*v1alpha1.App {
	var apps []*v1alpha1.App
	for _, c := range candidates {
		if c.object != nil {
			apps = append(apps, c.object)
		}
	}
	return apps
}

// elsewise tells of an app that the change does not touch and that is not as the base has it, in the agent's words.
func elsewise(c *candidate) string {
	if c.object == nil {
		return ""
	}
	switch status := c.object.Status; status.State {
	case v1alpha1.StateFailed, v1alpha1.StateDrifted, v1alpha1.StateWaiting:
		address := c.preview.Identity.Address()
		return fmt.Sprintf("%s is %s: %s  (plumb why %s)", address, status.State, status.Summary, address)
	}
	return ""
}

// compare looks at the chosen apps, with the wishes of all.
func (l *live) compare(ctx context.Context, all, chosen []*candidate) ([]report.AppDiff, error) {
	p := l.previewer()
	p.Document = l.cluster.Person().Document
	for _, c := range all {
		if c.rendered && c.preview.Fault == nil {
			p.Takes(ctx, c.preview)
		}
	}
	return differing(ctx, chosen, func(ctx context.Context, c *candidate) (*report.AppDiff, error) { return p.Compare(ctx, c.preview) })
}

// namespaced tells whether objects of a kind have a namespace; of a kind that nobody serves yet, they have.
func (l *live) namespaced(ctx context.Context, o object.Object) bool {
	kind, served, err := l.cluster.Mapper().Of(ctx, o.ID(), o.Version())
	return err != nil || !served || kind.Namespaced
}

// wanted reads the argument: an address, else the apps in or around a folder.
func (l *live) wanted(dir, what string) (func(*candidate) bool, error) {
	rel, err := l.workspace.relative(dir)
	if err != nil {
		return nil, err
	}
	fits, err := wantedApps(what, rel)
	if err != nil {
		return nil, err
	}
	return func(c *candidate) bool {
		return c.tree != nil && fits(*c.tree) || c.base != nil && fits(*c.base) || what != "" && c.name == what
	}, nil
}

// openLive connects the clone, the cluster and the renderer.
func openLive(ctx context.Context, env Env, o liveOptions, dir string) (*live, func(), error) {
	l := &live{options: o, has: map[string][]v1alpha1.InventoryEntry{}, trees: map[string]fs.FS{}}
	var closers []func()
	closeAll := func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	}
	err := func() (err error) {
		if l.clone, err = openClone(env, dir); err != nil {
			return err
		}
		closers = append(closers, l.clone.Close)
		var closer func()
		if l.workspace, closer, err = workspaceAround(env, l.clone.root); err != nil {
			return err
		}
		closers = append(closers, closer)
		if l.kube, err = o.kube.connect(env); err != nil {
			return err
		}
		if l.cluster, err = cluster.New(l.kube.config, userAgent); err != nil {
			return err
		}
		if l.charts, err = openCharts(env, o.noFetch); err != nil {
			return err
		}
		if l.besides, err = openBesides(env, o.sources, o.noFetch); err != nil {
			return err
		}
		closers = append(closers, l.besides.Close)
		if l.renderer, err = render.New(render.Options{}); err != nil {
			return err
		}
		closers = append(closers, func() { l.renderer.Close() })
		if l.fleet, err = l.kube.fleet(ctx, env.Now); err != nil {
			return err
		}
		return l.bookkeeping(ctx)
	}()
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	return l, closeAll, nil
}

// bookkeeping reads the Inventories and the Clusters, as far as the person may.
func (l *live) bookkeeping(ctx context.Context) error {
	var inventories v1alpha1.InventoryList
	err := l.kube.plumb.Get().Namespace(l.kube.selected).Resource("inventories").Do(ctx).Into(&inventories)
	if l.blind = apierrors.IsForbidden(err); err != nil && !l.blind {
		return err
	}
	for _, inventory := range inventories.Items {
		l.has[inventory.AppUID] = append(l.has[inventory.AppUID], inventory.Objects...)
	}
	var clusters v1alpha1.ClusterList
	err = l.kube.plumb.Get().Namespace(l.kube.selected).Resource("clusters").Do(ctx).Into(&clusters)
	if l.offline = apierrors.IsForbidden(err); err != nil && !l.offline {
		return err
	}
	for _, c := range clusters.Items {
		l.clusters = append(l.clusters, fleet.Cluster{Name: c.Name, Labels: c.Labels})
	}
	return nil
}

// made tells whether a Repo made an App.
func made(app *v1alpha1.App, repo v1alpha1.Repo) bool {
	owner := metav1.GetControllerOf(app)
	return owner != nil && owner.Kind == "Repo" && owner.Name == repo.Name && app.Namespace == repo.Namespace
}
