package plan

import (
	"slices"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// EndHooks lists the hooks of Desired that run when the app goes, as "PreDelete Job/shop/backup", sorted.
func EndHooks(desired []object.Object) []string {
	var hooks []string
	for _, o := range desired {
		marks, _, f := readMarks(o)
		if f != nil {
			continue
		}
		id := o.ID()
		if p := prefix(o); p != "" {
			id.Name = p
		}
		for _, phase := range marks.Ends {
			hooks = append(hooks, phase+" "+id.String())
		}
	}
	slices.Sort(hooks)
	return slices.Compact(hooks)
}

// addEnd takes in a hook around the end of the app, and nothing else.
func (m *maker) addEnd(o object.Object, marks object.Marks) *fault.Fault {
	if len(marks.Ends) == 0 || marks.LeaveAlone {
		return nil
	}
	return m.addHook(o, marks)
}

// around has the hooks of the app's end run: those before it when the first object may be deleted, or surely; the removals
// when they have succeeded; and those after it when nothing is left that is on its way. Namespaces in which the last of them
// run go behind them. What is held does not begin the end, and keeps it from being over.
func (m *maker) around(removals []Step, surely bool) []Step {
	if len(m.hooks) == 0 || !surely && !m.endBegun() && !slices.ContainsFunc(removals, func(s Step) bool { return s.Action == Delete }) {
		return removals
	}
	r := rollout{maker: m, gate: gate{open: true}, over: map[int]bool{}}
	r.end(PreDelete)
	last, rest, held := m.lastNamespaces(), []blocker(nil), false
	for i, s := range removals {
		if s.Action == Delete && !r.gate.open {
			removals[i] = after(s, r.gate)
			continue
		}
		if last[s.ID] {
			continue
		}
		switch s.Action {
		case Delete, Wait, Release:
			rest = append(rest, blocker{s.ID, "it is being removed"})
		case Hold:
			held = held || !isNamespace(s.ID)
		}
	}
	if r.gate.open && !held {
		r.gate = closed(rest...)
		r.end(PostDelete)
		for i, s := range removals {
			if s.Action == Delete && last[s.ID] && !r.gate.open {
				removals[i] = after(s, r.gate)
			}
		}
	}
	steps := r.hookSteps()
	for i := range steps {
		if steps[i].Gated() {
			steps[i].Object = nil // it is made by a later plan, and keeps no deletion back
		}
	}
	return slices.Concat(removals, steps)
}

// end decides on the hooks of one phase of the end, wave by wave.
func (r *rollout) end(phase string) {
	var waves []turn
	for _, h := range r.hooks {
		if h.phase == phase {
			waves = append(waves, turn{phaseIndex(phase), h.marks.Wave})
		}
	}
	slices.SortFunc(waves, turn.compare)
	for _, t := range slices.Compact(waves) {
		pending := r.hooksOf(t, r.gate)
		if r.gate.open {
			r.gate = closed(pending...)
		}
	}
	r.over[phaseIndex(phase)] = r.gate.open
}

// endBegun tells whether a hook of the end has run, or runs.
func (m *maker) endBegun() bool {
	return slices.ContainsFunc(m.hooks, func(h *hook) bool {
		return parseRecord(m.entries[h.id].Hook).at(m.revision(), h.phase).State != ""
	})
}

// lastNamespaces are those in which hooks run after everything else was deleted.
func (m *maker) lastNamespaces() map[object.ID]bool {
	last := map[object.ID]bool{}
	for _, h := range m.hooks {
		if h.phase == PostDelete && h.id.Namespace != "" {
			last[namespaceID(h.id.Namespace)] = true
		}
	}
	return last
}
