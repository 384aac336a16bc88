package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// This file is a model of a cluster, a repository and an agent that carries plans out, small enough to be believed by
// reading it. It knows the truth that the planner may only conclude: who made each object, and what each commit says.

// thing is an object of the model cluster.
type thing struct {
	uid      string
	maker    string            // UID of the App that really made it, or "person"
	owner    string            // the claim on it
	managed  bool              // our label
	value    string            // what it is
	managers map[string]string // what each field manager owns of it
}

// commit is one commit of the model repository: per app its objects, nil for an app whose folder is gone.
type commit struct {
	id      string
	parent  int // index, -1 for the first
	wishes  map[string]map[object.ID]string
	broken  map[string]bool // apps whose folder cannot be rendered: nobody but the model knows their wishes
	message string
}

// agentOf is what the agent keeps for one app.
type agentOf struct {
	app       plan.App
	inventory []v1alpha1.InventoryEntry
	base      int    // last commit with nothing held, -1 if none
	applied   string // last commit that was applied completely
	decided   int    // last commit for which its wishes are known, -1 if none
}

type world struct {
	t       *rapid.T
	things  map[object.ID]*thing
	commits []commit
	head    int
	agents  []*agentOf
	uids    int
	deletes int
}

var team = object.ID{Kind: "Namespace", Name: "team"}

// pool are the objects that commits, apps and persons use.
var pool = func() []object.ID {
	ids := []object.ID{team}
	for i := range 5 {
		ids = append(ids, object.ID{Kind: "ConfigMap", Namespace: "team", Name: fmt.Sprintf("c%d", i)})
	}
	for i := range 2 {
		ids = append(ids, object.ID{Kind: "PersistentVolumeClaim", Namespace: "team", Name: fmt.Sprintf("p%d", i)})
	}
	return ids
}()

func newWorld(t *rapid.T) *world {
	w := &world{t: t, things: map[object.ID]*thing{}}
	for _, name := range []string{"a", "b"} {
		app := plan.App{Namespace: "plumb-system", Name: name, UID: "uid-" + name, App: name, Target: "team"}
		w.agents = append(w.agents, &agentOf{app: app, base: -1, decided: -1})
	}
	for _, id := range pool {
		if id == team || rapid.IntRange(0, 3).Draw(t, "was there before") == 0 {
			w.things[id] = &thing{uid: w.uid(), maker: "person", value: "p", managers: map[string]string{"kubectl-create": "p"}}
		}
	}
	if rapid.Bool().Draw(t, "new cluster") {
		w.things = map[object.ID]*thing{}
	}
	w.commits = []commit{{id: "commit0", parent: -1, wishes: map[string]map[object.ID]string{"a": {}, "b": {}}}}
	return w
}

func (w *world) uid() string { w.uids++; return fmt.Sprintf("u%d", w.uids) }

// manifestOf is the object as Git has it, with our marks.
func manifestOf(app plan.App, id object.ID, value string) object.Object {
	o := object.Object{Fields: map[string]any{
		"apiVersion": "v1", "kind": id.Kind, "metadata": map[string]any{"name": id.Name}, "value": value,
	}}
	if id.Namespace != "" {
		o = o.WithNamespace(id.Namespace)
	}
	return o.WithLabel(v1alpha1.LabelManaged, "true").WithAnnotation(v1alpha1.AnnotationOwner, app.Owner())
}

func valueOf(o object.Object) string { v, _ := o.Fields["value"].(string); return v }

// ancestors gives a commit and all before it.
func (w *world) ancestors(i int) map[int]bool {
	out := map[int]bool{}
	for ; i >= 0; i = w.commits[i].parent {
		out[i] = true
	}
	return out
}

// consents are those of the commits in (base, head].
func (w *world) consents(a *agentOf) []plan.Consent {
	before := w.ancestors(a.base)
	var out []plan.Consent
	for i := range w.commits {
		if w.ancestors(w.head)[i] && !before[i] {
			out = append(out, plan.ParseConsents(w.commits[i].id, w.commits[i].message)...)
		}
	}
	return out
}

// input is what an honest agent puts together for an app at the head.
func (w *world) input(a *agentOf) plan.Input {
	wishes := w.commits[w.head].wishes[a.app.App]
	in := plan.Input{App: a.app, Revision: w.commits[w.head].id, Inventory: slices.Clone(a.inventory)}
	for id, value := range wishes {
		in.Desired = append(in.Desired, manifestOf(a.app, id, value))
	}
	two := 2
	in.Policy = plan.Policy{
		Prune: true, Complete: true, Removed: wishes == nil, Limit: v1alpha1.DeletionLimit{Count: &two},
		Descendant: a.base < 0 || w.ancestors(w.head)[a.base], Consents: w.consents(a),
	}
	in.Picture = w.picture(a, in)
	return in
}

func (w *world) picture(a *agentOf, in plan.Input) plan.Picture {
	p := plan.Picture{
		Version: plan.Version, Live: map[object.ID]plan.Live{}, Absent: map[object.ID]bool{}, LivingApps: map[string]bool{},
		Wanted: map[object.ID]plan.Claim{}, GivenUp: map[object.ID]string{}, Undecided: map[string]string{},
		EmptyNamespaces: map[string]bool{"team": w.onlyOurs(a)},
	}
	for _, id := range plan.Needs(in) {
		if th := w.things[id]; th != nil {
			p.Live[id] = live(th, a.app)
		} else {
			p.Absent[id] = true
		}
	}
	for _, b := range w.agents {
		p.LivingApps[b.app.UID] = true
		if b == a {
			continue
		}
		if b.decided != w.head {
			p.Undecided[b.app.UID] = b.app.Namespace + "/" + b.app.Name
			continue
		}
		wants := w.known(b)
		if w.commits[w.head].broken[b.app.App] {
			p.Failing = append(p.Failing, plan.Failing{App: b.app.Namespace + "/" + b.app.Name, Reason: fault.RenderFailed, Inputs: w.since(a, b)})
		}
		for id := range wants {
			p.Wanted[id] = plan.Claim{App: b.app.Namespace + "/" + b.app.Name, UID: b.app.UID, Applied: b.applied == in.Revision}
		}
		for id, l := range p.Live {
			if _, wanted := wants[id]; !wanted && l.Owner == b.app.Owner() {
				p.GivenUp[id] = b.app.UID
			}
		}
	}
	return p
}

// known is what an agent knows of an app's wishes at the head: of one that cannot be rendered, what it has.
func (w *world) known(b *agentOf) map[object.ID]bool {
	ids := map[object.ID]bool{}
	if !w.commits[w.head].broken[b.app.App] {
		for id := range w.commits[w.head].wishes[b.app.App] {
			ids[id] = true
		}
		return ids
	}
	for _, e := range b.inventory {
		ids[plan.EntryID(e)] = true
	}
	return ids
}

// since compares what b is rendered from at the base of a and at the head.
func (w *world) since(a, b *agentOf) plan.Since {
	if a.base < 0 {
		return plan.Unknown
	}
	base, head, app := w.commits[a.base], w.commits[w.head], b.app.App
	if base.broken[app] == head.broken[app] && maps.Equal(base.wishes[app], head.wishes[app]) {
		return plan.Same
	}
	return plan.Changed
}

func live(th *thing, app plan.App) plan.Live {
	l := plan.Live{UID: th.uid, Owner: th.owner, Managed: th.managed, Owned: th.managers[object.Manager(app.Namespace, app.Name)]}
	for name := range th.managers {
		l.Managers = append(l.Managers, plan.Manager{Name: name, Operation: "Apply"})
	}
	return l
}

// onlyOurs tells whether the namespace holds nothing but objects of the app's inventory.
func (w *world) onlyOurs(a *agentOf) bool {
	known := map[object.ID]bool{}
	for _, e := range a.inventory {
		known[plan.EntryID(e)] = true
	}
	for id := range w.things {
		if id.Namespace == "team" && !known[id] {
			return false
		}
	}
	return true
}

// pass is one pass of the agent over one app. It dies after so many instructions; meddle happens between look and apply.
func (w *world) pass(a *agentOf, instructions int, meddle func()) {
	a.decided = w.head
	if w.commits[w.head].broken[a.app.App] {
		return
	}
	in := w.input(a)
	p := plan.Make(in)
	w.checkPlan(in, p)
	meddle()
	alive := func() bool { instructions--; return instructions >= 0 }

	if ahead, changed := plan.Ahead(a.inventory, p); changed {
		if !alive() {
			return
		}
		a.inventory = ahead
	}
	done := map[object.ID]plan.Done{}
	applied := true
	for _, s := range p.Steps {
		if s.Action == plan.Delete && !applied {
			continue
		}
		if !alive() {
			return
		}
		switch ok := w.carryOut(a, in, s, done); s.Action {
		case plan.Apply, plan.Refuse:
			applied = applied && ok
		case plan.Wait:
			applied = applied && s.Object == nil
		}
	}
	if !alive() {
		return
	}
	a.inventory = plan.After(a.inventory, p, done)
	if applied {
		a.applied = in.Revision
	}
	if applied && p.Settled() && w.carriedOut(p, done) {
		a.base = w.head
	}
}

func (w *world) carriedOut(p plan.Plan, done map[object.ID]plan.Done) bool {
	return !slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		_, ok := done[s.ID]
		return s.Action == plan.Delete && !ok
	})
}

// carryOut does one step as the API server would, and tells whether it succeeded.
func (w *world) carryOut(a *agentOf, in plan.Input, s plan.Step, done map[object.ID]plan.Done) bool {
	manager := object.Manager(a.app.Namespace, a.app.Name)
	th := w.things[s.ID]
	switch s.Action {
	case plan.Apply:
		return w.apply(a, s, manager, done)
	case plan.Delete: // a live GET just before, and preconditions
		if th == nil {
			done[s.ID] = plan.Done{}
		} else if th.uid == s.UID && (th.owner == a.app.Owner() || s.ID == team && th.owner == "") {
			w.checkDelete(a, in, s.ID, th)
			delete(w.things, s.ID)
			done[s.ID] = plan.Done{}
		}
	case plan.Release:
		if th != nil && th.uid == s.UID {
			delete(th.managers, manager)
			if len(th.managers) == 0 {
				w.t.Fatalf("releasing %s by %s wiped it", s.ID, a.app.Name)
			}
		}
		done[s.ID] = plan.Done{}
	case plan.Refuse, plan.Wait:
		return false
	}
	return true
}

func (w *world) apply(a *agentOf, s plan.Step, manager string, done map[object.ID]plan.Done) bool {
	if s.ID.Namespace != "" && w.things[team] == nil {
		return false
	}
	th := w.things[s.ID]
	surprise := th != nil && s.UID == "" // 200, where the plan expected 201
	if th == nil {
		th = &thing{uid: w.uid(), maker: a.app.UID, managers: map[string]string{}}
		w.things[s.ID] = th
	}
	for name := range th.managers {
		rival := strings.HasPrefix(name, "plumb:") && name != manager && !slices.Contains(s.Takes, name)
		if s.First && rival && th.value != "" && th.value != valueOf(*s.Object) {
			return false // 409: another App's field
		}
	}
	for _, name := range s.Takes {
		delete(th.managers, name)
	}
	delete(th.managers, "kubectl-edit")
	th.value, th.managed, th.owner = valueOf(*s.Object), true, s.Object.Annotation(v1alpha1.AnnotationOwner)
	th.managers[manager] = "all of " + s.Digest
	done[s.ID] = plan.Done{UID: th.uid, Owned: th.managers[manager], Taken: surprise}
	return true
}

// checkDelete is promise P1 by the truth of the model: every deletion is explained by a commit.
func (w *world) checkDelete(a *agentOf, in plan.Input, id object.ID, th *thing) {
	w.deletes++
	fail := func(why string) { w.t.Fatalf("%s deleted %s: %s", a.app.Name, id, why) }
	head := w.ancestors(w.head)
	named, allowed := false, false
	for _, c := range w.consents(a) {
		if c.App == a.app.App {
			named = named || c.Kind == id.Kind && c.Name == id.Name
			allowed = allowed || named || c.Kind == ""
		}
	}
	for _, b := range w.agents {
		_, wanted := w.commits[w.head].wishes[b.app.App][id]
		unseen := w.commits[w.head].broken[b.app.App] && (allowed || w.since(a, b) == plan.Same)
		if wanted && !unseen {
			fail("App " + b.app.Name + " wants it")
		}
	}
	switch {
	case id == team && !named:
		fail("a Namespace that no line names")
	case id == team && th.maker != a.app.UID:
		fail("a Namespace that it did not make")
	case id.Kind == "PersistentVolumeClaim" && !allowed:
		fail("a protected kind without consent")
	case th.maker != a.app.UID && !allowed:
		fail("it did not make it and nobody consented")
	case len(in.Desired) == 0 && !allowed:
		fail("nothing is left of the app and nobody consented")
	case a.base >= 0 && !head[a.base] && !allowed:
		fail("the branch was forced and nobody consented")
	}
	if id == team {
		for other := range w.things {
			if other.Namespace == "team" {
				fail(other.String() + " is in it")
			}
		}
	}
}

// checkPlan is what must be true of every plan.
func (w *world) checkPlan(in plan.Input, p plan.Plan) {
	if p.Fault != nil {
		w.t.Fatalf("the plan has a fault: %v", p.Fault)
	}
	steps := map[object.ID]plan.Step{}
	for _, s := range p.Steps {
		if _, twice := steps[s.ID]; twice {
			w.t.Fatalf("%s has two steps", s.ID)
		}
		steps[s.ID] = s
	}
	desired, recorded := map[object.ID]bool{}, map[object.ID]bool{}
	for _, o := range in.Desired {
		desired[o.ID()] = true
	}
	for _, e := range in.Inventory {
		recorded[plan.EntryID(e)] = true
	}
	for id := range desired {
		if s, ok := steps[id]; !ok || s.Object == nil {
			w.t.Fatalf("%s is desired and has no step that applies it", id)
		}
	}
	for id := range recorded {
		if _, ok := steps[id]; !ok {
			w.t.Fatalf("%s is in the inventory and has no step", id)
		}
	}
	deletions := 0
	for id, s := range steps {
		if s.Action != plan.Delete {
			continue
		}
		deletions++
		if desired[id] || !recorded[id] || s.UID == "" || !in.Policy.Complete {
			w.t.Fatalf("%s must not be deleted: %+v", id, s)
		}
	}
	if limit := max(*in.Policy.Limit.Count, len(in.Inventory)/5); deletions > limit && len(p.Consumed) == 0 {
		w.t.Fatalf("%d deletions without consent", deletions)
	}
}
