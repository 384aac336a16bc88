package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestHistories runs random histories of commits, forced branches, consents, foreign edits and killed passes through
// the model, and checks promise P1 (no unjustified delete) at every deletion, and convergence at the end.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 25).Draw(t, "events") {
			w.event()
		}
		w.settle()
		w.checkSettled()
		if rapid.Bool().Draw(t, "mended") { // what is broken is mended, or what is held is allowed all the same
			w.mend()
			w.settle()
			w.checkSettled()
		}
		w.allow()
		w.settle()
		w.checkAllowed()
	})
}

func (w *world) event() {
	switch rapid.SampledFrom([]string{"commit", "commit", "pass", "pass", "pass", "killed pass", "meddled pass", "edit", "force", "consent"}).Draw(w.t, "event") {
	case "commit":
		w.commit(w.head, "")
	case "force":
		back := rapid.SampledFrom(slices.Sorted(maps.Keys(w.ancestors(w.head)))).Draw(w.t, "back to")
		if rapid.Bool().Draw(w.t, "and on") {
			w.commit(back, "")
		} else {
			w.head = back
		}
	case "consent":
		line := rapid.SampledFrom([]string{
			"Plumb-Allow-Delete: a", "Plumb-Allow-Delete: b/dev", "Plumb-Allow-Delete: b PersistentVolumeClaim/p0",
			"Plumb-Allow-Delete: a Namespace/team", "Plumb-Allow-Delete: b", "Plumb-Allow-Delete: a ConfigMap/team/c0",
		}).Draw(w.t, "line")
		w.commit(w.head, line)
	case "pass":
		w.pass(w.anyAgent(), 1000, func() {})
	case "killed pass":
		w.pass(w.anyAgent(), rapid.IntRange(0, 8).Draw(w.t, "instructions"), func() {})
	case "meddled pass":
		w.pass(w.anyAgent(), 1000, w.edit)
	case "edit":
		w.edit()
	}
}

func (w *world) anyAgent() *agentOf {
	return w.agents[rapid.IntRange(0, len(w.agents)-1).Draw(w.t, "agent")]
}

// commit makes a commit that changes some wishes: creates, edits, deletes, moves, removes and restores folders.
func (w *world) commit(parent int, message string) {
	next := commit{id: fmt.Sprintf("commit%d", len(w.commits)), parent: parent, message: message, wishes: map[string]map[object.ID]string{}}
	for app, wishes := range w.commits[parent].wishes {
		next.wishes[app] = maps.Clone(wishes)
	}
	next.broken = maps.Clone(w.commits[parent].broken)
	if next.broken == nil {
		next.broken = map[string]bool{}
	}
	if message == "" || rapid.Bool().Draw(w.t, "with changes") {
		for range rapid.IntRange(1, 4).Draw(w.t, "changes") {
			w.change(next.wishes)
		}
		if rapid.IntRange(0, 3).Draw(w.t, "breaks or mends") == 0 {
			app := rapid.SampledFrom([]string{"a", "b"}).Draw(w.t, "app")
			next.broken[app] = !next.broken[app]
		}
	}
	w.commits = append(w.commits, next)
	w.head = len(w.commits) - 1
}

func (w *world) change(wishes map[string]map[object.ID]string) {
	app := rapid.SampledFrom([]string{"a", "b"}).Draw(w.t, "app")
	id := rapid.SampledFrom(pool).Draw(w.t, "object")
	if wishes[app] == nil {
		wishes[app] = map[object.ID]string{}
	}
	switch rapid.SampledFrom([]string{"write", "write", "write", "remove", "move", "remove folder", "empty folder"}).Draw(w.t, "change") {
	case "write":
		wishes[app][id] = rapid.SampledFrom([]string{"x", "y"}).Draw(w.t, "value")
	case "remove":
		delete(wishes[app], id)
	case "move":
		to := map[string]string{"a": "b", "b": "a"}[app]
		if v, ok := wishes[app][id]; ok && wishes[to] != nil {
			delete(wishes[app], id)
			wishes[to][id] = v
		}
	case "remove folder":
		wishes[app] = nil
	case "empty folder":
		wishes[app] = map[object.ID]string{}
	}
}

// edit is something that a person does to the cluster.
func (w *world) edit() {
	id := rapid.SampledFrom(pool).Draw(w.t, "edited")
	th := w.things[id]
	if th == nil {
		if id.Namespace == "" || w.things[team] != nil {
			w.things[id] = &thing{uid: w.uid(), maker: "person", value: "p", managers: map[string]string{"kubectl-create": "p"}}
		}
		return
	}
	switch rapid.SampledFrom([]string{"change", "delete", "unlabel", "disown", "make anew", "strip"}).Draw(w.t, "edit") {
	case "change":
		th.value = "edited"
		for name := range th.managers {
			th.managers[name] = "partly"
		}
		th.managers["kubectl-edit"] = "value"
	case "delete":
		delete(w.things, id)
		if id == team {
			maps.DeleteFunc(w.things, func(other object.ID, _ *thing) bool { return other.Namespace == "team" })
		}
	case "unlabel":
		th.managed = false
		for name := range th.managers {
			th.managers[name] = "partly"
		}
	case "disown":
		th.owner = ""
		for name := range th.managers {
			th.managers[name] = "partly"
		}
	case "make anew":
		if id != team {
			w.things[id] = &thing{uid: w.uid(), maker: "person", value: th.value, owner: th.owner, managed: th.managed, managers: map[string]string{"kubectl-replace": "all"}}
		}
	case "strip":
		th.managers = map[string]string{"before-first-apply": "all"}
	}
}

// settle passes until nothing changes any more.
func (w *world) settle() {
	for range 8 {
		for _, a := range w.agents {
			w.pass(a, 1000, func() {})
		}
	}
}

// checkSettled is convergence: everything that Git has is there as Git has it, unless both apps want it; what is not in
// Git is gone, or held; and another pass sends nothing.
func (w *world) checkSettled() {
	for _, a := range w.agents {
		if w.commits[w.head].broken[a.app.App] {
			continue
		}
		in := w.input(a)
		p := plan.Make(in)
		if !p.Quiet() && !w.blocked(a, p) {
			w.t.Fatalf("App %s does not come to rest: %s", a.app.Name, strings.Join(plan.Explain(p), "\n"))
		}
		if diff := cmp.Diff(p, plan.Make(shuffled(in))); diff != "" {
			w.t.Fatalf("the order of the input matters: %s", diff)
		}
		for _, s := range p.Steps {
			w.checkAtRest(a, s)
		}
	}
}

func (w *world) checkAtRest(a *agentOf, s plan.Step) {
	switch {
	case s.Action == plan.Unchanged:
		if th := w.things[s.ID]; th == nil || th.value != valueOf(*s.Object) {
			w.t.Fatalf("%s is called unchanged and is %+v", s.ID, th)
		}
	case s.Action == plan.Hold || s.Action == plan.Keep:
		if s.Object != nil {
			w.t.Fatalf("%s is desired and held: %s", s.ID, s.Why)
		}
	case s.Action == plan.Delete: // blocked
	case w.contested(a, s.ID): // by two Apps: one of them is refused or waits
	default:
		w.t.Fatalf("%s of %s at rest: %s %s", s.ID, a.app.Name, s.Action, s.Why)
	}
}

// mend commits a repair of everything that cannot be rendered.
func (w *world) mend() {
	next := w.commits[w.head]
	next.id, next.parent, next.message, next.broken = "mend", w.head, "", nil
	w.commits = append(w.commits, next)
	w.head = len(w.commits) - 1
}

// allow commits every line that the plans offer.
func (w *world) allow() {
	var lines []string
	for _, a := range w.agents {
		if w.commits[w.head].broken[a.app.App] {
			continue
		}
		lines = append(lines, plan.AllowLines(plan.Make(w.input(a)))...)
	}
	next := w.commits[w.head]
	next.id, next.parent, next.message = "allow", w.head, strings.Join(lines, "\n")
	w.commits = append(w.commits, next)
	w.head = len(w.commits) - 1
}

// checkAllowed: the lines that are offered are enough, unless something stays in a Namespace.
func (w *world) checkAllowed() {
	for _, a := range w.agents {
		if w.commits[w.head].broken[a.app.App] {
			continue
		}
		for _, s := range plan.Make(w.input(a)).Steps {
			if s.Action == plan.Hold && s.Hold.Lifted() && s.Hold != plan.InUse {
				w.t.Fatalf("%s is still held although everything was allowed: %s", s.ID, s.Why)
			}
		}
	}
}

// blocked tells whether all that the plan still wants to send is refused by the API server, because another App that
// wants the object too has fields of it, or waits for an apply that is refused.
func (w *world) blocked(a *agentOf, p plan.Plan) bool {
	refused := false
	for _, s := range p.Steps {
		switch {
		case s.Action == plan.Release, s.Action == plan.Apply && !w.contested(a, s.ID):
			return false
		case s.Object != nil && s.Action != plan.Unchanged:
			refused = true
		}
	}
	return refused
}

// contested tells whether another App wants the object, or the namespace that it is in.
func (w *world) contested(a *agentOf, id object.ID) bool {
	for _, b := range w.agents {
		wishes := w.known(b)
		if b != a && (wishes[id] || wishes[team]) {
			return true
		}
	}
	return false
}

func shuffled(in plan.Input) plan.Input {
	in.Desired, in.Inventory = slices.Clone(in.Desired), slices.Clone(in.Inventory)
	slices.Reverse(in.Desired)
	slices.Reverse(in.Inventory)
	return in
}
