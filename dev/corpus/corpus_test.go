// Package corpus deploys real repositories' applications on a real API server, through the product as a user runs it.
//
// Every Kustomize folder, every chart and every plain application of the corpus is in exactly one of three lists: deployed
// and healthy, part of one that is, or excluded by name with a reason. A folder in none of them fails the test, so that
// nothing is left out in silence; an exclusion is tried too, and must fail for its reason. It never reads the network: charts
// that only the network has are replaced by those in local. Start at TestCorpusDeploys.
package corpus

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// app is an application of the corpus: a folder, and what its authors ask a user to set.
type app struct {
	path      string
	namespace string
	set       map[string]any
	release   string // a name that the chart insists on
	makes     string // a namespace that its authors have a user make first
	// The files of a folder that holds several installs or versions, of which a user takes one.
	files []string
	// What its hooks and waves promise: each thing happens before the next, "made Kind/name" or "done Job/name"; a name may
	// end in *.
	order []string
}

// planes are control planes of their own, for what would disturb each other: admission webhooks that nobody answers, and the
// definitions that several bring. What is in a turn is deployed together. After it its Apps are deleted, which leaves their objects in
// place, and later turns take over what they share.
var planes = []struct {
	name  string
	turns [][]app
}{
	{name: "most of it", turns: [][]app{
		{{path: "local/definitions"}},
		{
			{path: "argocd-example-apps/guestbook"},
			{path: "argocd-example-apps/helm-dependency"},
			{path: "argocd-example-apps/sock-shop"},
			{path: "argocd-example-apps/helm-guestbook"},
			{path: "argocd-example-apps/kustomize-guestbook"},
			{path: "podinfo/charts/podinfo"},
			{path: "podinfo/kustomize"},
			{path: "headlamp/charts/headlamp"},
			{path: "argo-cd/manifests/crds"},
			{path: "argo-cd/manifests/cluster-rbac"},
			{path: "argo-cd/manifests/base", namespace: "argocd"},
			{path: "argo-rollouts/manifests/cluster-install", namespace: "argo-rollouts"},
			{path: "crossplane/cluster/charts/crossplane", namespace: "crossplane-system"},
			{path: "crossplane/cluster/crds"},
			{path: "rancher-fleet/charts/fleet-crd", namespace: "cattle-fleet-system"},
			{path: "cert-manager/deploy/crds"},
			{path: "flagger/charts/flagger", namespace: "flagger-chart"},
			{path: "flagger/kustomize/tester", makes: "test"},
			{path: "flagger/kustomize/podinfo", makes: "test"},
			{path: "sveltos/config/default"},
		},
		{
			{path: "argocd-example-apps/apps"},
			{path: "argo-rollouts/manifests/namespace-install", namespace: "argo-rollouts"},
			{path: "flagger/kustomize/kubernetes"},
			{path: "sveltos/config/prometheus"},
		},
		{{path: "flagger/kustomize/istio", makes: "istio-system"}},
		{{path: "flagger/kustomize/contour", makes: "projectcontour"}},
		{{path: "flagger/kustomize/gatewayapi"}},
		{{path: "flagger/kustomize/apisix"}},
		{{path: "flagger/kustomize/appmesh", makes: "appmesh-system"}},
		{{path: "flagger/kustomize/knative", makes: "knative-serving"}},
		{{path: "flagger/kustomize/linkerd", makes: "linkerd-viz"}},
		{{path: "flagger/kustomize/kuma", makes: "kong-mesh-system"}},
		{{path: "tekton-pipeline/config"}},
		{{path: "argo-cd/manifests/cluster-install", namespace: "argocd"}},
		// Beside it lie the same Deployments for installs of another kind.
		{{path: "sveltos/manifest", files: []string{"manifest.yaml", "drift_detection_manager_rbac.yaml", "extra-role-agentless.yaml", "service_monitor.yaml"}}},
		{
			{path: "argocd-example-apps/pre-post-sync", order: []string{"done Job/*-before", "made Deployment/*", "made Job/*-after", "done Job/*-after"}},
			{path: "argocd-example-apps/helm-hooks", order: []string{
				"done Job/upgrade-sql-schema*", "made Job/maint-page-up", "done Job/maint-page-up", "made ReplicaSet/frontend", "made Job/maint-page-down", "done Job/maint-page-down"}},
			{path: "argocd-example-apps/sync-waves", order: []string{
				"done Job/upgrade-sql-schema*", "made ReplicaSet/backend", "made Job/maint-page-up", "done Job/maint-page-up", "made ReplicaSet/frontend",
				"made Job/maint-page-down", "done Job/maint-page-down"}},
		},
		{{path: "rancher-fleet/charts/fleet", namespace: "cattle-fleet-system", order: []string{"made Deployment/fleet-controller", "done Job/*"}}},
		{{path: "rancher-fleet/charts/fleet-agent", namespace: "cattle-fleet-system", release: "fleet-agent", set: map[string]any{"apiServerURL": "https://fleet.example.com", "tokenName": "token"}}},
		{{path: "kargo/charts/kargo", namespace: "kargo", set: map[string]any{
			"api.adminAccount.passwordHash": "$2a$10$abcdefghijklmnopqrstuv", "api.adminAccount.tokenSigningKey": "key",
		}}},
	}},
	{name: "cert-manager, whose admission webhook refuses the Certificates of others", turns: [][]app{
		{{path: "cert-manager/deploy/charts/cert-manager", namespace: "cert-manager", order: []string{"made Deployment/*-webhook", "done Job/*-startupapicheck"}}},
	}},
	// What Flux's HelmReleases mean, release by release, and then what needs their kinds. Its environments are for clusters of their own:
	// here production takes over what staging leaves.
	{name: "the Flux example", turns: [][]app{
		{
			{path: "local/flux/infrastructure/controllers/cert-manager", namespace: "cert-manager"},
			{path: "local/flux/infrastructure/controllers/envoy-gateway", namespace: "envoy-gateway-system"},
		},
		{
			{path: "flux2-kustomize-helm-example/infrastructure/configs"},
			{path: "local/flux/apps/staging/podinfo", namespace: "podinfo"},
		},
		{{path: "local/flux/apps/production/podinfo", namespace: "podinfo"}},
	}},
}

// parts are folders that are components, bases or patches of an application that is deployed or excluded.
var parts = map[string]string{
	"argo-cd/manifests/base/":                 "a component of argo-cd/manifests/base",
	"argo-cd/manifests/cluster-rbac/":         "a component of argo-cd/manifests/cluster-rbac",
	"argo-rollouts/manifests/base":            "the base of both installs",
	"argo-rollouts/manifests/crds":            "in both installs",
	"argo-rollouts/manifests/role":            "in both installs",
	"flagger/kustomize/base/":                 "the base of every overlay",
	"flux2-kustomize-helm-example/apps/base/": "the base of staging and production",
	"sveltos/config/crd":                      "a component of sveltos/config/default",
	"sveltos/config/manager":                  "a component of sveltos/config/default",
	"sveltos/config/rbac":                     "a component of sveltos/config/default",
}

// Why an application of the corpus is not deployed as it lies there.
const (
	controller = "needs a running third-party controller"
	replaced   = "needs a running third-party controller, Flux: what its objects mean is deployed, with local charts"
	empty      = "holds no object here: what Flux installs itself from comes from the network"
	rejected   = "is rejected by the API server: samples whose spec is still to be written"
)

// exclusion is why an application is not deployed, and what its App says then.
type exclusion struct {
	why, state, says string
	files            []string // of which a user takes these
}

// excluded are the applications that are not deployed as they lie there. Each is tried, and must end as is said here.
var excluded = map[string]exclusion{
	"argocd-example-apps/blue-green":                               {why: controller, state: "rolling", says: "Rollout"},
	"flux2-kustomize-helm-example/apps/staging":                    {why: replaced, state: "failed", says: "HelmRelease"},
	"flux2-kustomize-helm-example/apps/production":                 {why: replaced, state: "failed", says: "HelmRelease"},
	"flux2-kustomize-helm-example/infrastructure/controllers":      {why: replaced, state: "failed", says: "HelmRelease"},
	"flux2-kustomize-helm-example/clusters/staging/flux-system":    {why: empty, state: "ok", says: "healthy"},
	"flux2-kustomize-helm-example/clusters/production/flux-system": {why: empty, state: "ok", says: "healthy"},
	// One kind and name in two versions is one object, so that the kustomization, which lists both, is refused before that.
	"sveltos/config/samples": {why: rejected, state: "failed", says: "the API server rejects it", files: []string{"config_v1beta1_*.yaml"}},
}

// plain are the applications without a file that says how they render.
var plain = []string{
	"argocd-example-apps/guestbook", "argocd-example-apps/helm-hooks", "argocd-example-apps/sync-waves",
	"cert-manager/deploy/crds", "crossplane/cluster/crds", "sveltos/manifest", "tekton-pipeline/config",
}

func TestCorpusIsListed(t *testing.T) {
	root := corpus(t)
	found := candidates(t, root)
	listed := map[string]int{}
	for _, plane := range planes {
		for _, a := range slices.Concat(plane.turns...) {
			if !strings.HasPrefix(a.path, "local/") {
				listed[a.path]++
			}
		}
	}
	for path := range excluded {
		listed[path]++
	}
	for _, path := range found {
		if partOf(path) != "" {
			listed[path]++
		}
		if listed[path] != 1 {
			t.Errorf("%s is in %d lists, not in one", path, listed[path])
		}
		delete(listed, path)
	}
	for path := range listed {
		t.Errorf("%s is listed and not in the corpus", path)
	}
}

func TestCorpusDeploys(t *testing.T) {
	root := corpus(t)
	repo := repository(t, root)
	deployed, replacing := 0, map[string]int{}
	for i, plane := range planes {
		for _, a := range slices.Concat(plane.turns...) {
			if folder, ok := strings.CutPrefix(a.path, "local/flux/"); ok {
				replacing[filepath.ToSlash(filepath.Dir(folder))]++
			}
		}
		t.Run(plane.name, func(t *testing.T) {
			p := start(t, repo.dir)
			for n, turn := range plane.turns {
				t.Run(fmt.Sprintf("turn %d", n+1), func(t *testing.T) {
					deployed += p.take(t, repo, turn)
				})
			}
			if i == 0 {
				t.Run("excluded", func(t *testing.T) { p.refuses(t, repo) })
			}
		})
	}
	for path, e := range excluded {
		folder := strings.TrimPrefix(path, "flux2-kustomize-helm-example/")
		if e.why == replaced && (replacing[folder] == 0 || replacing[folder] != len(repo.releases[folder])) {
			t.Errorf("%s: %d of its releases %v are deployed", path, replacing[folder], repo.releases[folder])
		}
		t.Logf("excluded: %s: %s", path, e.why)
	}
	t.Logf("%d applications deployed and healthy; %d excluded", deployed, len(excluded))
}

// corpus gives the folder of the corpus, which lies beside the checkout.
func corpus(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../../shared/corpus")
	if err == nil {
		_, err = os.Stat(root)
	}
	if err == nil {
		return root
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("the corpus is missing: %v", err)
	}
	t.Skipf("the corpus is not beside this checkout: %v", err)
	return ""
}

func candidates(t *testing.T, root string) []string {
	t.Helper()
	found := slices.Clone(plain)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		switch e.Name() {
		case "kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml":
			rel, err := filepath.Rel(root, filepath.Dir(path))
			found = append(found, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func partOf(path string) string {
	for part, why := range parts {
		if path == part || strings.HasSuffix(part, "/") && strings.HasPrefix(path, part) {
			return why
		}
	}
	return ""
}
