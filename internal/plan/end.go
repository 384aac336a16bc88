package plan

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// End decides what happens with everything that an app has when its App object is deleted and says on-delete: prune: for
// each entry of the Inventory one Step, those of hooks among them. What Git says does not count; Desired is for
// the hooks around the end (Rollout.Ending).
//
// A person has asked for the end of the app, which is no consent to lose data: what would need a line of consent for its own
// sake (a kind that holds data, a mark, an object that Plumb did not make) is kept, unless Policy.Consents has that line. What
// another App wants is left to it. Nothing is held: a Step either goes, stays, or waits for what comes by itself.
func End(in Input) Plan {
	p := Plan{Version: Version, App: in.App, Revision: in.Revision}
	if !in.Rollout.Ending() {
		in.Desired = nil
	}
	in.Policy.Removed, in.Policy.Complete, in.Policy.Prune = true, true, true
	m, _, f := newMaker(in)
	if f != nil {
		p.Fault = f
		return p
	}
	candidates := make([]object.ID, 0, len(m.entries))
	for id := range m.entries {
		candidates = append(candidates, id)
	}
	for id, e := range m.entries {
		if !m.isHook(id) {
			p.Steps = append(p.Steps, m.endStep(id, e, candidates))
		}
	}
	m.holdContainers(p.Steps)
	for i, s := range p.Steps {
		if s.Action == Hold {
			s.Reason, s.Hold = "", ""
			p.Steps[i] = keep(s, s.Why)
		}
	}
	p.Steps = m.around(p.Steps, true)
	slices.SortStableFunc(p.Steps, compareSteps)
	return p
}

// endStep decides on one entry: what forbids a removal forbids it here too. What stays for want of consent does so whatever
// others may still decide.
func (m *maker) endStep(id object.ID, e v1alpha1.InventoryEntry, candidates []object.ID) Step {
	s := m.removalStep(id, e)
	switch {
	case s.Action == Wait && s.To != "":
		s.Reason = ""
		return keep(s, s.To+" wants it, and takes it")
	case s.Action == Keep:
		return keep(s, strings.TrimPrefix(s.Why, "no longer in Git, and kept: "))
	case s.Action != Delete && s.Reason != fault.WaitingForApp:
		return s
	case s.Action == Delete && m.failingWhy() != "":
		s = wait(s, fault.WaitingForApp, "%s", m.failingWhy())
	}
	reason, why := m.ownHold(id)
	asks := reason != ""
	if asks {
		if asked := m.withConsent(held(s, reason, why), candidates); asked.Action != Delete {
			return asked
		}
	}
	if s.Action != Delete {
		return s
	}
	s.Why = "its app is deleted"
	if asks {
		s.Why += fmt.Sprintf(", and a line of %s allows it", short(m.in.Revision))
	}
	return s
}

// Ended tells whether nothing is left to do for an app that ends: what there still is stays.
func Ended(p Plan) bool {
	return p.Fault == nil && !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Action != Forget && s.Action != Keep })
}

// Left lists what an app that ends leaves in place, each with why.
func Left(p Plan) []string {
	var left []string
	for _, s := range p.Steps {
		if s.Action == Keep {
			left = append(left, fmt.Sprintf("%s (%s)", s.ID, s.Why))
		}
	}
	return left
}

// Stays lists the objects of an Inventory that an app would leave in place when it ends, as far as they say so themselves.
func Stays(inventory []v1alpha1.InventoryEntry) []string {
	m := &maker{entries: map[object.ID]v1alpha1.InventoryEntry{}}
	var stays []string
	for _, e := range inventory {
		id := EntryID(e)
		m.entries[id] = e
		if reason, _ := m.ownHold(id); reason != "" || e.Prune == object.PruneNever {
			stays = append(stays, id.String())
		}
	}
	slices.Sort(stays)
	return stays
}
