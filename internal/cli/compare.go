package cli

import (
	"context"
	"io/fs"
	"sync"

	"golang.org/x/sync/errgroup"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
)

// comparer renders apps on two sides.
type comparer struct {
	env           Env
	options       diffOptions
	renderer      *render.Renderer
	charts        *charts
	besides       *besides
	cache         *render.Cache
	before, after fs.FS

	mu      sync.Mutex
	changes []policy.Change // what differs, for the policies
}

// judge keeps what differs between two renders of an app.
func (c *comparer) judge(app fleet.App, before, after []object.Object) {
	found := policy.Changes(policyApp(app, c.options.answers.kubeVersion), before, after)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, found...)
}

// all compares every pair; those that do not differ are left out.
func (c *comparer) all(ctx context.Context, pairs []pair) ([]report.AppDiff, error) {
	return differing(ctx, pairs, c.compare)
}

// differing compares things, two at once, and gives those that differ, in order.
func differing[T any](ctx context.Context, things []T, compare func(context.Context, T) (*report.AppDiff, error)) ([]report.AppDiff, error) {
	results := make([]*report.AppDiff, len(things))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2) // the renderer has two children
	for i, thing := range things {
		group.Go(func() error {
			var err error
			results[i], err = compare(ctx, thing)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []report.AppDiff
	for _, r := range results {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out, nil
}

// compare gives what differs in one app; nil if nothing does. What the base read is recorded: if the working tree answers
// the same there is nothing to render.
func (c *comparer) compare(ctx context.Context, p pair) (*report.AppDiff, error) {
	old, err := c.old(ctx, p.before)
	if err != nil {
		return nil, err
	}
	if p.after == nil {
		d := &report.AppDiff{Address: p.before.Address().String(), Notes: []string{"the app goes: its deletions are held until a commit consents"}}
		_, ordinary := plan.Hooks(old.objects)
		d.Objects = preview.Rendered(ordinary, nil)
		c.judge(*p.before, old.objects, nil)
		return d, nil
	}
	d := &report.AppDiff{Address: p.after.Address().String(), Before: old.failure}
	if p.after.Fault != nil {
		d.Fault = p.after.Fault
		return d, nil
	}
	req, closer, err := c.request(c.after, *p.after, p.before != nil)
	if err != nil {
		return nil, err
	}
	defer closer()
	c.besides.working(&req)
	if p.before == nil {
		d.Notes = append(d.Notes, "a new app, in namespace "+p.after.Namespace)
	} else if p.before.Namespace != p.after.Namespace {
		d.Notes = append(d.Notes, "the namespace changes from "+p.before.Namespace+" to "+p.after.Namespace+": a new copy there, the old one is held")
	}
	if err := c.charts.complete(ctx, c.after, *p.after, &req); err != nil {
		d.Fault = fault.Of(err, fault.FetchFailed)
		return d, ctx.Err()
	}
	if old.recorded != nil && old.recorded.Unchanged(req) && len(d.Notes) == 0 {
		return nil, nil
	}
	manifest, err := c.renderer.Render(ctx, req)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		d.Fault = fault.Of(err, fault.RenderFailed)
		return d, nil
	}
	c.judge(*p.after, old.objects, manifest.Objects)
	_, before := plan.Hooks(old.objects)
	_, after := plan.Hooks(manifest.Objects)
	d.Objects = preview.Rendered(before, after)
	d.Objects = append(d.Objects, preview.Hooks(old.objects, manifest.Objects, p.before == nil, len(d.Objects) > 0)...)
	if len(d.Objects)+len(d.Notes) == 0 && old.failure == nil {
		return nil, nil
	}
	return d, nil
}

// side is the base's render of an app.
type side struct {
	objects  []object.Object
	recorded *render.Recorded
	failure  *fault.Fault
}

func (c *comparer) old(ctx context.Context, app *fleet.App) (side, error) {
	switch {
	case app == nil:
		return side{}, nil
	case app.Fault != nil:
		return side{failure: app.Fault}, nil
	}
	req, closer, err := c.request(c.before, *app, true)
	if err != nil {
		return side{}, err
	}
	defer closer()
	if err := c.besides.committed(ctx, &req); err != nil {
		return side{}, err
	}
	if err := c.charts.complete(ctx, c.before, *app, &req); err != nil {
		return side{failure: fault.Of(err, fault.FetchFailed)}, ctx.Err()
	}
	rec, ok := c.cache.Load(app.Name)
	if !ok || !rec.Unchanged(req) {
		manifest, err := c.renderer.Render(ctx, req)
		switch {
		case ctx.Err() != nil:
			return side{}, ctx.Err()
		case err != nil:
			rec = render.RecordFailure(req, manifest, err)
			if rec == nil {
				return side{failure: fault.Of(err, fault.RenderFailed)}, nil
			}
		default:
			rec = render.Record(req, manifest)
		}
		_ = c.cache.Store(app.Name, rec) // without the cache the next diff only renders again
	}
	return side{objects: rec.Manifest.Objects, recorded: rec, failure: rec.Failure}, nil
}

func (c *comparer) request(tree fs.FS, app fleet.App, upgrade bool) (render.Request, func(), error) {
	answers, err := c.options.answers.capabilities()
	if err != nil {
		return render.Request{}, nil, err
	}
	req := requestOf(tree, app)
	req.Upgrade, req.Set, req.Capabilities = upgrade, c.options.set, answers
	if c.options.namespace != "" {
		req.Namespace = c.options.namespace
	}
	return withValues(c.env, req, c.options.values)
}
