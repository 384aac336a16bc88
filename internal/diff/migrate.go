package diff

import (
	"bytes"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.dev/plumb/api/v1alpha1"
)

// lastApplied is the annotation in which kubectl's client-side apply keeps what it applied.
var lastApplied = fieldpath.MakePathOrDie("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")

// Migrate moves the entries of the managers in from into our Apply entry, so that a field which they set and Git no
// longer has is removed by our next apply. It gives the new list, and whether it differs. Entries of a subresource, of
// another version of the kind than ours (their paths may not be ours), or that cannot be read stay as they are. The
// annotation last-applied-configuration does not become ours, as kubectl's own migration has it.
func Migrate(entries []metav1.ManagedFieldsEntry, manager string, from []string) ([]metav1.ManagedFieldsEntry, bool) {
	ours := metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, FieldsType: "FieldsV1"}
	fields := fieldpath.NewSet()
	if e := own(entries, manager); e != nil {
		if set(*e) == nil {
			return entries, false
		}
		ours, fields = *e.DeepCopy(), set(*e)
	}
	var kept []metav1.ManagedFieldsEntry
	moved := false
	for _, e := range entries {
		if e.Manager == manager && e.Operation == ours.Operation && e.Subresource == "" {
			continue
		}
		s := movable(e, manager, from, ours.APIVersion)
		if s == nil {
			kept = append(kept, e)
			continue
		}
		moved = true
		ours.APIVersion = e.APIVersion
		fields = fields.Union(s.Difference(fieldpath.NewSet(lastApplied)))
		if ours.Time == nil || e.Time != nil && ours.Time.Before(e.Time) {
			ours.Time = e.Time.DeepCopy()
		}
	}
	raw, err := fields.ToJSON()
	if !moved || err != nil {
		return entries, false
	}
	ours.FieldsV1 = metav1.NewFieldsV1(string(bytes.TrimSpace(raw)))
	return append([]metav1.ManagedFieldsEntry{ours}, kept...), true
}

// movable gives the fields of an entry that may move; nil if it stays. version "" takes any.
func movable(e metav1.ManagedFieldsEntry, manager string, from []string, version string) *fieldpath.Set {
	if e.Subresource != "" || !slices.Contains(from, e.Manager) || e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply {
		return nil
	}
	if version != "" && e.APIVersion != version {
		return nil
	}
	return set(e)
}

// Former gives the managers whose entries Migrate should move when an object becomes ours: people's tools; delivery tools,
// whose marks decide beforehand whether it may become ours at all; on an object that Helm labelled, Helm under the name
// that it had before it named itself; and before-first-apply, under which the first server-side apply keeps the fields of
// an object without managedFields.
func Former(entries []metav1.ManagedFieldsEntry, labels map[string]string) []string {
	byHelm := labels["app.kubernetes.io/managed-by"] == "Helm"
	var names []string
	for _, e := range entries {
		former := PersonsTool(e.Manager) || DeliveredBy(e.Manager) != "" || e.Manager == "before-first-apply" || byHelm && e.Manager == "Go-http-client"
		if former && e.Subresource == "" && !slices.Contains(names, e.Manager) {
			names = append(names, e.Manager)
		}
	}
	slices.Sort(names)
	return names
}

// ownMarks are the fields of ours on every object: what is given back does not have them.
var ownMarks = fieldpath.NewSet(
	fieldpath.MakePathOrDie("metadata", "labels", v1alpha1.LabelManaged), fieldpath.MakePathOrDie("metadata", "annotations", v1alpha1.AnnotationOwner),
)

// Return hands the fields of our entries to another manager, by an operation (Apply or Update): the reverse of Migrate,
// as far as there is one, because what several managers owned has become one entry. Our label and claim go to nobody.
func Return(entries []metav1.ManagedFieldsEntry, manager, to string, operation metav1.ManagedFieldsOperationType) []metav1.ManagedFieldsEntry {
	theirs := metav1.ManagedFieldsEntry{Manager: to, Operation: operation, FieldsType: "FieldsV1"}
	fields := fieldpath.NewSet()
	var kept []metav1.ManagedFieldsEntry
	for _, e := range entries {
		s := set(e)
		ours := e.Manager == manager || e.Manager == to && e.Operation == operation && (theirs.APIVersion == "" || theirs.APIVersion == e.APIVersion)
		if s == nil || e.Subresource != "" || !ours {
			kept = append(kept, e)
			continue
		}
		fields = fields.Union(s.Difference(ownMarks))
		if theirs.APIVersion == "" || e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply {
			theirs.APIVersion, theirs.Time = e.APIVersion, e.Time.DeepCopy()
		}
	}
	raw, err := fields.ToJSON()
	if theirs.APIVersion == "" || err != nil {
		return entries
	}
	theirs.FieldsV1 = metav1.NewFieldsV1(string(bytes.TrimSpace(raw)))
	return append([]metav1.ManagedFieldsEntry{theirs}, kept...)
}
