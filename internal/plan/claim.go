package plan

import (
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// owner is a claim as it stands on an object: "<namespace>/<App>:<App UID>".
type owner struct {
	app string // "<namespace>/<App>"
	uid string
}

// parseOwner reads a claim. What is not of its form is no App's claim.
func parseOwner(claim string) (owner, bool) {
	app, uid, found := strings.Cut(claim, ":")
	if !found || uid == "" || !strings.Contains(app, "/") {
		return owner{}, false
	}
	return owner{app: app, uid: uid}, true
}

// OwnerUID gives the UID of the App in a claim "<namespace>/<App>:<App UID>"; "" if it is no claim.
func OwnerUID(claim string) string {
	o, _ := parseOwner(claim)
	return o.uid
}

// livingOwner gives the other App that owns the object, if it exists. Apps that could not be listed all count as living.
func (m *maker) livingOwner(live Live) (owner, bool) {
	o, ok := parseOwner(live.Owner)
	if !ok || live.Owner == m.in.App.Owner() {
		return owner{}, false
	}
	living := m.in.Picture.LivingApps
	return o, living == nil || living[o.uid]
}

// mayClaim tells whether no other living App owns the object.
func (m *maker) mayClaim(live Live) bool {
	_, taken := m.livingOwner(live)
	return !taken
}

// givenUp tells whether another living App owns the object and does not want it any more: it is handed over to us.
func (m *maker) givenUp(id object.ID, live Live) bool {
	other, ok := m.livingOwner(live)
	return ok && m.in.Picture.GivenUp[id] == other.uid
}

// bearsClaim tells whether the object says that it is ours. The app's namespace bears the label alone (targetNamespace).
func (m *maker) bearsClaim(id object.ID, live Live) bool {
	if live.Owner == m.in.App.Owner() {
		return true
	}
	return isNamespace(id) && live.Owner == "" && live.Managed
}

// madeByUs tells what the Inventory knows of who made the live object. An entry without a UID was written ahead of an
// apply whose answer was lost: then the claim on the object, which only our apply can have put there, stands for it.
// The app's namespace bears the label instead.
func (m *maker) madeByUs(entry v1alpha1.InventoryEntry, live Live) bool {
	if !entry.Created {
		return false
	}
	return entry.UID == live.UID || entry.UID == "" && m.bearsClaim(EntryID(entry), live)
}

// personsTools are the field managers of tools with which persons change objects. What they own of an object that becomes
// ours moves to us, so that a field removed from Git is removed live. Managers that only add labels or annotations, or the
// annotation by which a rollout is restarted, are not among them: those stay as they are.
var personsTools = map[string]bool{
	"kubectl": true, "kubectl-client-side-apply": true, "kubectl-create": true, "kubectl-edit": true, "kubectl-expose": true,
	"kubectl-last-applied": true, "kubectl-patch": true, "kubectl-replace": true, "kubectl-run": true, "kubectl-set": true,
	"helm": true, "k9s": true,
}

// takes lists the field managers of an object whose fields we take over at our first claim: persons' tools, the App that
// owned it before, if it is gone or gives it up, and what is left of other Apps where none of the living wants it.
func (m *maker) takes(id object.ID, live Live) []string {
	own, former := object.Manager(m.in.App.Namespace, m.in.App.Name), object.ManagerOf(live.Owner)
	claim, wanted := m.in.Picture.Wanted[id]
	contested := wanted && claim.UID != m.in.App.UID || len(m.in.Picture.Undecided) > 0 || len(m.mayWant()) > 0
	names := slices.Clone(live.Former)
	for _, manager := range live.Managers {
		app := strings.HasPrefix(manager.Name, "plumb:") && manager.Name != own
		left := app && (manager.Name == former || !contested)
		if manager.Subresource == "" && (personsTools[manager.Name] || left) {
			names = append(names, manager.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
