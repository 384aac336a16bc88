package agent

import (
	"context"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/repos"
)

// ends are the hooks around the end of an app, as they were rendered from the revision that was applied last.
type ends struct {
	revision string
	objects  []object.Object
}

// endHooksShown is how many of them a status names.
const endHooksShown = 20

// fillEnd notes in the status of a revision that was applied which hooks run when the app goes, and where they are then: the
// folder is gone by that time. What is gone from Git keeps them.
func (t *turn) fillEnd(s *v1alpha1.AppStatus) {
	if t.offer.removed || !t.loaded {
		return
	}
	s.EndHooks, t.app.ends = nil, ends{}
	if hooks := plan.EndHooks(t.objects); len(hooks) > 0 {
		s.EndHooks = &v1alpha1.EndHooks{Revision: t.app.target, Hooks: hooks[:min(len(hooks), endHooksShown)]}
	}
}

// isOver tells whether a folder that is gone from Git has left nothing in the cluster, and none of its hooks is still to run.
// What its hooks have made, and their records, do not count.
func (a *app) isOver() bool {
	for _, e := range a.inventory {
		if e.Hook == "" {
			return false
		}
	}
	return !a.deleting && (a.planned == nil || !slices.ContainsFunc(a.planned.Steps, func(s plan.Step) bool { return s.Gated() || s.Begins() }))
}

// endHooks gives the hooks around the end of the app. They are rendered from the revision that the status names, with the
// settings of that revision, and only if it names one: an app without such hooks ends without Git.
func (t *turn) endHooks(ctx context.Context) ([]object.Object, error) {
	a, last := t.app, t.app.status.EndHooks
	if last == nil {
		return nil, nil
	}
	if a.ends.revision == last.Revision {
		return a.ends.objects, nil
	}
	objects, err := t.renderEnd(ctx, last.Revision)
	if err != nil {
		f := fault.New(fault.ApplyFailed, "the hooks around the deletion of the app cannot be read from %s, so nothing is deleted: %w", short(last.Revision), err)
		if t.object.DeletionTimestamp != nil {
			return nil, f.WithNext("it is tried again; annotation %s: orphan on the App lets it go without them, and leaves its objects", v1alpha1.AnnotationDelete)
		}
		return nil, f.WithNext("it is tried again; a commit that brings the folder back ends it too")
	}
	a.ends = ends{revision: last.Revision, objects: objects}
	return objects, nil
}

func (t *turn) renderEnd(ctx context.Context, revision string) ([]object.Object, error) {
	if t.offer == nil || t.offer.mirror == nil {
		return nil, fault.New(fault.ApplyFailed, "its repository was not read yet")
	}
	of, err := t.offerAt(ctx, revision)
	if err != nil {
		return nil, err
	}
	then := &turn{agent: t.agent, app: t.app, object: t.object, offer: of, client: t.client, log: t.log}
	answers := t.agent.cluster.Mapper().Answers(ctx)
	manifest, err := t.agent.renderer.Render(ctx, then.request(answers))
	if err == nil {
		err = answers.Failure()
	}
	if err != nil {
		return nil, err
	}
	objects, _, err := plan.Ready(manifest.Objects, then.identity(), func(o object.Object) bool { return t.namespaced(ctx, o) })
	return objects, err
}

// offerAt is the app as it was in a former commit: its folder, its settings, and the charts that it needs. Values of other
// repositories are those of now.
func (t *turn) offerAt(ctx context.Context, commit string) (*offer, error) {
	of := *t.offer
	of.commit, of.removed, of.fault, of.base, of.needs = commit, false, nil, nil, nil
	if err := of.mirror.Complete(ctx, commit, []string{"plumb.yaml", t.object.Spec.Path}); err != nil {
		return nil, err
	}
	var err error
	if of.snapshot, err = of.mirror.Snapshot(ctx, commit); err != nil {
		return nil, err
	}
	if err := t.placeAt(&of); err != nil {
		return nil, err
	}
	if of.needs, err = (&app{}).needs(&of); err != nil {
		return nil, err
	}
	return &of, t.fetchNeeds(ctx, of.needs)
}

// placeAt finds the app in the tree of an offer, as its Repo would.
func (t *turn) placeAt(of *offer) error {
	r := t.agent.repoOf(t.object.Namespace, makerOf(t.object))
	if makerOf(t.object) == "" || r == nil {
		placed := fleet.ByHand(of.snapshot, t.object)
		of.placement = placed.App
		return orNil(placed.Fault)
	}
	o := r.Object()
	result := fleet.Discover(fleet.Input{Tree: of.snapshot, Apps: o.Spec.Apps, Clusters: t.agent.clusterList(), Repo: o.Name, Namespace: o.Namespace})
	for _, placed := range result.Apps {
		if placed.Name == t.object.Name {
			of.placement = placed
			return orNil(placed.Fault)
		}
	}
	return fault.New(fault.PathNotFound, "%s has no app %s in %s", o.Spec.URL, t.object.Name, short(of.commit))
}

// fetchNeeds has the charts from elsewhere fetched that are not in the store.
func (t *turn) fetchNeeds(ctx context.Context, needs []need) error {
	access, poll := t.agent.accessFor(t.object)
	for i := range needs {
		n := &needs[i]
		if n.folder != "" {
			continue
		}
		key := repos.KeyOf(t.object.Namespace, n.ref, access, poll)
		if found, ok := t.agent.charts.Have(key); ok {
			n.found = found
			continue
		}
		var err error
		if n.found, err = t.agent.charts.Ask(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
