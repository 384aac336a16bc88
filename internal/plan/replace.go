package plan

import (
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// neverReplaced are the kinds whose deletion takes data or other people's objects with it (resources.md §6.2, replace).
var neverReplaced = []string{"PersistentVolumeClaim", "StatefulSet", "Namespace", "CustomResourceDefinition"}

// OnImmutable gives the step to carry out after the API server has answered to s that a field cannot be changed: Replace
// for an object that may be deleted and made anew, else Refuse with ImmutableField (resources.md §7.4).
//
// It may if it runs to completion (a Job that we made), if Git says so with a mark on it, or if it is listed in the
// setting replace; never if its kind is PersistentVolumeClaim, StatefulSet, Namespace or CustomResourceDefinition, and
// never while another's claim is on it.
//
// cause is the API server's answer; nil if there is none to tell.
func OnImmutable(s Step, policy Policy, cause *fault.Fault) Step {
	never := slices.Contains(neverReplaced, s.ID.Kind)
	if !never && s.UID != "" && (s.MayReplace || listed(policy.Replace, s.ID)) {
		s.Action, s.Why = Replace, "a field cannot be changed: deleted and made anew"
		return s
	}
	f := fault.New(fault.ImmutableField, "%s has a change in a field that cannot be changed", s.ID)
	if cause != nil {
		answer := *cause
		f = &answer
	}
	if s.Object != nil {
		f = f.At(s.Object.Place)
	}
	if never {
		return refuse(s, f.WithNext("a %s is never replaced: undo the change, or write a new one under another name and move what is in it", s.ID.Kind))
	}
	return refuse(s, f.WithNext("undo the change, or allow it in plumb.yaml: replace: [{kind: %s, name: %s}]", s.ID.Kind, s.ID.Name))
}

// mayReplace tells whether an object of ours may be deleted and made anew without being listed.
func (m *maker) mayReplace(w wish, created bool) bool {
	if slices.Contains(neverReplaced, w.id.Kind) {
		return false
	}
	job := w.id.Group == "batch" && w.id.Kind == "Job" && created
	return job || m.listedForReplace(w)
}

func (m *maker) listedForReplace(w wish) bool {
	return !slices.Contains(neverReplaced, w.id.Kind) && (w.marks.ReplaceAllowed || listed(m.in.Policy.Replace, w.id))
}

// listed tells whether a list of kinds and names has the object. A kind may be written as group/Kind; a name or a
// namespace that is not written fits all.
func listed(refs []v1alpha1.ObjectRef, id object.ID) bool {
	return slices.ContainsFunc(refs, func(r v1alpha1.ObjectRef) bool {
		kind := r.Kind == id.Kind || r.Kind == id.GroupKind()
		return kind && (r.Name == "" || r.Name == id.Name) && (r.Namespace == "" || r.Namespace == id.Namespace)
	})
}
