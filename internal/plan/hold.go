package plan

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// HoldReason is the word for why a deletion does not go ahead (docs/design/deletions.md).
type HoldReason string

// What consent lifts: a line that names the app, or the object.
const (
	ProtectedKind  HoldReason = "ProtectedKind"  // Namespace, CustomResourceDefinition, PersistentVolume, …: data or others' objects go with it
	MarkedConsent  HoldReason = "MarkedConsent"  // plumb.dev/prune: consent
	NotCreatedByUs HoldReason = "NotCreatedByUs" // it was taken over
	WholeApp       HoldReason = "WholeApp"       // the app's folder is gone
	EmptySet       HoldReason = "EmptySet"       // the folder is there, and gives no object
	ForcePush      HoldReason = "ForcePush"      // the branch moved to a commit that does not descend from what was applied
	NewCopy        HoldReason = "NewCopy"        // the app's namespace changed: this is the old copy
	AppFailing     HoldReason = "AppFailing"     // an App whose render fails may want the object: it may have moved there
	Limit          HoldReason = "Limit"          // more deletions than the limit, all held together
	InUse          HoldReason = "InUse"          // a Namespace or a definition with something in it that stays
)

// What no line lifts: the object is not proven to be ours to delete.
const (
	NotConfirmed HoldReason = "NotConfirmed" // the Inventory entry has no UID
	NoClaim      HoldReason = "NoClaim"      // our claim was taken off the object
)

// Lifted tells whether a consent line can let the deletion go ahead.
func (h HoldReason) Lifted() bool {
	return h != "" && h != NotConfirmed && h != NoClaim
}

// wide tells whether the reason holds all deletions of the plan, so that a line for the app is the line to write.
func (h HoldReason) wide() bool {
	return h == WholeApp || h == EmptySet || h == ForcePush || h == NewCopy || h == AppFailing || h == Limit
}

// protected are the kinds of resources.md §7.3. The group has no part in it: a kind that only bears the name of a
// protected one is held too.
var protected = []string{
	"Namespace", "CustomResourceDefinition", "PersistentVolume", "PersistentVolumeClaim", "StatefulSet", "StorageClass",
}

// The limit of deletions in one plan where none is set (resources.md §6.1).
const (
	defaultLimitCount   = 5
	defaultLimitPercent = 20
)

// wideHold gives the reason that holds every deletion of this plan, if there is one.
func (m *maker) wideHold(deletions int) (HoldReason, string) {
	switch limit := m.limit(); {
	case m.in.Policy.Removed:
		return WholeApp, "the whole app is gone from Git"
	case !m.wishesOfGit():
		return EmptySet, "Git has no object left for this app"
	case !m.in.Policy.Descendant:
		return ForcePush, "the branch was moved to a commit that does not descend from what was applied"
	case m.failingWhy() != "":
		return AppFailing, m.failingWhy()
	case deletions > limit:
		return Limit, fmt.Sprintf("%d deletions at once are more than the limit of %d", deletions, limit)
	}
	return "", ""
}

// limit gives how many deletions one plan may have: the larger of a count and a share of the confirmed inventory.
func (m *maker) limit() int {
	count, percent := defaultLimitCount, defaultLimitPercent
	if c := m.in.Policy.Limit.Count; c != nil {
		count = *c
	}
	if p := m.in.Policy.Limit.Percent; p != nil {
		percent = *p
	}
	confirmed := 0
	for _, e := range m.entries {
		if e.UID != "" {
			confirmed++
		}
	}
	return max(count, confirmed*percent/100)
}

// ownHold gives the reason that lies in the object itself, if there is one.
func (m *maker) ownHold(id object.ID) (HoldReason, string) {
	entry := m.entries[id]
	switch {
	case slices.Contains(protected, id.Kind):
		return ProtectedKind, fmt.Sprintf("a %s is deleted only with consent", id.Kind)
	case entry.Prune == object.PruneConsent:
		return MarkedConsent, "its mark asks for consent"
	case !entry.Created:
		return NotCreatedByUs, "Plumb took it over and did not create it"
	}
	return "", ""
}

// inUse tells what in a Namespace or of a definition would go with it although it stays by its own step.
// Of a definition whose manifest is gone only the group is known, so that an object of its group counts unless its kind
// is defined by another definition of Git.
func (m *maker) inUse(id object.ID, steps []Step) (object.ID, bool) {
	_, group, _ := strings.Cut(id.Name, ".")
	inside := func(other object.ID) bool {
		if isNamespace(id) {
			return other.Namespace == id.Name
		}
		_, defined := m.defined[other.GroupKind()]
		return isDefinition(id) && other.Group == group && !defined
	}
	var staying []object.ID
	for _, s := range steps {
		if inside(s.ID) && !s.goes() {
			staying = append(staying, s.ID)
		}
	}
	for other, claim := range m.in.Picture.Wanted {
		if inside(other) && claim.UID != m.in.App.UID {
			staying = append(staying, other)
		}
	}
	if len(staying) == 0 {
		return object.ID{}, false
	}
	return slices.MinFunc(staying, object.ID.Compare), true
}

// goes tells whether the object of the step is gone soon, by this plan or already.
func (s Step) goes() bool {
	deleting := s.Action == Wait && s.Removes() && s.Reason == fault.Progressing
	return s.Action == Delete || s.Action == Forget || deleting
}
