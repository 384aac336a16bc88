package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// turn is when something of an app is done: phase by phase, and in each phase wave by wave.
type turn struct{ phase, wave int }

func (t turn) compare(other turn) int {
	return cmp.Or(cmp.Compare(t.phase, other.phase), cmp.Compare(t.wave, other.wave))
}

// String gives "wave 2", "Sync" or "PreSync, wave 2".
func (t turn) String() string {
	switch phase := phases[t.phase]; {
	case t.wave == 0:
		return phase
	case phase == Sync:
		return fmt.Sprintf("wave %d", t.wave)
	default:
		return fmt.Sprintf("%s, wave %d", phase, t.wave)
	}
}

// blocker is something that must happen before the next turn, and how it is now.
type blocker struct {
	id  object.ID
	why string
}

// gate is whether it is a turn's time, and if not, after what that is. The zero gate is closed for good.
type gate struct {
	open bool
	ids  []object.ID
	why  string
}

// closed gives the gate that opens after others. It is open if there are none.
func closed(others ...blocker) gate {
	if len(others) == 0 {
		return gate{open: true}
	}
	g := gate{why: fmt.Sprintf("%s: %s", others[0].id, others[0].why)}
	if len(others) > 1 {
		g.why += fmt.Sprintf(" (and %d more)", len(others)-1)
	}
	for _, o := range others {
		g.ids = append(g.ids, o.id)
	}
	return g
}

// after makes a step wait until a gate opens. Whoever carries the plan out need not try again: it goes on with news of what
// the step waits for.
func after(s Step, g gate) Step {
	s = wait(s, fault.Rolling, "waits for %s", g.why)
	s.After = g.ids
	return s
}

// Gated tells whether a step waits for others of its own app, by the order of phases and waves.
func (s Step) Gated() bool { return s.Action == Wait && s.Reason == fault.Rolling }

// Begins tells whether a step begins the run of a hook: its end is still to come.
func (s Step) Begins() bool { return s.Run != nil && (s.Action == Apply || s.Action == Replace) }

// Ordered tells whether objects have an order of their own: hooks that run, or waves. Of other apps nobody need know how
// healthy they are to plan them.
func Ordered(desired []object.Object) bool {
	return slices.ContainsFunc(desired, func(o object.Object) bool {
		marks, _, f := readMarks(o)
		return f == nil && !marks.Skip && (marks.Hook || marks.Wave != 0)
	})
}

// Hooks parts the hooks that run from the other objects.
func Hooks(objects []object.Object) (hooks, others []object.Object) {
	for _, o := range objects {
		if marks, _, f := readMarks(o); f == nil && marks.Hook {
			hooks = append(hooks, o)
			continue
		}
		others = append(others, o)
	}
	return hooks, others
}

// rollout carries the decisions of a plan from one turn to the next.
type rollout struct {
	*maker
	turns   map[object.ID]turn // of the wishes
	applies []Step
	gate    gate
	failing bool // something of the revision failed
	running bool // a hook works
	over    map[int]bool
	// removals may be carried out: all that Git has is applied, or is by this plan
	removals bool
}

// inOrder gives the steps of the wishes and of the hooks, and those of removals, by the order of the app: a turn begins when
// all before it is applied and healthy, and the hooks in it have succeeded.
func (m *maker) inOrder(applies, removals []Step) []Step {
	if len(m.hooks) == 0 && !slices.ContainsFunc(m.wishes, func(w wish) bool { return w.marks.Wave != 0 }) {
		return slices.Concat(applies, removals)
	}
	r := rollout{maker: m, turns: m.turns(), applies: applies, gate: gate{open: true}, over: map[int]bool{}, removals: true}
	all := r.all()
	for _, phase := range []int{phaseIndex(PreSync), phaseIndex(Sync), phaseIndex(PostSync)} {
		if phase == phaseIndex(PostSync) {
			r.afterRemovals(removals)
		}
		for _, t := range all {
			if t.phase == phase {
				r.take(t)
			}
		}
		r.over[phase] = r.gate.open
		if phase == phaseIndex(PreSync) && !r.gate.open {
			r.removals = false
		}
	}
	removals = r.removed(removals)
	r.rescue(all)
	return slices.Concat(r.applies, removals, r.hookSteps())
}

// turns gives the turn of every wish. A Namespace or a definition has that of the first that needs it.
func (m *maker) turns() map[object.ID]turn {
	turns := make(map[object.ID]turn, len(m.wishes))
	for _, w := range m.wishes {
		turns[w.id] = turn{phaseIndex(Sync), w.marks.Wave}
	}
	need := func(id object.ID, t turn) {
		if have, ok := turns[id]; ok && t.compare(have) < 0 {
			turns[id] = t
		}
	}
	lift := func(id object.ID, t turn) {
		if id.Namespace != "" {
			need(namespaceID(id.Namespace), t)
		}
		if definition, ok := m.defined[id.GroupKind()]; ok {
			need(definition, t)
		}
	}
	for _, w := range m.wishes {
		if !w.target && !isDefinition(w.id) && !isNamespace(w.id) {
			lift(w.id, turns[w.id])
		}
	}
	for _, h := range m.hooks {
		if h.phase != SyncFail {
			lift(h.id, turn{phaseIndex(h.phase), h.marks.Wave})
		}
	}
	m.alone(turns)
	return turns
}

// alone gives the app's own namespace, where Git does not have it, the first turn if nothing is in it that says otherwise.
func (m *maker) alone(turns map[object.ID]turn) {
	for _, w := range m.wishes {
		if !w.target {
			continue
		}
		for _, t := range turns {
			if t.compare(turns[w.id]) < 0 {
				turns[w.id] = t
			}
		}
	}
}

// all lists the turns that there are, in order.
func (r *rollout) all() []turn {
	var all []turn
	for _, t := range r.turns {
		all = append(all, t)
	}
	for _, h := range r.hooks {
		all = append(all, turn{phaseIndex(h.phase), h.marks.Wave})
	}
	slices.SortFunc(all, turn.compare)
	return slices.Compact(all)
}

// take decides on everything of one turn.
func (r *rollout) take(t turn) {
	opened := r.gate
	if !opened.open && t.phase == phaseIndex(Sync) {
		r.removals = false
	}
	var pending []blocker
	for i := range r.applies {
		s := &r.applies[i]
		if r.turns[s.ID] != t {
			continue
		}
		s.Wave = t.wave
		if t.phase != phaseIndex(Sync) {
			s.Phase = phases[t.phase]
		}
		if !opened.open && asked(*s) {
			*s = after(*s, opened)
		}
		why, failed := r.unfinished(*s)
		if why != "" {
			pending = append(pending, blocker{s.ID, why})
		}
		r.failing = r.failing || failed && opened.open
	}
	pending = append(pending, r.hooksOf(t, opened)...)
	if opened.open && len(pending) > 0 {
		r.gate = closed(pending...)
		r.failing = r.failing || r.in.Picture.Late || r.in.Rollout.Failed != ""
	}
}

// hooksOf decides on the hooks of one turn, and gives those that have not succeeded.
func (r *rollout) hooksOf(t turn, opened gate) []blocker {
	var pending []blocker
	for _, h := range r.hooks {
		if (turn{phaseIndex(h.phase), h.marks.Wave}) != t {
			continue
		}
		r.decide(h, opened)
		r.running = r.running || h.running
		r.failing = r.failing || h.failed
		if h.pending != "" {
			pending = append(pending, blocker{h.id, h.pending})
		}
	}
	return pending
}

// asked tells whether a step is one that Git asks for, or makes what is gone. What somebody changed is healed at any time.
func asked(s Step) bool {
	return (s.Action == Apply || s.Action == Replace) && (s.Drift == "" || s.Drift == "missing")
}

// unfinished says why nothing may follow yet on the step of a wish, "" if it may, and whether it has failed.
func (r *rollout) unfinished(s Step) (why string, failed bool) {
	switch s.Action {
	case Refuse:
		return strings.TrimPrefix(s.Why, s.ID.String()+" "), s.Reason != fault.Unreachable && s.Reason != fault.KindUnknown
	case Wait:
		return s.Why, false
	case Apply, Replace:
		return "it is being applied", false
	}
	v, known := r.in.Picture.Health[s.ID]
	if !known || v.Health == v1alpha1.Healthy || v.Health == v1alpha1.Suspended {
		return "", false
	}
	return cmp.Or(v.Message, "it is "+strings.ToLower(string(v.Health))), v.Health == v1alpha1.Degraded
}

// afterRemovals has what comes after Sync wait for removals that are carried out by this plan.
func (r *rollout) afterRemovals(removals []Step) {
	if !r.gate.open || !r.removals {
		return
	}
	var going []blocker
	for _, s := range removals {
		if s.Action == Delete {
			going = append(going, blocker{s.ID, "it is being removed"})
		}
	}
	r.gate = closed(going...)
}

// removed gives the removals, which wait until all that Git has is applied. What a revision that is done has left is
// removed at any time.
func (r *rollout) removed(removals []Step) []Step {
	if r.removals || r.in.Rollout.Done {
		return removals
	}
	for i, s := range removals {
		if s.Action == Delete {
			removals[i] = after(s, r.gate)
			removals[i].Why = "goes when all that Git has is applied: " + r.gate.why
		}
	}
	return removals
}

// rescue decides on the hooks that have their turn when something of the revision failed, and nothing of it works any more.
// Those that have begun are followed.
func (r *rollout) rescue(all []turn) {
	r.gate = gate{open: r.failing && !r.running}
	for _, t := range all {
		if t.phase != phaseIndex(SyncFail) {
			continue
		}
		opened := r.gate
		pending := r.hooksOf(t, opened)
		if opened.open && len(pending) > 0 {
			r.gate = closed(pending...)
		}
	}
}

// hookSteps lists the steps of the hooks, with what their delete policies ask for. Of a hook for failures that is not due
// there is none.
func (r *rollout) hookSteps() []Step {
	var steps []Step
	for _, h := range r.hooks {
		for _, s := range h.steps {
			if idle := h.phase == SyncFail && s.Gated() && len(s.After) == 0; !idle {
				steps = append(steps, s)
			}
		}
	}
	for _, h := range r.hooks {
		steps = append(steps, r.tidy(h, r.over[phaseIndex(h.phase)] || h.phase == SyncFail, r.failing && !r.running)...)
	}
	return steps
}
