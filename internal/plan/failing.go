package plan

import (
	"slices"

	"plumb.dev/plumb/internal/fault"
)

// Since tells how what an App renders from differs from what it rendered from at the base of a plan (status.consentBase).
type Since string

// What may have come of the inputs of an App since the base of a plan.
const (
	Same      Since = "same"      // as at the base: what it failed on then, or had then, it fails on, or has, now
	Changed   Since = "changed"   // a commit after the base changed them
	Unknown   Since = "unknown"   // there is no base, or it cannot be read any more
	Elsewhere Since = "elsewhere" // another repository, or another branch: no commit is of both
)

// Failing is another living App, or a folder that would be one, of which nobody can say what it wants, because its render
// fails. It counts with what it has; the question is whether it may want more by now.
type Failing struct {
	App    string       `json:"app"`    // "<namespace>/<name>"; the folder where it is no App yet
	Reason fault.Reason `json:"reason"` // why its render fails
	Inputs Since        `json:"inputs"`
}

// MayWant tells whether the App may want an object that the planning App gave up after the base. An object that moves
// changes what its new App renders from in a commit after the base, so that an App that has been failing on the same
// inputs since before then, however long, keeps nobody from deleting.
func (f Failing) MayWant() bool { return f.Inputs == Changed || f.Inputs == Unknown }

// mayWant names the failing Apps that may want what this one has given up, sorted.
func (m *maker) mayWant() []string {
	var names []string
	for _, f := range m.in.Picture.Failing {
		if f.MayWant() {
			names = append(names, f.App)
		}
	}
	return sorted(names)
}

// failingWhy gives "plumb-system/b may want it and cannot be rendered (RenderFailed)", "" if nobody may.
func (m *maker) failingWhy() string {
	names := m.mayWant()
	if len(names) == 0 {
		return ""
	}
	why := list(names) + " may want it and cannot be rendered"
	i := slices.IndexFunc(m.in.Picture.Failing, func(f Failing) bool { return f.App == names[0] })
	if len(names) == 1 {
		why += " (" + string(m.in.Picture.Failing[i].Reason) + ")"
	}
	return why
}

// HeldFor tells whether the step is a deletion that is held because an App that fails may want the object. When that App
// renders again the plan is due anew.
func (s Step) HeldFor() bool { return s.Action == Hold && len(s.Failing) > 0 }
