// Package corpus deploys real repositories' applications on a real API server, through the product as a user runs it.
//
// Every Kustomize folder, every chart and every plain application of the corpus is in exactly one of three lists: deployed
// and healthy, part of one that is, or excluded by name with a reason. A folder in none of them fails the test, so that
// nothing is left out in silence. It never reads the network. Start at TestCorpusDeploys.
package corpus

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// app is an application of the corpus: a folder, and what its authors ask a user to set.
type app struct {
	path      string
	namespace string
	set       map[string]any
	release   string // a name that the chart insists on
	makes     string // a namespace that its authors have a user make first
	// What its hooks and waves promise: each thing happens before the next, "made Kind/name" or "done Job/name"; a name may
	// end in *.
	order []string
}

// turns are deployed one after the other. Within a turn no two disturb each other; after it its Apps are deleted, which
// leaves their objects in place, and later turns take over what they share.
var turns = [][]app{
	{
		{path: "argocd-example-apps/guestbook"},
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
	},
	{{path: "flagger/kustomize/istio", makes: "istio-system"}},
	{{path: "flagger/kustomize/contour", makes: "projectcontour"}},
	{{path: "flagger/kustomize/gatewayapi"}},
	{{path: "flagger/kustomize/apisix"}},
	{{path: "flagger/kustomize/appmesh", makes: "appmesh-system"}},
	{{path: "flagger/kustomize/knative", makes: "knative-serving"}},
	{{path: "tekton-pipeline/config"}},
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
	// The last: its admission webhook refuses the Certificates of others, since nothing answers for it.
	{{path: "cert-manager/deploy/charts/cert-manager", namespace: "cert-manager", order: []string{"made Deployment/*-webhook", "done Job/*-startupapicheck"}}},
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

// excluded are applications that cannot be deployed here, each with its reason.
var excluded = map[string]string{
	"argo-cd/manifests/cluster-install":                            "the upstream tool fails too: its base namespace-install is not in the corpus",
	"argocd-example-apps/helm-dependency":                          "needs the network: its dependency is in a chart repository",
	"flux2-kustomize-helm-example/apps/staging":                    "needs a running controller and its kinds: Flux's HelmRelease",
	"flux2-kustomize-helm-example/apps/production":                 "needs a running controller and its kinds: Flux's HelmRelease",
	"flux2-kustomize-helm-example/infrastructure/controllers":      "needs a running controller and its kinds: Flux's HelmRelease",
	"flux2-kustomize-helm-example/infrastructure/configs":          "needs kinds whose definitions come with a chart from the network (Gateway API)",
	"flagger/kustomize/linkerd":                                    "needs a kind whose definition is not in the corpus (Linkerd's AuthorizationPolicy)",
	"flux2-kustomize-helm-example/clusters/staging/flux-system":    "it holds no object here: its components come from the network",
	"flux2-kustomize-helm-example/clusters/production/flux-system": "it holds no object here: its components come from the network",
	"flagger/kustomize/kuma":                                       "needs a kind whose definition is not in the corpus (Kuma's Mesh)",
	"argocd-example-apps/blue-green":                               "needs a running controller: a Rollout gets its status from Argo Rollouts",
	"sveltos/config/prometheus":                                    "needs a kind whose definition is not in the corpus (ServiceMonitor)",
	// Kustomize lists them, and no API server holds them: v1alpha1 and v1beta1 of one kind and name are one object. kubectl
	// would apply the one and then the other over it; which one stays is not in Git, so that Plumb refuses them.
	"sveltos/config/samples": "no application: examples of its kinds, with the same objects in two versions (DuplicateObject)",
	"sveltos/manifest":       "the upstream tool fails too: two of its files define the same Deployment",
}

// plain are the applications without a file that says how they render.
var plain = []string{
	"argocd-example-apps/guestbook", "argocd-example-apps/helm-hooks", "argocd-example-apps/sync-waves",
	"cert-manager/deploy/crds", "crossplane/cluster/crds", "sveltos/manifest", "tekton-pipeline/config",
}

const patience = 3 * time.Minute

func TestCorpusIsListed(t *testing.T) {
	root := corpus(t)
	found := candidates(t, root)
	listed := map[string]int{}
	for _, turn := range turns {
		for _, a := range turn {
			listed[a.path]++
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
	p := start(t, corpus(t))
	deployed := 0
	for n, turn := range turns {
		t.Run(fmt.Sprintf("turn %d", n+1), func(t *testing.T) {
			var seen []*sequence
			for _, a := range turn {
				seen = append(seen, p.watch(t, a))
				p.create(t, a)
			}
			for i, a := range turn {
				p.awaitOK(t, a)
				seen[i].check(t, a)
				deployed++
			}
			for _, a := range turn {
				p.forget(t, a)
			}
		})
	}
	t.Logf("%d applications deployed and healthy; %d excluded", deployed, len(excluded))
	for path, reason := range excluded {
		t.Logf("excluded: %s: %s", path, reason)
	}
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

// playground is `plumb up` on a repository made from the corpus.
type playground struct {
	client dynamic.Interface
	log    string
}

var (
	apps       = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "apps"}
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

const system = "plumb-system"

func start(t *testing.T, root string) *playground {
	t.Helper()
	plumb := os.Getenv("PLUMB")
	if plumb == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PLUMB does not name the product's binary")
		}
		t.Skip("PLUMB does not name the product's binary (make corpus does)")
	}
	dir := t.TempDir()
	repo := filepath.Join(dir, "repo")
	if err := os.CopyFS(repo, os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "--all", "--force"},
		{"-c", "user.name=corpus", "-c", "user.email=corpus@example.com", "commit", "-q", "-m", "the corpus"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = repo
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	state := filepath.Join(dir, "state")
	cmd := exec.Command(plumb, "up", "--dir", state, "--port", "0", "--no-browser", "-o", "json", repo)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	var ready struct {
		Kubeconfig string `json:"kubeconfig"`
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		t.Fatalf("plumb up was not ready: %v", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", ready.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return &playground{client: client, log: filepath.Join(state, "logs", "agent.log")}
}

func (a app) name() string {
	name := strings.ReplaceAll(a.path, "/", "-")
	return strings.Trim(name[max(0, len(name)-40):], "-")
}

func (p *playground) create(t *testing.T, a app) {
	t.Helper()
	if a.makes != "" {
		ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": a.makes}}}
		if _, err := p.client.Resource(namespaces).Create(t.Context(), ns, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("%s: %v", a.path, err)
		}
	}
	spec := map[string]any{"repo": "fleet", "path": a.path}
	if a.namespace != "" {
		spec["namespace"] = a.namespace
	}
	helm := map[string]any{}
	if a.set != nil {
		helm["set"] = a.set
	}
	if a.release != "" {
		helm["release"] = a.release
	}
	if len(helm) > 0 {
		spec["settings"] = map[string]any{"helm": helm}
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "plumb.dev/v1alpha1", "kind": "App",
		"metadata": map[string]any{"name": a.name(), "namespace": system}, "spec": spec,
	}}
	if _, err := p.client.Resource(apps).Namespace(system).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatalf("%s: %v", a.path, err)
	}
}

// awaitOK waits until an application is applied completely and healthy.
func (p *playground) awaitOK(t *testing.T, a app) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		o, err := p.client.Resource(apps).Namespace(system).Get(ctx, a.name(), metav1.GetOptions{})
		if err == nil {
			state, _, _ := unstructured.NestedString(o.Object, "status", "state")
			if state == "ok" {
				total, _, _ := unstructured.NestedInt64(o.Object, "status", "objects", "total")
				t.Logf("%s: %d objects, healthy", a.path, total)
				return
			}
		}
		select {
		case <-ctx.Done():
			p.explain(t, a)
			return
		case <-tick.C:
		}
	}
}

func (p *playground) explain(t *testing.T, a app) {
	t.Helper()
	o, err := p.client.Resource(apps).Namespace(system).Get(context.WithoutCancel(t.Context()), a.name(), metav1.GetOptions{})
	if err != nil {
		t.Errorf("%s: %v", a.path, err)
		return
	}
	state, _, _ := unstructured.NestedString(o.Object, "status", "state")
	summary, _, _ := unstructured.NestedString(o.Object, "status", "summary")
	t.Errorf("%s is %s: %s", a.path, state, summary)
}

func (p *playground) forget(t *testing.T, a app) {
	t.Helper()
	if err := p.client.Resource(apps).Namespace(system).Delete(t.Context(), a.name(), metav1.DeleteOptions{}); err != nil {
		t.Errorf("%s: %v", a.path, err)
	}
}
