package plan_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// TestHoldsOf: what of another tool's own object would undo a takeover, and what ends it.
func TestHoldsOf(t *testing.T) {
	argo := plan.Tool{Name: "Argo CD", Kind: "Application", App: "guestbook"}
	kustomization := plan.Tool{Name: "Flux", Kind: "Kustomization", Namespace: "flux-system", App: "apps"}
	release := plan.Tool{Name: "Flux", Kind: "HelmRelease", Namespace: "shop", App: "web"}
	const finalizer = "resources-finalizer.argocd.argoproj.io"
	for _, row := range []struct {
		reason string
		tool   plan.Tool
		own    string
		want   []string // a part of each hold, in order
	}{
		{"an Application that is synced by hand lets go", argo, "metadata: {name: guestbook, namespace: argocd}\nspec: {}", nil},
		{"one that syncs by itself does not", argo, "metadata: {name: guestbook, namespace: argocd}\nspec: {syncPolicy: {automated: {prune: true, selfHeal: true}}}",
			[]string{`kubectl -n argocd patch applications.argoproj.io guestbook --type json -p '[{"op":"remove","path":"/spec/syncPolicy/automated"}]'`}},
		{"an empty automated is one", argo, "metadata: {name: guestbook, namespace: argocd}\nspec: {syncPolicy: {automated: {}}}", []string{"it syncs by itself"}},
		{"unless it is off", argo, "metadata: {name: guestbook, namespace: argocd}\nspec: {syncPolicy: {automated: {enabled: false}}}", nil},
		{"or is not looked at", argo, "metadata: {name: guestbook, namespace: argocd, annotations: {argocd.argoproj.io/skip-reconcile: \"true\"}}\nspec: {syncPolicy: {automated: {}}}", nil},
		{"its finalizer would delete the objects; another one stays", argo, "metadata: {name: guestbook, namespace: argocd, finalizers: [" + finalizer + "/background, other]}\nspec: {}",
			[]string{`--type merge -p '{"metadata":{"finalizers":["other"]}}'`}},
		{"it is being deleted", argo, "metadata: {name: guestbook, namespace: argocd, deletionTimestamp: x, finalizers: [" + finalizer + "]}\nspec: {}", []string{"being deleted", "finalizer"}},
		{"a sync is running", argo, "metadata: {name: guestbook, namespace: argocd}\nspec: {}\nstatus: {operationState: {phase: Running}}", []string{"is running"}},
		{"who made it would undo the change", argo, "metadata: {name: guestbook, namespace: argocd, ownerReferences: [{kind: ApplicationSet, name: all}]}\nspec: {syncPolicy: {automated: {}}}",
			[]string{"it syncs by itself", "ApplicationSet all"}},
		{"a Kustomization that runs", kustomization, "metadata: {name: apps, namespace: flux-system, labels: {kustomize.toolkit.fluxcd.io/name: flux-system}}\nspec: {prune: true}",
			[]string{`kubectl -n flux-system patch kustomizations.kustomize.toolkit.fluxcd.io apps --type merge --field-manager plumb-import -p '{"spec":{"suspend":true}}'`, "Flux's flux-system"}},
		{"a suspended one lets go, whatever it prunes", kustomization, "metadata: {name: apps, namespace: flux-system}\nspec: {prune: true, suspend: true}", nil},
		{"a release that runs", release, "metadata: {name: web, namespace: shop}\nspec: {suspend: false}", []string{"kubectl -n shop patch helmreleases.helm.toolkit.fluxcd.io web"}},
		{"a suspended one lets go", release, "metadata: {name: web, namespace: shop}\nspec: {suspend: true}", nil},
		{"one that is being deleted", release, "metadata: {name: web, namespace: shop, deletionTimestamp: x}\nspec: {}", []string{"being deleted", "suspend"}},
	} {
		var fields map[string]any
		if err := yaml.Unmarshal([]byte(row.own), &fields); err != nil {
			t.Fatal(err)
		}
		holds := plan.HoldsOf(row.tool, object.Object{Fields: fields})
		if len(holds) != len(row.want) {
			t.Errorf("%s: %v, want %d", row.reason, holds, len(row.want))
			continue
		}
		for i, want := range row.want {
			if !strings.Contains(holds[i].Message+" "+holds[i].Command, want) {
				t.Errorf("%s: %v does not say %q", row.reason, holds[i], want)
			}
		}
	}
}
