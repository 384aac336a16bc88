package plan

import (
	"reflect"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// Ahead gives the Inventory to write before the plan is carried out, and whether it differs from the one that is there:
// everything that the plan may create or claim is in it, without a UID until the API server has answered. If the answer
// is lost, the entry and the claim on the object together say what happened. Nothing is taken out.
func Ahead(inventory []v1alpha1.InventoryEntry, p Plan) ([]v1alpha1.InventoryEntry, bool) {
	entries := index(inventory)
	changed := false
	for _, s := range p.Steps {
		e, recorded := entries[s.ID]
		if s.Run != nil {
			next, ok := hookAhead(e, s, p.Revision)
			if ok && !reflect.DeepEqual(next, e) {
				entries[s.ID], changed = next, true
			}
			continue
		}
		if s.Action != Apply && s.Action != Replace || s.Object == nil {
			continue
		}
		if recorded && e.UID == s.UID && s.UID != "" && s.Action == Apply {
			continue
		}
		ahead := entryAhead(s, e)
		changed = changed || !recorded || !reflect.DeepEqual(e, ahead)
		entries[s.ID] = ahead
	}
	return flatten(entries), changed
}

// hookAhead gives the entry of a hook to write before a plan is carried out: that its run begins, or what is known of it by
// now. There is none if the step is about no run.
func hookAhead(e v1alpha1.InventoryEntry, s Step, revision string) (v1alpha1.InventoryEntry, bool) {
	if s.Run.State == "" {
		return e, false
	}
	run, hook := *s.Run, e.Hook
	switch {
	case s.Action == Replace, s.Action == Apply && s.UID == "":
		e = entryAhead(s, e)
		run.State = RunStarting
	case s.Action == Apply:
		run.State = RunStarting
	case e.UID == "" && s.UID != "" && s.Action != Delete:
		e = v1alpha1.InventoryEntry{Group: s.ID.Group, Version: e.Version, Kind: s.ID.Kind, Namespace: s.ID.Namespace, Name: s.ID.Name, Created: e.Created}
		e.UID = s.UID
	}
	e.Hook = noted(hook, revision, s.Phase, run)
	return e, true
}

// entryAhead gives the entry of a step before it is carried out. What is known of whoever had the object before stays, as
// long as it is not made anew.
func entryAhead(s Step, before v1alpha1.InventoryEntry) v1alpha1.InventoryEntry {
	e := v1alpha1.InventoryEntry{
		Group: s.ID.Group, Version: s.Object.Version(), Kind: s.ID.Kind, Namespace: s.ID.Namespace, Name: s.ID.Name,
		Created: s.Created, Prune: s.Prune, From: s.From,
	}
	if e.From == nil && !s.Created {
		e.From = before.From
	}
	return e
}

// Done is what the API server answered to one step that was carried out. A Delete is done when the object is gone, not
// when its deletion was accepted.
type Done struct {
	UID   string // of the object; of Apply and Replace
	Owned string // digest of our entry in its managedFields; of Apply and Replace
	Taken bool   // it existed, although the plan expected to create it (Step.UID is ""): it is not recorded as made by us
	Found bool   // it existed, and was left as it is (Step.New): it is not recorded at all
}

// After gives the Inventory to write after the plan was carried out as far as it was: done holds what was answered, by
// ID, for the steps that succeeded. An entry goes only with a step that found its object gone or not ours, or whose
// deletion or release was confirmed.
func After(inventory []v1alpha1.InventoryEntry, p Plan, done map[object.ID]Done) []v1alpha1.InventoryEntry {
	entries := index(inventory)
	for _, s := range p.Steps {
		answer, ok := done[s.ID]
		e, recorded := entries[s.ID]
		if s.Run != nil {
			if next, known := hookAfter(e, s, p.Revision, answer, ok); known {
				entries[s.ID] = next
			}
			continue
		}
		switch s.Action {
		case Apply, Replace:
			switch {
			case answer.Found:
				delete(entries, s.ID)
			case ok:
				entries[s.ID] = confirmed(s, e, answer)
			}
		case Delete, Release, Return:
			if ok {
				delete(entries, s.ID)
			}
		case Forget:
			delete(entries, s.ID)
		case Unchanged:
			e.Hook = "" // it may have been one
			e.Prune, e.Version = s.Prune, s.Object.Version()
			entries[s.ID] = e
		case Leave:
			if recorded && e.UID == "" && s.Created {
				e.UID = s.UID
				entries[s.ID] = e
			}
		}
	}
	return flatten(entries)
}

// hookAfter gives the entry of a hook after a step of it. Its record stays when its object was deleted.
func hookAfter(e v1alpha1.InventoryEntry, s Step, revision string, answer Done, done bool) (v1alpha1.InventoryEntry, bool) {
	switch {
	case (s.Action == Apply || s.Action == Replace) && !done:
		return e, false
	case s.Action == Apply || s.Action == Replace:
		hook := noted(e.Hook, revision, s.Phase, *s.Run)
		e = confirmed(s, e, answer)
		e.Hook = hook
		return e, true
	case s.Action == Delete && done:
		e.UID, e.Owned, e.Desired = "", "", ""
		return e, true
	case s.Action == Delete:
		return e, false
	}
	return hookAhead(e, s, revision)
}

func confirmed(s Step, before v1alpha1.InventoryEntry, answer Done) v1alpha1.InventoryEntry {
	e := entryAhead(s, before)
	e.UID, e.Owned, e.Desired = answer.UID, answer.Owned, s.Digest
	e.Created = (s.Created || s.Action == Replace) && !answer.Taken
	return e
}

func index(inventory []v1alpha1.InventoryEntry) map[object.ID]v1alpha1.InventoryEntry {
	entries := make(map[object.ID]v1alpha1.InventoryEntry, len(inventory))
	for _, e := range inventory {
		if known, twice := entries[EntryID(e)]; !twice || known.UID == "" {
			entries[EntryID(e)] = e
		}
	}
	return entries
}

// flatten gives the entries in the order of their IDs, so that equal Inventories have equal bytes.
func flatten(entries map[object.ID]v1alpha1.InventoryEntry) []v1alpha1.InventoryEntry {
	out := make([]v1alpha1.InventoryEntry, 0, len(entries))
	for _, e := range entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b v1alpha1.InventoryEntry) int { return EntryID(a).Compare(EntryID(b)) })
	return out
}
