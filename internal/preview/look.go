package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// requests is how many requests of one person run at once.
const requests = 8

// autoscalers is the longest list of autoscalers that is read.
const autoscalers = 500

// sight is what a person saw of the objects of one app, and what the API server said it would make of them.
type sight struct {
	mu      sync.Mutex
	picture plan.Picture
	live    map[object.ID]object.Object
	fields  map[object.ID][]metav1.ManagedFieldsEntry
	hidden  map[object.ID]bool // could not be read
	answers map[string]answer  // by ID and digest of what was asked
	asides  map[why]int        // why objects were compared without the API server, and how many
	aside   map[object.ID]bool // those objects
	manager string

	schemas documents
}

// why is why an object was compared without the API server, and whether its schema at least was looked at.
type why struct {
	text   string
	schema bool
}

// answer is what the API server made of an object.
type answer struct {
	object object.Object
	err    error
	local  bool // it was not asked: the object stands as it was rendered
	schema bool // and was checked against the schema of its kind
}

// see reads every object that one of the sides has or had.
func (p *Previewer) see(ctx context.Context, app App, sides ...Side) (*sight, error) {
	s := &sight{
		live: map[object.ID]object.Object{}, fields: map[object.ID][]metav1.ManagedFieldsEntry{}, hidden: map[object.ID]bool{},
		answers: map[string]answer{}, asides: map[why]int{}, aside: map[object.ID]bool{},
		manager: object.Manager(app.Identity.Namespace, app.Identity.Name),
	}
	s.picture = plan.Picture{
		Version: plan.Version, Live: map[object.ID]plan.Live{}, Absent: map[object.ID]bool{}, UnknownKinds: map[string]bool{},
		Terminating: map[string]bool{}, EmptyNamespaces: map[string]bool{}, Wanted: map[object.ID]plan.Claim{},
		GivenUp: map[object.ID]string{}, LivingApps: map[string]bool{app.Identity.UID: true},
	}
	versions := map[object.ID]string{{Kind: "Namespace", Name: app.Identity.Target}: "v1"}
	for _, e := range app.Inventory {
		if e.Hook == "" {
			versions[plan.EntryID(e)] = e.Version
		}
		if e.Kind == "Namespace" && e.Group == "" { // not searched: the deletion says on what it depends
			s.picture.EmptyNamespaces[e.Name] = true
		}
	}
	namespaced := p.namespaced(ctx)
	for _, rendered := range sides {
		ready, _, err := plan.Ready(rendered.Objects, app.at(rendered), namespaced)
		if err != nil {
			continue // said by the side itself
		}
		_, ready = plan.Hooks(ready)
		for _, o := range ready {
			versions[o.ID()] = o.Version()
		}
	}
	group, seeing := errgroup.WithContext(ctx)
	group.SetLimit(requests)
	for id, version := range versions {
		group.Go(func() error { return p.seeOne(seeing, s, id, version) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.claims(app, s)
	return s, p.seeAutoscalers(ctx, app, s)
}

func (p *Previewer) seeOne(ctx context.Context, s *sight, id object.ID, version string) error {
	live, entries, err := p.Eyes.Get(ctx, id, version)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case cluster.IsGone(err):
		s.picture.Absent[id] = true
	case fault.Is(err, fault.KindUnknown):
		s.picture.Absent[id], s.picture.UnknownKinds[id.GroupKind()] = true, true
	case fault.Is(err, fault.Forbidden):
		s.hidden[id] = true
	case err != nil:
		return err
	default:
		meta, err := metadataOf(live)
		if err != nil {
			return err
		}
		s.live[id], s.fields[id] = live, entries
		s.picture.Live[id] = plan.LiveOf(id, meta, s.manager)
	}
	return nil
}

func metadataOf(o object.Object) (*metav1.ObjectMeta, error) {
	data, err := json.Marshal(o.Fields["metadata"])
	if err != nil {
		return nil, fmt.Errorf("read the metadata of %s: %w", o.ID(), err)
	}
	var meta metav1.ObjectMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, fmt.Errorf("read the metadata of %s: %w", o.ID(), err)
	}
	return &meta, nil
}

// claims fills in what the other apps want at the tree.
func (p *Previewer) claims(app App, s *sight) {
	for uid, other := range p.Wants {
		s.picture.LivingApps[uid] = true
		if uid == app.Identity.UID {
			continue
		}
		for id := range other.IDs {
			s.picture.Wanted[id] = plan.Claim{App: other.App, UID: uid}
		}
		for id, live := range s.picture.Live {
			if plan.OwnerUID(live.Owner) == uid && !other.IDs[id] {
				s.picture.GivenUp[id] = uid
			}
		}
	}
}

// seeAutoscalers lists the autoscalers of the namespaces of workloads: what they own is not Git's to say.
func (p *Previewer) seeAutoscalers(ctx context.Context, app App, s *sight) error {
	var namespaces []string
	for id := range s.live {
		if id.Kind == "Deployment" || id.Kind == "StatefulSet" {
			namespaces = append(namespaces, id.Namespace)
		}
	}
	slices.Sort(namespaces)
	for _, namespace := range slices.Compact(namespaces) {
		for kind, version := range plan.AutoscalerVersions {
			found, err := p.Eyes.List(ctx, object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace}, version, "", autoscalers)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil { // the marks on the objects decide
				s.picture.Unscaled = map[string]bool{namespace: true}
			}
			for _, o := range found {
				if a, ok := plan.AutoscalerOf(o); ok {
					s.picture.Autoscalers = append(s.picture.Autoscalers, a)
				}
			}
		}
	}
	return nil
}

// side is one render, planned against the one look.
type side struct {
	plan     plan.Plan
	rendered map[object.ID]object.Object // with namespaces and our marks, before anything is left to an autoscaler
	objects  map[object.ID]object.Object // as they would be applied
	steps    map[object.ID]plan.Step
	hooks    []object.Object
	// The definitions of kinds that are not yet as it has them, by object.ID.GroupKind.
	definitions map[string]object.Object
}

func (p *Previewer) side(ctx context.Context, app App, s *sight, rendered Side) (side, error) {
	out := side{
		rendered: map[object.ID]object.Object{}, objects: map[object.ID]object.Object{}, steps: map[object.ID]plan.Step{},
		definitions: DefinitionsOf(app.Applied.Objects, rendered.Objects),
	}
	ready, _, err := plan.Ready(rendered.Objects, app.at(rendered), p.namespaced(ctx))
	if err != nil {
		return out, err
	}
	out.hooks, _ = plan.Hooks(ready)
	for i, o := range ready {
		if o.Name() == "" {
			continue
		}
		out.rendered[o.ID()] = o
		live, exists := s.live[o.ID()]
		rules := plan.RulesFor(app.Settings.Ignore, o.ID())
		if !exists || len(rules) == 0 {
			continue
		}
		if ready[i], err = plan.Released(o, live, s.fields[o.ID()], s.manager, rules); err != nil {
			return out, err
		}
	}
	policy := app.Policy
	policy.Removed = app.Policy.Removed && len(rendered.Objects) == 0
	out.plan = plan.Make(plan.Input{App: app.at(rendered), Revision: "this tree", Desired: ready, Inventory: app.Inventory, Picture: s.picture, Policy: policy,
		Rollout: plan.Rollout{Done: true}}) // what hooks do is told apart
	if out.plan.Fault != nil { // the base, or what was applied; of the tree it is the answer
		_, ordinary := plan.Hooks(slices.Collect(maps.Values(out.rendered)))
		for _, o := range ordinary {
			out.objects[o.ID()] = o
		}
	}
	for _, step := range out.plan.Steps {
		out.steps[step.ID] = step
		if step.Object != nil {
			out.objects[step.ID] = *step.Object
		}
	}
	return out, nil
}
