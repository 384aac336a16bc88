package cli

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/source"
)

// baseLimit is how many commits of the branch are looked through for the one that the tracked branch has too.
const baseLimit = 200

// candidates lists every app of this repository, in Git or in the cluster, and says what the tree is compared with.
func (l *live) candidates(ctx context.Context) ([]*candidate, string, error) {
	head, err := l.clone.resolve(ctx, "HEAD")
	if err != nil {
		return nil, "", err
	}
	l.head = head.Commit
	var out []*candidate
	var from []string
	for _, repo := range l.fleet.Repos {
		if !l.isOf(repo.Spec.URL) {
			continue
		}
		base, name, err := l.base(ctx, repo.Spec.Revision, repo.Status.Observed)
		if err != nil {
			return nil, "", err
		}
		from = append(from, name)
		found, err := l.ofRepo(ctx, repo, base)
		if err != nil {
			return nil, "", err
		}
		out = append(out, found...)
	}
	for i, app := range l.fleet.Apps {
		if metav1.GetControllerOf(&app) != nil || !l.isOf(app.Spec.Repo) {
			continue
		}
		base, name, err := l.base(ctx, app.Spec.Revision, &v1alpha1.Observed{Revision: cmp.Or(app.Status.Target, app.Status.Revision)})
		if err != nil {
			return nil, "", err
		}
		from = append(from, name)
		c, err := l.byHand(ctx, &l.fleet.Apps[i], base)
		if err != nil {
			return nil, "", err
		}
		out = append(out, c)
	}
	if len(from) == 0 {
		return nil, "", fault.New(fault.PathNotFound, "nothing in this cluster delivers this repository (%s)", cmp.Or(strings.Join(l.clone.remotes(), ", "), "it has no remote")).
			WithNext("choose another cluster with --context, or compare without one: plumb diff --offline")
	}
	slices.Sort(from)
	return out, strings.Join(slices.Compact(from), ", "), nil
}

// isOf tells whether an address is one of this clone's remotes.
func (l *live) isOf(address string) bool {
	return slices.ContainsFunc(l.clone.remotes(), func(remote string) bool { return sameAddress(remote, address) })
}

// base gives the newest commit that the branch at hand has in common with the tracked one, and what it is called.
func (l *live) base(ctx context.Context, revision string, seen *v1alpha1.Observed) (commit, name string, err error) {
	if l.options.base != "" {
		head, err := l.clone.resolve(ctx, l.options.base)
		return head.Commit, l.options.base + "@" + short7(head.Commit), err
	}
	tracked := cmp.Or(revision, "main")
	if seen != nil && strings.HasPrefix(seen.Ref, "refs/heads/") {
		tracked = strings.TrimPrefix(seen.Ref, "refs/heads/")
	}
	newest := ""
	if seen != nil && l.tree(ctx, seen.Revision) != nil {
		newest = seen.Revision
	} else if remote, err := l.clone.resolve(ctx, "refs/remotes/origin/"+tracked); err == nil {
		newest = remote.Commit
	}
	if newest == "" {
		return l.head, "HEAD@" + short7(l.head), nil
	}
	if l.tree(ctx, l.head) == nil {
		return "", "", fault.New(fault.RevisionNotFound, "HEAD %s cannot be read", short7(l.head))
	}
	log, err := l.clone.mirror.Log(ctx, "", l.head, baseLimit)
	if err != nil {
		return "", "", err
	}
	for _, c := range log {
		if common, err := l.clone.isAncestor(ctx, c.ID, newest); err == nil && common {
			return c.ID, tracked + "@" + short7(c.ID), nil
		}
	}
	return newest, tracked + "@" + short7(newest), nil
}

func short7(commit string) string { return commit[:min(7, len(commit))] }

// tree gives the files of a commit, nil if the clone does not have it.
func (l *live) tree(ctx context.Context, commit string) fs.FS {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tree, known := l.trees[commit]; known || commit == "" {
		return tree
	}
	l.trees[commit] = nil
	if l.clone.mirror.Fetch(ctx, source.Head{Commit: commit, Kind: source.Exact}) != nil || l.clone.mirror.Complete(ctx, commit, []string{"."}) != nil {
		return nil
	}
	if snapshot, err := l.clone.mirror.Snapshot(ctx, commit); err == nil {
		l.trees[commit] = snapshot
	}
	return l.trees[commit]
}

// ofRepo pairs the apps that a Repo finds in the tree and in the base with its App objects.
func (l *live) ofRepo(ctx context.Context, repo v1alpha1.Repo, base string) ([]*candidate, error) {
	var previous *fleet.Result
	known := map[fs.FS]fleet.Result{}
	discover := func(tree fs.FS) fleet.Result {
		if result, ok := known[tree]; ok {
			return result
		}
		result := fleet.Discover(fleet.Input{
			Tree: tree, Apps: repo.Spec.Apps, Clusters: l.clusters, Offline: l.offline, Repo: repo.Name, Namespace: repo.Namespace, Previous: previous,
		})
		previous, known[tree] = &result, result
		return result
	}
	now := discover(l.workspace.tree)
	if f := now.Blocked(); f != nil {
		return nil, f
	}
	byName := map[string]*candidate{}
	var out []*candidate
	at := func(name string) *candidate {
		if byName[name] == nil {
			byName[name] = &candidate{name: name, namespace: repo.Namespace, baseCommit: base, limits: now.Root.Limits}
			out = append(out, byName[name])
		}
		return byName[name]
	}
	for i, app := range now.Apps {
		at(app.Name).tree = &now.Apps[i]
	}
	if tree := l.tree(ctx, base); tree != nil {
		before := discover(tree)
		for i, app := range before.Apps {
			at(app.Name).base = &before.Apps[i]
		}
	}
	for i := range l.fleet.Apps {
		app := &l.fleet.Apps[i]
		switch {
		case made(app, repo):
			c := at(app.Name)
			c.object = app
			if tree := l.tree(ctx, app.Status.Revision); tree != nil {
				before := discover(tree)
				if j := slices.IndexFunc(before.Apps, func(a fleet.App) bool { return a.Name == app.Name }); j >= 0 {
					c.applied = &before.Apps[j]
				}
			}
		case app.Namespace == repo.Namespace && app.Spec.Repo == repo.Name && metav1.GetControllerOf(app) == nil:
			c, err := l.byHand(ctx, app, base)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	all := len(out)
	here := slices.DeleteFunc(out, func(c *candidate) bool { return elsewhere(c.tree) || elsewhere(c.base) })
	l.abroad += all - len(here)
	return here, nil
}

// elsewhere tells whether an app is for another cluster than the one that is asked.
func elsewhere(app *fleet.App) bool {
	return app != nil && app.Cluster != "" && app.Cluster != fleet.Local
}

// byHand places an App that a person wrote in the tree, the base and what was applied.
func (l *live) byHand(ctx context.Context, app *v1alpha1.App, base string) (*candidate, error) {
	c := &candidate{object: app, name: app.Name, namespace: app.Namespace, baseCommit: base}
	place := func(tree fs.FS) *fleet.App {
		if tree == nil {
			return nil
		}
		placed := fleet.ByHand(tree, app)
		placed.App.Fault = placed.Fault
		c.limits = placed.Root.Limits
		return &placed.App
	}
	c.applied, c.base = place(l.tree(ctx, app.Status.Revision)), place(l.tree(ctx, base))
	c.tree = place(l.workspace.tree)
	return c, ctx.Err()
}

// render renders the three sides of an app, and puts together what it is to be compared by.
func (l *live) render(ctx context.Context, c *candidate) error {
	named := c.tree
	if named == nil {
		named = cmp.Or(c.base, c.applied) // the newest that there is
	}
	if named == nil && c.object == nil {
		return nil
	}
	if named == nil { // its folder was gone before, and is
		spec := c.object.Spec
		named = &fleet.App{Name: c.name, App: cmp.Or(spec.App, c.name), Env: spec.Env, Namespace: cmp.Or(spec.Namespace, spec.App, c.name)}
	}
	c.preview.Identity = plan.App{
		Namespace: c.namespace, Name: c.name, UID: "new " + c.namespace + "/" + c.name, App: named.App, Env: named.Env, Cluster: fleet.Local, Target: named.Namespace,
	}
	c.preview.Settings = named.Settings
	applied := ""
	if c.object != nil {
		c.preview.Identity.UID, applied = string(c.object.UID), c.object.Status.Revision
		c.preview.Inventory = l.has[string(c.object.UID)]
	} else {
		c.preview.Notes = append(c.preview.Notes, "a new app, in namespace "+named.Namespace)
	}
	if applied != "" && l.tree(ctx, applied) == nil {
		c.preview.Notes = append(c.preview.Notes, fmt.Sprintf("the commit that was applied, %s, is not in this clone (git fetch): what waits and what drifted is not told apart", short7(applied)))
		c.applied, applied = c.base, c.baseCommit
	}
	return l.sides(ctx, c, applied)
}

func (l *live) sides(ctx context.Context, c *candidate, applied string) error {
	var memory []*render.Recorded
	sources := l.besides.of(ctx, c.object, l.fleet)
	one := func(app *fleet.App, tree fs.FS, beside map[string]fs.FS) (preview.Side, *fault.Fault, error) {
		if app == nil || tree == nil {
			return preview.Side{}, nil, nil
		}
		if f := cmp.Or(app.Fault, sources.fault); f != nil {
			return preview.Side{}, f, ctx.Err()
		}
		request := requestOf(tree, *app)
		use(&request, beside)
		if err := l.charts.complete(ctx, tree, *app, &request); err != nil {
			return preview.Side{}, fault.Of(err, fault.FetchFailed), ctx.Err()
		}
		recorded, err := l.renderOnce(ctx, request, c.object != nil && c.object.Status.Revision != "", memory)
		if recorded == nil {
			return preview.Side{}, fault.Of(err, fault.RenderFailed), ctx.Err()
		}
		memory = append(memory, recorded)
		return preview.Side{Objects: recorded.Manifest.Objects, Namespace: app.Namespace}, nil, nil
	}
	var err error
	if c.preview.Applied, _, err = one(c.applied, l.tree(ctx, applied), sources.applied); err != nil {
		return err
	}
	if c.preview.Base, c.preview.Before, err = one(c.base, l.tree(ctx, c.baseCommit), sources.applied); err != nil {
		return err
	}
	if c.preview.Tree, c.preview.Fault, err = one(c.tree, l.workspace.tree, sources.tree); err != nil {
		return err
	}
	if c.preview.Fault != nil && c.preview.Before != nil && c.preview.Before.Message == c.preview.Fault.Message {
		c.preview.Notes = append(c.preview.Notes, "the base cannot be rendered either")
	}
	c.rendered = true
	c.differs = c.preview.Fault != nil || len(c.preview.Notes) > 0 || !sameSide(c.preview.Base, c.preview.Tree) || !sameSide(c.preview.Applied, c.preview.Base)
	if c.base != nil && c.tree == nil {
		c.preview.Notes = append(c.preview.Notes, "the app goes: its deletions are held until a commit consents")
	}
	if l.blind {
		c.preview.Notes = append(c.preview.Notes, "you may not read Inventories: deletions are not known")
	}
	c.preview.Policy, err = l.policy(ctx, c)
	return err
}

// renderOnce renders, unless a render of another side answers.
func (l *live) renderOnce(ctx context.Context, req render.Request, upgrade bool, memory []*render.Recorded) (*render.Recorded, error) {
	answers := l.cluster.Mapper().Answers(ctx)
	req.Capabilities, req.Upgrade = answers, upgrade
	for _, known := range memory {
		if known.Unchanged(req) {
			return known, nil
		}
	}
	manifest, err := l.renderer.Render(ctx, req)
	if unknown := answers.Failure(); unknown != nil {
		err = fault.New(fault.Unreachable, "the render asked what the cluster serves: %w", unknown)
	}
	if err != nil {
		return nil, err
	}
	return render.Record(req, manifest), nil
}

// policy gives the rules for the plans: with the consents of the commits of this branch, as if it were merged.
func (l *live) policy(ctx context.Context, c *candidate) (plan.Policy, error) {
	settings := c.preview.Settings
	p := plan.Policy{
		Prune: settings.Prune == nil || *settings.Prune, Replace: settings.Replace, Complete: true, Descendant: true, Removed: c.tree == nil,
	}
	if c.limits.Deletions != nil {
		p.Limit = *c.limits.Deletions
	}
	if c.object == nil {
		return p, nil
	}
	since := cmp.Or(c.object.Status.ConsentBase, c.object.Status.Revision)
	if since == "" || l.tree(ctx, since) == nil || l.tree(ctx, l.head) == nil {
		return p, nil
	}
	log, err := l.clone.mirror.Log(ctx, since, l.head, baseLimit)
	for _, commit := range log {
		p.Consents = append(p.Consents, plan.ParseConsents(commit.ID, commit.Subject+"\n\n"+commit.Body)...)
	}
	return p, err
}

func sameSide(a, b preview.Side) bool {
	return a.Namespace == b.Namespace && slices.EqualFunc(a.Objects, b.Objects, func(x, y object.Object) bool { return x.Digest() == y.Digest() })
}
