package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

// consentLimit is how many commits since the last one with nothing held are asked for consent.
const consentLimit = 200

// Outline is the last render of an app, found good for a commit: what it read and asked, without its objects.
type Outline struct {
	Commit   string
	Place    fleet.App
	Recorded *render.Recorded
}

// moved tells whether the render holds for another commit too: discovery says the same, and every read is answered the same.
func (o Outline) moved(ctx context.Context, app fleet.App, from *source.Mirror, at string, to *source.Snapshot) bool {
	if o.Recorded == nil || !samePlace(o.Place, app) {
		return false
	}
	if o.Commit == at {
		return true
	}
	tree, err := from.Snapshot(ctx, o.Commit)
	return err == nil && sameReads(o.Recorded, tree, to)
}

// sameReads tells whether two trees answer alike what a render has read of its own repository.
func sameReads(recorded *render.Recorded, one, other *source.Snapshot) bool {
	return !slices.ContainsFunc(recorded.Manifest.Reads, func(r render.Read) bool { return r.Source == "" && !r.Same(one, other) })
}

// recorded gives a render of an app as a commit has it: the agent's own if that is it.
func (p *planning) recorded(ctx context.Context, c *candidate, at *commit) (*render.Recorded, error) {
	key := p.renderKey(c)
	p.mu.Lock()
	known := p.outlines[key]
	p.mu.Unlock()
	if known.Commit == at.id {
		return known.Recorded, nil
	}
	if c.object != nil && !p.pull.Fork {
		if agents := p.hands.Outline(c.object); agents != nil {
			known = *agents
		}
	}
	recorded := known.Recorded
	if !known.moved(ctx, *c.at[at], p.at.Mirror, at.id, at.tree) {
		var err error
		if recorded, _, err = p.render(ctx, c, at); err != nil || recorded == nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outlines[key] = Outline{at.id, *c.at[at], recorded.Outline()}
	return recorded, nil
}

// renderKey names the renders of an app.
func (p *planning) renderKey(c *candidate) string {
	key := p.repo + " " + c.name
	if c.object != nil {
		key += " " + string(c.object.UID)
	}
	if p.pull.Fork {
		key += " fork" // it asks no cluster
	}
	return key
}

// render renders an app as a commit has it, unless a render that is known answers. A fault is what the commit itself is to blame
// for; nil without a fault is an app that the commit does not have. The error says that it cannot be told now.
func (p *planning) render(ctx context.Context, c *candidate, at *commit) (*render.Recorded, *fault.Fault, error) {
	app := c.at[at]
	switch {
	case app == nil:
		return nil, nil, ctx.Err()
	case app.Fault != nil:
		return nil, app.Fault, ctx.Err()
	}
	request := p.hands.Request(at.tree, *app, c.object != nil && c.object.Status.Revision != "")
	if c.byHand && len(c.object.Spec.Sources) > 0 {
		if err := p.hands.Sources(c.object, &request); err != nil {
			return p.unrendered(ctx, err)
		}
	}
	supply := Supply{Namespace: p.at.Repo.Namespace, Access: p.at.Repo.Spec.Charts, Tree: at.tree, App: *app, Fetch: !p.pull.Fork}
	if c.byHand && len(c.object.Spec.Charts) > 0 {
		supply.Access = c.object.Spec.Charts
	}
	if err := p.hands.Complete(ctx, supply, &request); err != nil {
		return p.unrendered(ctx, err)
	}
	answers := p.hands.Cluster.Mapper().Answers(ctx)
	request.Capabilities = answers
	if p.pull.Fork {
		request.Capabilities = render.Builtin{}
	}
	for _, known := range p.candidatesOf(c) {
		if known.Unchanged(request) {
			return known, known.Failure, nil
		}
	}
	if err := p.at.Mirror.Complete(ctx, at.id, []string{app.Path}); err != nil {
		return nil, nil, err
	}
	manifest, err := p.hands.Renderer.Render(ctx, request)
	if unknown := answers.Failure(); unknown != nil {
		return nil, nil, fault.New(fault.Unreachable, "the render asked what the cluster serves: %w", unknown)
	}
	if err != nil {
		failed := render.RecordFailure(request, manifest, err)
		if failed == nil {
			return p.unrendered(ctx, err)
		}
		c.known = append(c.known, failed)
		return failed, failed.Failure, nil
	}
	done := render.Record(request, manifest)
	c.known = append(c.known, done)
	_ = p.cache.Store(p.renderKey(c), done) // without it the next plan only renders again
	return done, nil, nil
}

// unrendered tells whether the commit is to blame that an app cannot be rendered, or whether it is to be tried again.
func (p *planning) unrendered(ctx context.Context, err error) (*render.Recorded, *fault.Fault, error) {
	f := fault.Of(err, fault.RenderFailed)
	if ctx.Err() != nil || f.Reason.OfSource() && !p.pull.Fork {
		return nil, nil, err
	}
	return nil, f, nil
}

// candidatesOf lists the renders of an app that may answer: those of this plan, the agent's last one, and that of the plan before.
func (p *planning) candidatesOf(c *candidate) []*render.Recorded {
	if len(c.known) == 0 {
		if c.object != nil && !p.pull.Fork {
			if recorded, ok := p.hands.Recorded(c.object); ok {
				c.known = append(c.known, recorded)
			}
		}
		if recorded, ok := p.cache.Load(p.renderKey(c)); ok {
			c.known = append(c.known, recorded)
		}
	}
	return c.known
}

// rendered renders every side of an app, and says what can be said without the cluster: what the change makes of the manifests.
func (p *planning) rendered(ctx context.Context, c *candidate, from, to *commit) (report.PullApp, error) {
	named := cmp.Or(c.at[to], c.at[from])
	out := report.PullApp{Address: named.Address().String(), Environment: named.Env, Cluster: named.Cluster}
	c.app = preview.App{
		Identity: plan.App{
			Namespace: p.at.Repo.Namespace, Name: c.name, UID: "new " + p.at.Repo.Namespace + "/" + c.name,
			App: named.App, Env: named.Env, Cluster: fleet.Local, Target: named.Namespace,
		},
		Settings: named.Settings,
	}
	if c.object != nil {
		c.app.Identity.UID = string(c.object.UID)
		c.app.Inventory = p.has[string(c.object.UID)]
	}
	switch was, is := c.at[from], c.at[to]; {
	case was == nil:
		c.app.Notes = append(c.app.Notes, "a new app, in namespace "+named.Namespace)
	case is == nil:
		c.app.Notes = append(c.app.Notes, "the app goes: its deletions are held until a commit consents")
	case was.Namespace != is.Namespace:
		c.app.Notes = append(c.app.Notes, "the namespace changes from "+was.Namespace+" to "+is.Namespace+": a new copy there, the old one is held")
	}
	was, before, err := p.face(ctx, c, from)
	if err != nil {
		return out, err
	}
	is, broken, err := p.face(ctx, c, to)
	if err != nil {
		return out, err
	}
	c.app.Base, c.app.Before, c.app.Tree, c.app.Fault = was.Side, before, is.Side, broken
	out.Fault, out.Before, out.Notes = broken, before, c.app.Notes
	if broken != nil {
		return out, nil
	}
	c.changes = changesOf(c.app)
	c.said = manifests{}
	c.said.add(was.ready)
	c.said.add(is.ready)
	ownBefore, ownAfter, err := p.own(ctx, c, was, is, from, to)
	if err != nil {
		return out, err
	}
	c.said.add(ownBefore.ready)
	c.said.add(ownAfter.ready)
	out.Digest = diff.Digest(ownBefore.ready, ownAfter.ready)
	out.Images = preview.Images(was.ready, is.ready)
	out.Differs = out.Digest != diff.Digest(was.ready, is.ready)
	out.Change = c.said.public(between(ownBefore, ownAfter, was.Objects == nil))
	if out.Differs {
		out.Merged = c.said.public(between(was, is, was.Objects == nil))
	}
	if p.pull.Fork {
		out.NotAsked = "of a fork: compared as rendered, and no cluster is asked"
	}
	if p.merged != nil {
		err = p.addApplied(ctx, c)
	}
	return out, err
}

// own gives both sides of what the pull request changes of its own: its head against where it left the branch.
func (p *planning) own(ctx context.Context, c *candidate, was, is face, from, to *commit) (before, after face, err error) {
	if from == p.base && to == p.head {
		return was, is, nil
	}
	before, _, err = p.face(ctx, c, p.base)
	if err != nil {
		return before, after, err
	}
	after, f, err := p.face(ctx, c, p.head)
	if f != nil {
		return was, is, err // it is mended by what came to the branch since
	}
	return before, after, err
}

// face is an app as one commit has it: as rendered, and ready to be planned.
type face struct {
	preview.Side
	ready []object.Object
}

// face renders an app as a commit has it.
func (p *planning) face(ctx context.Context, c *candidate, at *commit) (face, *fault.Fault, error) {
	recorded, f, err := p.render(ctx, c, at)
	if recorded == nil || f != nil || err != nil {
		return face{}, f, err
	}
	out := face{Side: preview.Side{Objects: recorded.Manifest.Objects, Namespace: c.at[at].Namespace}}
	identity := c.app.Identity
	identity.Target = out.Namespace
	if out.ready, _, err = plan.Ready(out.Objects, identity, func(o object.Object) bool { return p.namespaced(ctx, o) }); err != nil {
		return face{}, fault.Of(err, fault.InvalidObject), nil
	}
	return out, nil, nil
}

// between compares two sides as they are rendered.
func between(before, after face, install bool) []report.ObjectDiff {
	_, was := plan.Hooks(before.ready)
	_, is := plan.Hooks(after.ready)
	out := preview.RenderedRisks(was, is)
	return append(out, preview.Hooks(before.ready, after.ready, install, len(out) > 0)...)
}

// namespaced tells whether objects of a kind have a namespace; of a kind that nobody serves yet, they have.
func (p *planning) namespaced(ctx context.Context, o object.Object) bool {
	kind, served, err := p.hands.Cluster.Mapper().Of(ctx, o.ID(), o.Version())
	return err != nil || !served || kind.Namespaced
}

// manifests are what Git says of objects: only that may be told to whoever reads the pull request.
type manifests map[object.ID][]object.Object

func (m manifests) add(objects []object.Object) {
	for _, o := range objects {
		m[o.ID()] = append(m[o.ID()], o)
	}
}

func (m manifests) public(diffs []report.ObjectDiff) []report.PublicObject {
	var out []report.PublicObject
	for _, d := range diffs {
		out = append(out, report.Public(d, m[d.Object]...))
	}
	return out
}

// live asks the cluster what merging an app's change would do.
func (p *planning) live(ctx context.Context, c *candidate, previewer preview.Previewer, out *report.PullApp) error {
	defer func() { c.app, c.known, c.said = preview.App{}, nil, nil }() // of many apps these are large
	if out.Fault != nil || p.merged == nil {
		return nil
	}
	notAsked := func(err error) error {
		out.NotAsked = fault.Of(err, fault.Unreachable).Message
		return ctx.Err()
	}
	account := p.at.Repo.Spec.ServiceAccount
	if c.byHand {
		account = c.object.Spec.ServiceAccount
	}
	eyes, err := p.hands.Eyes(ctx, p.at.Repo.Namespace, account, c.app.Identity.Target)
	if err != nil {
		return notAsked(err)
	}
	if c.app.Policy, err = p.policy(ctx, c); err != nil {
		return err
	}
	previewer.Eyes, previewer.Document = eyes, eyes.Document
	answer, err := previewer.Compare(ctx, c.app)
	if err != nil {
		return notAsked(err)
	}
	if answer == nil {
		answer = &report.AppDiff{}
	}
	out.Fault, out.Notes, out.Allow = answer.Fault, answer.Notes, answer.Allow
	out.Waiting, out.Drift = c.said.public(answer.Waiting), c.said.public(answer.Drift)
	if out.Differs {
		out.Merged = c.said.public(answer.Objects)
		return nil
	}
	out.Change = c.said.public(answer.Objects)
	return nil
}

// addApplied renders what was applied last, which tells what waits from what drifted.
func (p *planning) addApplied(ctx context.Context, c *candidate) error {
	if c.object == nil || c.object.Status.Revision == "" {
		return nil
	}
	at, err := p.appliedAt(ctx, c.object.Status.Revision)
	if err != nil || at == nil {
		c.app.Notes = append(c.app.Notes, fmt.Sprintf("the commit that was applied, %.7s, cannot be read: what waits and what drifted is not told apart", c.object.Status.Revision))
		c.app.Applied = c.app.Base
		return ctx.Err()
	}
	c.at[at] = c.placed(at)
	was, f, err := p.face(ctx, c, at)
	if f != nil {
		c.app.Notes = append(c.app.Notes, "what was applied cannot be rendered any more: "+f.Message)
	}
	c.app.Applied = was.Side
	return err
}

// appliedAt reads the tree of a commit that was applied; nil if it is not here any more.
func (p *planning) appliedAt(ctx context.Context, id string) (*commit, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if at, known := p.applied[id]; known {
		return at, nil
	}
	for _, at := range []*commit{p.tip, p.base} {
		if at.id == id {
			return at, nil
		}
	}
	at, err := p.commit(ctx, id, p.tip)
	if fault.Is(err, fault.RevisionNotFound) {
		at, err = nil, nil
	}
	if err == nil {
		p.applied[id] = at
	}
	return at, err
}

// policy gives the rules for an app's plans: with the consents of the commits since the last one with nothing held, as if the
// request were merged.
func (p *planning) policy(ctx context.Context, c *candidate) (plan.Policy, error) {
	settings := c.app.Settings
	out := plan.Policy{
		Prune: settings.Prune == nil || *settings.Prune, Replace: settings.Replace, Complete: true, Descendant: true, Removed: c.at[p.merged] == nil,
	}
	if limit := p.merged.apps.Root.Limits.Deletions; limit != nil {
		out.Limit = *limit
	}
	if c.object == nil {
		return out, nil
	}
	since := cmp.Or(c.object.Status.ConsentBase, c.object.Status.Revision)
	if since == "" {
		return out, nil
	}
	log, err := p.at.Mirror.Log(ctx, since, p.merged.id, consentLimit)
	if fault.Is(err, fault.RevisionNotFound) {
		return out, nil
	}
	for _, commit := range log {
		out.Consents = append(out.Consents, plan.ParseConsents(commit.ID, commit.Subject+"\n\n"+commit.Body)...)
	}
	return out, err
}
