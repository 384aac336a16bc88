package diff

import (
	"bytes"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
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
