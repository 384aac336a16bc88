package plan

import (
	"cmp"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// GiveBack decides what happens when an app lets go of everything that it has, because its objects go back to those from
// whom they were taken: for each entry of the Inventory one Step. Nothing is deleted, and no field of an object but our
// marks and theirs is changed. Desired and Policy do not count.
//
// What was recorded of the former owner goes back on each object. What this app has made since goes with the rest, under
// the field manager that most of them had, and without marks: the other tool finds it when it applies the same Git.
func GiveBack(in Input) Plan {
	p := Plan{Version: Version, App: in.App, Revision: in.Revision}
	holder := commonHolder(in.Inventory)
	for _, e := range in.Inventory {
		p.Steps = append(p.Steps, giveBackStep(in, e, holder))
	}
	slices.SortStableFunc(p.Steps, compareSteps)
	return p
}

func giveBackStep(in Input, e v1alpha1.InventoryEntry, holder string) Step {
	s := Step{ID: EntryID(e), Created: e.Created}
	live, exists := in.Picture.Live[s.ID]
	claimed := live.Owner == in.App.Owner() || isNamespace(s.ID) && live.Owner == "" && live.Managed
	switch {
	case !exists && !in.Picture.Absent[s.ID] && !in.Picture.UnknownKinds[s.ID.GroupKind()]:
		return wait(s, fault.Unreachable, "it could not be read")
	case !exists:
		s.Action, s.Why = Forget, "gone already"
		return s
	case e.UID != "" && e.UID != live.UID, !claimed:
		s.Action, s.Why = Forget, "not ours any more"
		return s
	}
	s.Action, s.UID, s.From, s.Why = Return, live.UID, &v1alpha1.Former{}, "let go"
	if e.From != nil {
		s.From = e.From
		s.To = cmp.Or(e.From.Tool, "Helm release "+e.From.Release)
		s.Why = "given back to " + s.To
	}
	s.Holder = cmp.Or(holderOf(s.From.Managers), holder)
	return s
}

// holderOf chooses, of the managers whose fields have become ours, the one that gets them back: a delivery tool's, which
// writes the object again, before those of people's tools.
func holderOf(managers []string) string {
	for _, m := range managers {
		if name, _, _ := strings.Cut(m, " "); isDeliverer(name) {
			return m
		}
	}
	if len(managers) > 0 {
		return managers[0]
	}
	return ""
}

// unknownHolder has the fields of objects of which nobody knows under what name their tool writes: it is the name under
// which the API server itself keeps what was written by nobody in particular.
const unknownHolder = "before-first-apply Update"

// commonHolder gives the holder that most objects of an Inventory had; of equally many the first by name.
func commonHolder(inventory []v1alpha1.InventoryEntry) string {
	count := map[string]int{}
	best := unknownHolder
	for _, e := range inventory {
		if e.From == nil {
			continue
		}
		if holder := holderOf(e.From.Managers); holder != "" {
			count[holder]++
		}
	}
	for holder, n := range count {
		if n > count[best] || n == count[best] && holder < best {
			best = holder
		}
	}
	return best
}
