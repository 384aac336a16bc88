package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

// LiveOf gives what a plan must know of a live object from its metadata, for the App with this field manager.
func LiveOf(id object.ID, meta *metav1.ObjectMeta, manager string) Live {
	live := Live{
		UID: string(meta.UID), Version: meta.ResourceVersion, Owner: meta.Annotations[v1alpha1.AnnotationOwner],
		Managed: meta.Labels[v1alpha1.LabelManaged] == "true", Owned: diff.Owned(meta.ManagedFields, manager),
		Tool: toolOf(id, meta), Release: releaseOf(meta), LastApplied: meta.Annotations[lastApplied] != "", Terminating: meta.DeletionTimestamp != nil,
		Former: diff.Former(meta.ManagedFields, meta.Labels),
		Run:    meta.Annotations[v1alpha1.AnnotationRun], Scaled: diff.Scaled(meta.ManagedFields, manager), Uncounted: diff.Uncounted(meta.ManagedFields),
	}
	live.Counts = diff.OwnsReplicas(meta.ManagedFields, append(live.Former, manager)...)
	for _, e := range meta.ManagedFields {
		live.Managers = append(live.Managers, Manager{Name: e.Manager, Operation: string(e.Operation), Subresource: e.Subresource})
	}
	return live
}
