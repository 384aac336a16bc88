package plan

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
)

// LiveOf gives what a plan must know of a live object from its metadata, for the App with this field manager.
func LiveOf(meta *metav1.ObjectMeta, manager string) Live {
	live := Live{
		UID: string(meta.UID), Version: meta.ResourceVersion, Owner: meta.Annotations[v1alpha1.AnnotationOwner],
		Managed: meta.Labels[v1alpha1.LabelManaged] == "true", Owned: diff.Owned(meta.ManagedFields, manager),
		Tool: trackingMark(meta), Terminating: meta.DeletionTimestamp != nil,
		Former: diff.Former(meta.ManagedFields, meta.Labels),
		Run:    meta.Annotations[v1alpha1.AnnotationRun], Scaled: diff.Scaled(meta.ManagedFields, manager), Uncounted: diff.Uncounted(meta.ManagedFields),
	}
	live.Counts = diff.OwnsReplicas(meta.ManagedFields, append(live.Former, manager)...)
	for _, e := range meta.ManagedFields {
		live.Managers = append(live.Managers, Manager{Name: e.Manager, Operation: string(e.Operation), Subresource: e.Subresource})
	}
	return live
}

// trackingMark names the tool that has marked an object as its own. The marks are those that Argo CD
// (argocd.argoproj.io/tracking-id) and Flux (kustomize.toolkit.fluxcd.io, helm.toolkit.fluxcd.io) write. The label
// app.kubernetes.io/instance alone proves nothing: every Helm chart sets it.
func trackingMark(meta *metav1.ObjectMeta) string {
	if id := meta.Annotations["argocd.argoproj.io/tracking-id"]; id != "" {
		name, _, _ := strings.Cut(id, ":")
		return "Argo CD application " + name
	}
	if name := meta.Labels["argocd.argoproj.io/instance"]; name != "" {
		return "Argo CD application " + name
	}
	for kind, key := range map[string]string{"Kustomization": "kustomize.toolkit.fluxcd.io/name", "HelmRelease": "helm.toolkit.fluxcd.io/name"} {
		if name := meta.Labels[key]; name != "" {
			return "Flux " + kind + " " + name
		}
	}
	return ""
}
