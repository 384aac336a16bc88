package plan

import (
	"fmt"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// applySteps decides the step of every wish, namespaces and definitions first, because others wait for theirs.
func (m *maker) applySteps() []Step {
	steps := make([]Step, 0, len(m.wishes))
	for _, w := range m.wishes {
		s := m.applyStep(w)
		m.applies[w.id] = s
		steps = append(steps, s)
	}
	return steps
}

func (m *maker) applyStep(w wish) Step {
	live, exists := m.in.Picture.Live[w.id]
	s := Step{
		ID: w.id, Object: &w.object, Digest: w.object.Digest(), Order: m.applyOrder(w.id),
		UID: live.UID, Prune: w.marks.Prune,
	}
	if w.marks.LeaveAlone {
		return leave(s, "left alone: reconcile is disabled")
	}
	if blocked, ok := m.blocked(s); ok {
		return blocked
	}
	switch {
	case exists:
		return m.applyExisting(w, s, live)
	case m.in.Picture.Absent[w.id], m.in.Picture.UnknownKinds[w.id.GroupKind()]:
		return m.create(s)
	}
	return refuse(s, fault.New(fault.Unreachable, "%s could not be read", w.id).
		WithNext("it is tried again; see whether the app's ServiceAccount may get it"))
}

// blocked gives the step of an object that cannot be applied whatever its own state is: its namespace or its definition
// is missing, refused, waited for or being deleted.
func (m *maker) blocked(s Step) (Step, bool) {
	ns := s.ID.Namespace
	if isNamespace(s.ID) {
		ns = s.ID.Name
	}
	if m.terminating(ns) {
		return wait(s, fault.Progressing, "Namespace/%s is being deleted%s", ns, m.stuck(ns)), true
	}
	if ns != "" && !isNamespace(s.ID) {
		if stopped, ok := m.stopped(namespaceID(ns)); ok {
			return wait(s, stopped.reason(), "Namespace/%s must be there first", ns), true
		}
	}
	definition, defined := m.defined[s.ID.GroupKind()]
	if !defined && m.in.Picture.UnknownKinds[s.ID.GroupKind()] {
		return refuse(s, fault.New(fault.KindUnknown, "the cluster does not know the kind %s of %s", s.ID.GroupKind(), s.ID).
			At(s.Object.Place).WithNext("install its CustomResourceDefinition, or put it into this app")), true
	}
	if stopped, ok := m.stopped(definition); defined && ok {
		return wait(s, stopped.reason(), "%s must be there first", definition), true
	}
	return s, false
}

// stuck tells what keeps a namespace that is being deleted, "" if nothing is known to.
func (m *maker) stuck(ns string) string {
	if why := m.in.Picture.Stuck[ns]; why != "" {
		return ": " + why
	}
	return ""
}

func (m *maker) terminating(ns string) bool {
	return ns != "" && (m.in.Picture.Terminating[ns] || m.in.Picture.Live[namespaceID(ns)].Terminating)
}

// stopped gives the step of a wish that others need and that does not go ahead.
func (m *maker) stopped(id object.ID) (Step, bool) {
	s, ok := m.applies[id]
	return s, ok && (s.Action == Refuse || s.Action == Wait)
}

// reason gives the word for why the step does not go ahead.
func (s Step) reason() fault.Reason {
	if s.Fault != nil {
		return s.Fault.Reason
	}
	return s.Reason
}

// create is the step of an object that does not exist.
func (m *maker) create(s Step) Step {
	s.Action, s.First, s.Created, s.Why = Apply, true, true, "not in the cluster"
	s.New = m.in.Picture.Presumed[s.ID]
	s.MayReplace = false
	if e, ok := m.entries[s.ID]; ok && e.UID != "" {
		s.Why = "was deleted from the cluster"
		s.Drift = driftIf(e.Desired == s.Digest, "missing")
	}
	return s
}

// applyExisting is the step of an object that exists: whose is it, and is it as recorded?
func (m *maker) applyExisting(w wish, s Step, live Live) Step {
	entry, recorded := m.entries[w.id]
	s.Created = recorded && m.madeByUs(entry, live)
	if live.Terminating {
		return wait(s, fault.Progressing, "%s is being deleted and can be made again when it is gone", w.id)
	}
	if w.marks.CreateOnly && !m.givenUp(w.id, live) {
		return leave(s, "left alone: create-only, and it exists")
	}
	ours := recorded && entry.UID != "" && entry.UID == live.UID
	if taken, ok := m.taken(s, live, ours); ok {
		return taken
	}
	if !ours || !m.hasClaim(w, live) {
		return m.firstClaim(w, s, live, ours)
	}
	s.MayReplace = m.mayReplace(w, s.Created)
	s.HandCount = m.handsCount(w.object, live)
	return compare(s, entry, live, m.in.Revision)
}

func (m *maker) hasClaim(w wish, live Live) bool {
	if w.target {
		return m.bearsClaim(w.id, live)
	}
	return live.Owner == m.in.App.Owner()
}

// taken gives the step of an object that belongs to somebody else.
func (m *maker) taken(s Step, live Live, ours bool) (Step, bool) {
	if other, ok := m.livingOwner(live); ok {
		switch {
		case m.givenUp(s.ID, live):
			return s, false
		case m.in.Picture.Undecided[other.uid] != "":
			return wait(s, fault.WaitingForApp, "%s owns it and has not decided on %s yet", other.app, short(m.in.Revision)), true
		}
		return refuse(s, fault.New(fault.OwnedByOther, "%s belongs to App %s", s.ID, other.app).
			At(s.Object.Place).WithNext("take it out of one of the two apps; once %s no longer has it in Git, it is handed over", other.app)), true
	}
	if ours && live.Owner == m.in.App.Owner() {
		return s, false
	}
	if tool := ToolOn(live, *s.Object); tool != nil && !slices.Contains(m.in.Policy.Adopt, tool.String()) {
		return refuse(s, fault.New(fault.OwnedByOther, "%s belongs to %s", s.ID, tool).
			At(s.Object.Place).WithNext("take it over: plumb import --adopt %s; or take it out of one of the two", m.in.App.Address())), true
	}
	return s, false
}

// firstClaim is the step that makes an existing object ours.
func (m *maker) firstClaim(w wish, s Step, live Live, ours bool) Step {
	tool := ToolOn(live, w.object)
	s.Action, s.First, s.Takes, s.Sheds = Apply, true, m.takes(w.id, live), sheds(live, tool, w.object)
	s.From = formerOf(live, tool, s.Takes)
	s.HandCount = m.handsCount(w.object, live)
	previous, was := parseOwner(live.Owner)
	_, living := m.livingOwner(live)
	switch {
	case living:
		s.Why = "handed over by " + previous.app
	case live.Owner == m.in.App.Owner():
		s.Why = "ours by its claim, and not confirmed in the inventory"
	case ours:
		s.Why, s.Drift = "our claim was taken off", "label"
	case tool != nil:
		s.Why, s.Adopts = "taken over from "+tool.String()+", as asked", true
	case was:
		s.Why = fmt.Sprintf("taken over: App %s, which owned it, is gone", previous.app)
	default:
		s.Why = "exists and belongs to nobody: taken over"
	}
	s.MayReplace = m.listedForReplace(w)
	return s
}

// compare is the step of an object that is ours: is everything as recorded?
func compare(s Step, entry v1alpha1.InventoryEntry, live Live, revision string) Step {
	s.Action = Apply
	same := entry.Desired == s.Digest
	switch {
	case !same && entry.Desired == "":
		s.Why = "not confirmed in the inventory"
	case !same:
		s.Why = "changed in " + short(revision)
	case !live.Managed:
		s.Why, s.Drift = "our label was taken off", "label"
	case live.Owned != entry.Owned || live.Owned == "":
		s.Why, s.Drift = "fields of ours were changed in the cluster", "changed"
	case len(live.Added) > 0:
		s.Why, s.Drift = "fields were added in the cluster by "+list(live.Added), "added"
	default:
		s.Action, s.Why = Unchanged, "as in Git"
	}
	if s.Action == Apply && len(live.Added) > 0 {
		s.Takes = sorted(live.Added)
	}
	return s
}

func driftIf(drifted bool, kind string) string {
	if drifted {
		return kind
	}
	return ""
}

func refuse(s Step, f *fault.Fault) Step {
	s.Action, s.Fault, s.Reason, s.Why = Refuse, f, f.Reason, f.Message
	return s
}

func wait(s Step, reason fault.Reason, format string, args ...any) Step {
	s.Action, s.Reason, s.Why = Wait, reason, fmt.Sprintf(format, args...)
	return s
}

func leave(s Step, why string) Step {
	s.Action, s.Why = Leave, why
	return s
}
