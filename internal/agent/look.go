package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// listFrom is how many unknown objects of one kind and namespace are looked at by a list instead of one by one.
const listFrom = 3

// listLimit is the longest list that is read for that; a longer one proves nothing and single reads follow.
const listLimit = 500

// look takes the Picture that a Plan is made from. What the watches show costs nothing; what they do not show is read
// as the app's ServiceAccount, in lists where that is cheaper.
func (t *turn) look(ctx context.Context, in plan.Input) (plan.Picture, error) {
	t.app.heard = t.agent.said()
	ids, versions := plan.Needs(in), plan.Versions(in)
	p := plan.Picture{
		Version: plan.Version, Live: map[object.ID]plan.Live{}, Absent: map[object.ID]bool{},
		UnknownKinds: map[string]bool{}, Terminating: map[string]bool{}, EmptyNamespaces: map[string]bool{},
	}
	var served []object.ID
	for _, id := range ids {
		_, known, err := t.agent.cluster.Mapper().Of(ctx, id, versions[id])
		if err != nil {
			t.log.Warn("a kind cannot be looked at", "object", id.String(), "error", err)
			continue // neither live nor absent: the planner refuses this object alone
		}
		if !known {
			p.UnknownKinds[id.GroupKind()] = true
			p.Absent[id] = true
			continue
		}
		if err := t.agent.facts.Watch(ctx, t.agent.life, id, versions[id], t.needsStatus(id)); err != nil {
			return p, err
		}
		served = append(served, id)
	}
	var unknown []object.ID
	for _, id := range served { // all their watches have begun
		if err := t.agent.facts.Wait(ctx, id); err != nil {
			return p, err
		}
		if live, ok := t.fromFacts(id); ok {
			p.Live[id] = live
			continue
		}
		unknown = append(unknown, id)
	}
	unknown = t.presume(&p, in, unknown)
	t.lookClosely(ctx, &p, unknown, versions)
	t.lookAtNamespaces(ctx, &p, in)
	t.lookForAutoscalers(ctx, &p, in)
	t.lookForReleases(ctx, &p, in)
	t.agent.claims.picture(t.app.key, &p, ids)
	p.Failing = t.failing(ctx)
	t.lookAtHealth(ctx, &p, in, versions)
	return p, nil
}

// presume takes those objects as absent that nobody need look for, and gives the others. The answer to the apply says whether it
// was so: that is a request less for each kind and namespace, and no time passes between the look and the deed. What is only
// shown is looked at.
func (t *turn) presume(p *plan.Picture, in plan.Input, unknown []object.ID) []object.ID {
	if t.offer == nil || t.agent.options.ReadOnly || t.manual() || t.adopt != nil {
		return unknown
	}
	p.Presumed = map[object.ID]bool{}
	fresh := plan.Fresh(in)
	return slices.DeleteFunc(unknown, func(id object.ID) bool {
		_, seen := t.agent.facts.Get(id)
		if !fresh[id] || seen || t.agent.facts.Blind(id) || t.app.existing[id] {
			return false
		}
		p.Absent[id], p.Presumed[id] = true, true
		return true
	})
}

// lookForReleases asks whether Helm still knows the releases that made objects of the app.
func (t *turn) lookForReleases(ctx context.Context, p *plan.Picture, in plan.Input) {
	p.Releases = map[string]string{}
	for _, r := range plan.ReleasesOf(*p, in.Inventory) {
		if kept := t.client.HelmKeeps(ctx, r.Namespace, r.Name); kept != "" {
			p.Releases[r.String()] = kept
		}
	}
}

// needsStatus tells whether the health of an object depends on more than its metadata. Of a Secret nothing else is read.
func (t *turn) needsStatus(id object.ID) bool {
	if id.Group == "" && id.Kind == "Secret" {
		return false
	}
	return health.NeedsStatus(schema.GroupKind{Group: id.Group, Kind: id.Kind}, t.app.healthRules())
}

// fromFacts gives what the watches know. A fact alone does not prove whose an object is on a first claim: then the
// tracking marks of other tools matter, which only a closer look shows.
func (t *turn) fromFacts(id object.ID) (plan.Live, bool) {
	fact, ok := t.agent.facts.Get(id)
	if !ok || t.unlisted(id) {
		return plan.Live{}, false
	}
	entry, recorded := t.app.inventory[id]
	if !recorded || entry.UID != fact.UID || t.shared(fact) {
		return plan.Live{}, false
	}
	live := plan.Live{
		UID: fact.UID, Version: fact.Version, Owner: fact.Owner, Managed: fact.Managed, Owned: fact.Owned,
		Terminating: fact.Terminating,
	}
	live.Scaled, live.Counts, live.Uncounted = diff.ReadScaled(fact.Scaled), fact.Counts, fact.Uncounted
	if fact.Added != "" && fact.Added != t.app.accepted[id] {
		live.Added = strings.Split(diff.AddedManagers(fact.Added), ",")
	}
	return live, true
}

// lookClosely reads the metadata of objects that no watch shows.
func (t *turn) lookClosely(ctx context.Context, p *plan.Picture, ids []object.ID, versions map[object.ID]string) {
	type group struct {
		kind      cluster.Kind
		namespace string
	}
	groups := map[group][]object.ID{}
	for _, id := range ids {
		kind, _, err := t.agent.cluster.Mapper().Of(ctx, id, versions[id])
		if err != nil {
			continue
		}
		g := group{kind: kind, namespace: id.Namespace}
		groups[g] = append(groups[g], id)
	}
	for g, members := range groups {
		if len(members) >= listFrom && g.namespace != "" && !t.unlisted(members[0]) && t.lookAtList(ctx, p, g.kind, g.namespace, members) {
			continue
		}
		for _, id := range members {
			t.lookAtOne(ctx, p, id, versions[id])
		}
	}
}

func (t *turn) lookAtList(ctx context.Context, p *plan.Picture, kind cluster.Kind, namespace string, ids []object.ID) bool {
	items, complete, err := t.client.ListMetadata(ctx, kind, namespace, listLimit)
	if err != nil || !complete {
		return false
	}
	byName := make(map[string]*metav1.ObjectMeta, len(items))
	for i := range items {
		byName[items[i].Name] = &items[i]
	}
	for _, id := range ids {
		if meta := byName[id.Name]; meta != nil {
			p.Live[id] = plan.LiveOf(id, meta, t.manager())
			continue
		}
		p.Absent[id] = true
	}
	return true
}

func (t *turn) lookAtOne(ctx context.Context, p *plan.Picture, id object.ID, version string) {
	meta, err := t.client.GetMetadata(ctx, id, version)
	if t.unlisted(id) {
		t.takeSight(id, meta, err)
	}
	switch {
	case cluster.IsGone(err):
		p.Absent[id] = true
	case err != nil:
		t.log.Warn("an object cannot be read", "object", id.String(), "error", err)
	default:
		p.Live[id] = plan.LiveOf(id, &meta, t.manager())
	}
}

// lookAtNamespaces finds which namespaces are being deleted, and which hold nothing but what this app made.
func (t *turn) lookAtNamespaces(ctx context.Context, p *plan.Picture, in plan.Input) {
	wished := map[object.ID]bool{{Kind: "Namespace", Name: in.App.Target}: !in.Policy.Removed}
	for _, o := range in.Desired {
		wished[o.ID()] = true
	}
	var names []string
	for _, o := range in.Desired {
		names = append(names, o.Namespace())
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		id := object.ID{Kind: "Namespace", Name: name}
		if name == "" || p.Absent[id] {
			continue
		}
		live, ok := p.Live[id]
		if !ok {
			live.Terminating = t.agent.namespaceTerminating(ctx, t.client, name)
		}
		if live.Terminating {
			p.Terminating[name] = true
			t.lookWhatKeeps(ctx, p, name)
		}
	}
	for _, e := range in.Inventory {
		id := plan.EntryID(e)
		if id.Group == "" && id.Kind == "Namespace" && !wished[id] && e.Created && e.UID != "" && mayGo(in.Policy, id) {
			p.EmptyNamespaces[id.Name] = t.namespaceEmpty(ctx, id.Name)
		}
	}
}

// mayGo tells whether a line of consent names a Namespace: without one it is held, whatever is in it, and need not be
// searched.
func mayGo(policy plan.Policy, id object.ID) bool {
	return slices.ContainsFunc(policy.Consents, func(c plan.Consent) bool { return c.Kind == id.Kind && c.Name == id.Name })
}

// namespaceTerminating asks for a namespace; the answer "no" is believed for a few seconds, and so is that nobody may ask.
func (ag *Agent) namespaceTerminating(ctx context.Context, client *cluster.Client, name string) bool {
	ag.mu.Lock()
	seen := ag.namespaces[name]
	ag.mu.Unlock()
	if time.Since(seen) < 5*time.Second {
		return false
	}
	meta, err := client.GetMetadata(ctx, object.ID{Kind: "Namespace", Name: name}, "v1")
	if err == nil && meta.DeletionTimestamp != nil {
		return true
	}
	if err != nil && !cluster.IsGone(err) && !fault.Is(err, fault.Forbidden) {
		return false // not known: asked again
	}
	ag.mu.Lock()
	ag.namespaces[name] = time.Now()
	ag.mu.Unlock()
	return false
}

// requireAccount makes sure that the ServiceAccount exists: the API server lets one impersonate what is not there, and
// then says Forbidden, which would send people the wrong way. A yes is believed for a minute. target is where the objects go.
func (ag *Agent) requireAccount(ctx context.Context, namespace, name, target string) error {
	key := namespace + "/" + name
	ag.mu.Lock()
	seen := ag.accounts[key]
	ag.mu.Unlock()
	if time.Since(seen) < time.Minute {
		return nil
	}
	_, err := ag.cluster.Own().GetMetadata(ctx, object.ID{Kind: "ServiceAccount", Namespace: namespace, Name: name}, "v1")
	if cluster.IsGone(err) {
		return cluster.MissingServiceAccount(namespace, name, target)
	}
	if err != nil {
		return fmt.Errorf("ServiceAccount %s cannot be looked at: %w", key, err)
	}
	ag.mu.Lock()
	ag.accounts[key] = time.Now()
	ag.mu.Unlock()
	return nil
}
