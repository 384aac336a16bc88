package plan

import (
	"fmt"
	"maps"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// removalSteps decides the step of every Inventory entry that Git does not have: first each by itself, then those that
// may be deleted together, because what holds a deletion is also how many there are and what else stays.
func (m *maker) removalSteps() []Step {
	steps := make([]Step, 0, len(m.entries))
	for id, entry := range m.entries {
		_, desired := m.applies[id]
		switch {
		case desired || m.isHook(id):
		case entry.Hook != "" && m.in.Policy.Complete:
			steps = append(steps, forget(Step{ID: id, Order: m.deleteOrder(id)}, "a hook that Git does not have any more: what it made is left"))
		case entry.Hook != "":
		default:
			steps = append(steps, m.removalStep(id, entry))
		}
	}
	slices.SortFunc(steps, func(a, b Step) int { return a.ID.Compare(b.ID) })
	m.hold(steps)
	m.holdContainers(steps)
	return steps
}

// removalStep decides on one entry by what is known of its object. Delete means: nothing in the object itself forbids it.
// Whatever is not certain is a Wait; nothing is taken as gone because it was not seen.
func (m *maker) removalStep(id object.ID, e v1alpha1.InventoryEntry) Step {
	live, exists := m.in.Picture.Live[id]
	s := Step{ID: id, UID: e.UID, Order: m.deleteOrder(id), Created: e.Created, Prune: e.Prune}
	switch {
	case !m.in.Policy.Complete:
		return wait(s, fault.Stale, "nothing is removed by a render that is not complete and of the branch head")
	case m.in.Picture.Absent[id]:
		return forget(s, "gone already")
	case m.in.Picture.UnknownKinds[id.GroupKind()]:
		return forget(s, "gone with its kind, which the cluster does not serve any more")
	case !exists:
		return wait(s, fault.Unreachable, "could not be read, so that it is not known whether it is gone")
	case m.isTarget(id):
		return forget(s, "the app uses this namespace and did not create it")
	case e.UID != "" && e.UID != live.UID:
		return forget(s, "somebody made it anew: it is not the one that was applied")
	case live.Terminating || m.terminating(id.Namespace):
		return wait(s, fault.Progressing, "is being deleted")
	case m.in.Picture.LivingApps == nil:
		return wait(s, fault.Unreachable, "the Apps could not be listed, so that it is not known whether another one wants it")
	}
	if handed, ok := m.handOver(s, live); ok {
		return handed
	}
	return m.mayDelete(s, e, live)
}

// isTarget tells whether this is the app's own namespace, which goes only when the app does.
func (m *maker) isTarget(id object.ID) bool {
	return id == namespaceID(m.in.App.Target) && !m.in.Policy.Removed
}

// handOver gives the step of an object that another App wants or has. It is let go of when the new owner has applied it
// and its claim stands on it: before that, taking our fields off would remove them from the object.
func (m *maker) handOver(s Step, live Live) (Step, bool) {
	claim, wanted := m.in.Picture.Wanted[s.ID]
	wanted = wanted && claim.UID != m.in.App.UID
	owner, taken := m.livingOwner(live)
	switch {
	case wanted && claim.Applied && taken && owner.uid == claim.UID:
		s.Action, s.To, s.UID = Release, claim.App, live.UID
		s.Why = "handed over to " + claim.App
		return s, true
	case taken && !(wanted && owner.uid == claim.UID):
		return forget(s, "belongs to App "+owner.app+" now"), true
	case wanted:
		s.To = claim.App
		return wait(s, fault.WaitingForApp, "handed over to %s, which has not applied it yet", claim.App), true
	}
	return s, false
}

// mayDelete gives the step of an object that nobody else wants.
func (m *maker) mayDelete(s Step, e v1alpha1.InventoryEntry, live Live) Step {
	switch {
	case e.Prune == object.PruneNever:
		return keep(s, "no longer in Git, and kept: its mark says never")
	case !m.in.Policy.Prune:
		return keep(s, "no longer in Git, and kept: prune is off for this app")
	case isNamespace(s.ID) && !e.Created:
		return keep(s, "no longer in Git, and kept: a Namespace is deleted only if Plumb created it")
	case len(m.in.Picture.Undecided) > 0:
		return wait(s, fault.WaitingForApp, "%s may want it and has not decided on %s yet", m.firstUndecided(), short(m.in.Revision))
	case e.UID == "":
		return held(s, NotConfirmed, "the cluster never confirmed it as ours: delete it by hand, or give it back to Git")
	case !m.bearsClaim(s.ID, live):
		return held(s, NoClaim, "our claim was taken off it: delete it by hand, or put annotation "+v1alpha1.AnnotationOwner+" back")
	}
	s.Action, s.Why = Delete, "no longer in Git at "+short(m.in.Revision)
	return s
}

func (m *maker) firstUndecided() string {
	var names []string
	for _, name := range m.in.Picture.Undecided {
		names = append(names, name)
	}
	return slices.Min(names)
}

// hold turns deletions that need consent and have none into holds.
func (m *maker) hold(steps []Step) {
	var candidates []object.ID
	for _, s := range steps {
		if s.Action == Delete {
			candidates = append(candidates, s.ID)
		}
	}
	copies, failing := m.copies(), m.failingWhy()
	wide, wideWhy := m.wideHold(len(candidates))
	for i, s := range steps {
		if s.Action != Delete {
			continue
		}
		reason, why := m.ownHold(s.ID)
		if reason == "" {
			reason, why = wide, wideWhy
		}
		if reason == "" && len(copies[s.ID.Namespace]) > 0 {
			reason, why = NewCopy, fmt.Sprintf("the app moved to namespace %s: this is the old copy", m.in.App.Target)
		}
		if reason == "" {
			continue
		}
		if failing != "" && reason != AppFailing {
			why += "; and " + failing
		}
		s.Failing = m.mayWant()
		steps[i] = m.withConsent(held(s, reason, why), candidates)
	}
}

// withConsent turns a held deletion into a deletion if a consent covers it.
func (m *maker) withConsent(s Step, candidates []object.ID) Step {
	if !s.Hold.Lifted() {
		return s
	}
	var by []string
	for i, c := range m.in.Policy.Consents {
		switch c.covers(m.in.App, s.ID, candidates) {
		case covered:
			m.used[i] = true
			by = append(by, short(c.Commit))
		case ambiguous:
			s.Why += fmt.Sprintf("; the line in %s fits more than one object: write Kind/namespace/name", short(c.Commit))
		}
	}
	if len(by) == 0 {
		return s
	}
	s.Action, s.Hold, s.Reason, s.Failing = Delete, "", "", nil
	s.Why = fmt.Sprintf("no longer in Git at %s, deletion allowed by %s", short(m.in.Revision), list(by))
	return s
}

// holdContainers holds Namespaces and definitions with which something would go that stays by its own step, or that is
// not ours.
func (m *maker) holdContainers(removals []Step) {
	all := slices.Collect(maps.Values(m.applies))
	for i, s := range removals {
		if s.Action != Delete || !isNamespace(s.ID) && !isDefinition(s.ID) {
			continue
		}
		inside, used := m.inUse(s.ID, slices.Concat(all, removals))
		switch {
		case used && (isNamespace(s.ID) || !m.named(s.ID)):
			removals[i] = held(s, InUse, fmt.Sprintf("%s stays and would go with it", inside))
		case isNamespace(s.ID) && !m.in.Picture.EmptyNamespaces[s.ID.Name]:
			removals[i] = held(s, InUse, "something else is in it")
		}
	}
}

// named tells whether a consent names exactly this object.
func (m *maker) named(id object.ID) bool {
	return slices.ContainsFunc(m.in.Policy.Consents, func(c Consent) bool {
		return c.Kind != "" && c.covers(m.in.App, id, []object.ID{id}) == covered
	})
}

// consumed lists the consents that allowed a deletion, in the order in which they were given.
func (m *maker) consumed(steps []Step) []Consent {
	var out []Consent
	for i, c := range m.in.Policy.Consents {
		used := m.used[i] && slices.ContainsFunc(steps, func(s Step) bool {
			return s.Action == Delete && c.covers(m.in.App, s.ID, []object.ID{s.ID}) == covered
		})
		if used {
			out = append(out, c)
		}
	}
	return out
}

func (m *maker) deleteOrder(id object.ID) int {
	return deleteOrders[classOf(id, m.ownGroups[id.Group])]
}

func forget(s Step, why string) Step {
	s.Action, s.Why = Forget, why
	return s
}

func keep(s Step, why string) Step {
	s.Action, s.Why = Keep, why
	return s
}

func held(s Step, reason HoldReason, why string) Step {
	s.Action, s.Hold, s.Reason, s.Why = Hold, reason, fault.DeletionHeld, why
	return s
}
