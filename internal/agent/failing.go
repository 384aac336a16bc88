package agent

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/source"
)

// failing is an app whose wishes at a commit nobody knows, because they cannot be rendered, and what they are rendered
// from: so that another app can tell whether that is as it was when it last had nothing to remove.
type failing struct {
	app        string // "<namespace>/<name>", or the folder
	reason     fault.Reason
	repository string // the address
	ref        string
	tree       *source.Snapshot
	paths      []string      // the app's folder and what its settings come from
	reads      []render.Read // of the render that failed, as far as it came, and of the one before
}

// failingOf describes an app by the offer at which it cannot be rendered.
func failingOf(name string, of *offer, reason fault.Reason) *failing {
	f := &failing{app: name, reason: reason, repository: of.mirror.URL(), ref: of.ref, tree: of.snapshot}
	for _, path := range append(slices.Clone(of.placement.Inputs), of.placement.Path) {
		if path != "" && path != "." { // the root changes with every commit: there the reads must do
			f.paths = append(f.paths, path)
		}
	}
	return f
}

// since tells how the inputs were at the commit that another app of the same repository and branch had as its base.
func (f *failing) since(base *source.Snapshot) plan.Since {
	for _, path := range f.paths {
		if hashOf(base, path) != hashOf(f.tree, path) {
			return plan.Changed
		}
	}
	for _, read := range f.reads {
		if !read.Same(base, f.tree) {
			return plan.Changed
		}
	}
	return plan.Same
}

// unfound notes the folders of a Repo's commit that may be apps and cannot be told. It tells whether there were more.
func (c *claims) unfound(repo types.NamespacedName, folders []*failing) (fewer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fewer = len(c.folders[repo]) > len(folders)
	delete(c.folders, repo)
	if len(folders) > 0 {
		c.folders[repo] = folders
	}
	return fewer
}

// failing lists everybody but one app of whom nobody knows what they want, in a stable order.
func (c *claims) failing(but types.NamespacedName) []*failing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*failing
	for key, have := range c.apps {
		if key != but && have.failing != nil {
			list = append(list, have.failing)
		}
	}
	for _, folders := range c.folders {
		list = append(list, folders...)
	}
	slices.SortFunc(list, func(a, b *failing) int { return cmp.Compare(a.app, b.app) })
	return list
}

// unfoundIn lists the folders of a commit that stand behind no app, old or new, and whose fault may hide one.
func unfoundIn(result fleet.Result, found offer, known map[types.NamespacedName]*offer) []*failing {
	paths := map[string]bool{}
	for _, of := range known {
		paths[of.placement.Path] = true
	}
	var folders []*failing
	for _, f := range result.Faults {
		if f.App == "" || f.Path == "" || paths[f.Path] {
			continue
		}
		of := found
		of.placement = fleet.App{Path: f.Path}
		folders = append(folders, failingOf(f.Path, &of, f.Fault.Reason))
	}
	return folders
}

// cannotTell notes that what the app wants of the offered commit cannot be known, and wakes those who waited for its word.
func (t *turn) cannotTell() {
	key := t.app.key
	f := failingOf(key.String(), t.offer, fault.RenderFailed)
	if t.fault != nil {
		f.reason = t.fault.Reason
	}
	f.reads = t.app.partial
	if t.app.recorded != nil {
		f.reads = append(slices.Clone(f.reads), t.app.recorded.Manifest.Reads...)
	}
	if t.agent.claims.fails(key, t.head.commit, t.kept(), f) {
		t.agent.wakeWaiting(key)
	}
}

// failing tells the planner of the apps that cannot be rendered, and how far their inputs are as they were at the base of
// this one. Trees are asked only where something is to be removed.
func (t *turn) failing(ctx context.Context) []plan.Failing {
	if t.offer != nil && !t.removes() {
		return nil
	}
	others := t.agent.claims.failing(t.app.key)
	if len(others) == 0 {
		return nil
	}
	if t.offer == nil {
		return unknownTo(others)
	}
	var base *source.Snapshot
	if commit := t.base(); commit != "" {
		var err error
		if base, err = t.offer.mirror.Snapshot(ctx, commit); err != nil {
			t.log.Warn("the base of consents cannot be read; who fails may want what is to be removed", "revision", commit, "error", err)
		}
	}
	list := make([]plan.Failing, 0, len(others))
	for _, f := range others {
		since := plan.Unknown
		switch {
		case f.repository != t.offer.mirror.URL() || f.ref != t.offer.ref:
			since = plan.Elsewhere
		case base != nil:
			since = f.since(base)
		}
		list = append(list, plan.Failing{App: f.app, Reason: f.reason, Inputs: since})
	}
	return list
}

// unknownTo is what is known of apps that cannot be rendered by one that was offered no commit: nothing.
func unknownTo(others []*failing) []plan.Failing {
	list := make([]plan.Failing, 0, len(others))
	for _, f := range others {
		list = append(list, plan.Failing{App: f.app, Reason: f.reason, Inputs: plan.Unknown})
	}
	return list
}

// base is the commit at which nothing was left to remove; "" if there was none.
func (t *turn) base() string {
	return orDefault(t.app.status.ConsentBase, t.app.status.Revision)
}

// heldForFailing tells whether the last plan holds a deletion because an app fails.
func heldForFailing(p *plan.Plan) bool { return slices.ContainsFunc(p.Steps, plan.Step.HeldFor) }
