package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Installing again changes nothing, an upgrade takes out what is no longer installed, and taking Plumb out, with its
// definitions too, leaves everything that runs. One command brings it back, and it takes up what it left.
func TestInstallUpgradeUninstall(t *testing.T) {
	w, err := newWorld("install")
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t, w, "installed")
	first := s.commit("everything", files{
		"bootstrap.yaml":             "apiVersion: plumb.dev/v1alpha1\nkind: Repo\nmetadata: {name: installed}\nspec: {url: \"" + s.repo.url + "\", poll: 10s}\n",
		"apps/installed/a.yaml":      documentsOf(deployment("web", 2, "registry.example/web:1"), claim("data"), configMap("settings", "a", "1")),
		"apps/installed-crd/a.yaml":  documentsOf(widgetDefinition, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 3}\n"),
		"apps/installed-more/a.yaml": configMap("settings", "a", "1"),
	})
	for _, app := range []string{"installed", "installed-crd", "installed-more"} {
		s.ok(app, first)
	}
	alive := []*unstructured.Unstructured{
		s.live("Deployment/installed/web"), s.live("PersistentVolumeClaim/installed/data"), s.live("ConfigMap/installed/settings"),
		s.live("Widget/installed-crd/one"), s.live("ConfigMap/installed-more/settings"), s.live("Namespace/installed"),
	}
	before := s.now(t)
	stays := func(when string) {
		t.Helper()
		for _, o := range alive {
			if live := s.get(t, idOf(o)); live == nil || live.GetUID() != o.GetUID() || live.GetDeletionTimestamp() != nil {
				t.Fatalf("%s: %s is not what it was", when, idOf(o))
			}
		}
		s.noDeletes(t, before, "installed", "installed-crd", "installed-more")
	}

	r := s.plumbs(0, "install", "--dry-run")
	s.says(r.stdout, "created  Deployment/plumb-system/plumb-agent", "5 unchanged", "nothing was changed")
	s.gone("Deployment/plumb-system/plumb-agent")
	s.says(s.plumbs(0, "install", "--replicas", "2").stdout, "plumb-deployer is cluster-admin", "agent     2 created")
	again := s.plumbs(0, "install", "--replicas", "2", "-o", "json")
	var did struct {
		Objects []struct{ Object, Did string }
	}
	if err := json.Unmarshal([]byte(again.stdout), &did); err != nil || len(did.Objects) < 20 {
		t.Fatalf("%v: %s", err, again.stdout)
	}
	for _, o := range did.Objects {
		if o.Did != "unchanged" {
			t.Errorf("installing again: %s %s", o.Object, o.Did)
		}
	}
	s.olderParts()
	s.says(s.plumbs(0, "install", "--image", "registry.example/plumb:2").stdout, "deleted  ClusterRole/plumb-of-an-older-version", "1 changed")
	s.live("ClusterRole/plumb-of-somebody")
	stays("after an upgrade")

	s.says(s.plumbs(0, "doctor").stdout, "crds      5, of this version", "policies  2, of this version", "plumb-system/plumb-deployer may do everything",
		"plumb-system/installed is read at "+first[:7], "every API group answers")
	s.onDelete("installed", "prune") // it would go with its objects; that its definition goes is another matter
	s.kill()                         // of the Deployment only simulated pods run
	s.says(s.plumbs(0, "uninstall", "--dry-run").stdout, "deleted  Deployment/plumb-system/plumb-agent", "nothing was changed")
	s.live("Deployment/plumb-system/plumb-agent")
	s.says(s.plumbs(0, "uninstall").stdout, "deleted  ClusterRole/plumb-agent", "released  App/plumb-system/installed", "what apps have delivered runs on")
	s.gone("ServiceAccount/plumb-system/plumb-agent")
	s.gone("ValidatingAdmissionPolicy/plumb-apps")
	s.live("App/plumb-system/installed")
	s.says(s.plumbs(1, "doctor").stdout, "not installed: plumb-apps, plumb-repos", "next  plumb install --only policies", "plumb-deployer does not exist", "next  plumb install --only access")
	stays("after it was taken out")
	s.plumbs(0, "uninstall", "--crds")
	s.absent("CustomResourceDefinition/apps.plumb.dev")
	s.live("Secret/plumb-system/hook")
	s.live("ClusterRole/plumb-of-somebody")
	stays("after its definitions went")
	s.says(s.plumbs(0, "uninstall").stdout, "not installed")

	s.plumbs(0, "install", "--only", "crds,access,policies", "-f", filepath.Join(s.repo.clone, "bootstrap.yaml"))
	if err := s.writeAccount(); err != nil {
		t.Fatal(err)
	}
	s.restarted()
	for _, app := range []string{"installed", "installed-crd", "installed-more"} {
		s.ok(app, first)
	}
	stays("after it came back")
	s.says(inventoryOf(s, "installed"), string(alive[0].GetUID()))
}

// olderParts makes what an older version had installed, and what is only named like it.
func (s *scenario) olderParts() {
	s.Helper()
	role := func(name string) *unstructured.Unstructured {
		return documents("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " + name + ", labels: {app.kubernetes.io/part-of: plumb}}\nrules: []\n")[0]
	}
	client, name := s.at("ClusterRole/plumb-of-an-older-version")
	if _, err := client.Apply(s.Context(), name, role(name), metav1.ApplyOptions{FieldManager: "plumb-install"}); err != nil {
		s.Fatal(err)
	}
	s.create(role("plumb-of-somebody"), "kubectl-create")
}

// What is no part of an installation is refused, and what would be installed can be printed.
func TestInstallOnlyItsParts(t *testing.T) {
	t.Parallel()
	w := shared(t)
	s := newScenario(t, w, "beside")
	r := s.plumbs(2, "install", "--only", "crd")
	s.says(r.stderr, "crds, access, policies, agent")
	file := filepath.Join(s.repo.clone, "other.yaml")
	if err := os.WriteFile(file, []byte(configMap("settings", "a", "1")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.says(s.plumbs(2, "install", "-f", file).stderr, "ConfigMap settings", "put it into the repository")
	yaml := s.plumbs(0, "install", "-o", "yaml", "--repo", "https://git.example.com/acme/Our_Fleet.git").stdout
	s.says(yaml, "kind: Deployment", "name: our-fleet", "url: https://git.example.com/acme/Our_Fleet.git")
}

// as gives a client of somebody who is not an administrator.
func (p *plane) as(t *testing.T, user string) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", p.config)
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Who may patch an App may not do everything with it: each field has its verb, and nobody uses a ServiceAccount that they may
// not impersonate.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "policy")
	s.ok("policy", s.commit("an app", files{"apps/policy/a.yaml": configMap("settings", "a", "1")}))
	person := func(name, verbs string) string {
		return `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: policy-` + name + `, namespace: plumb-system}
rules:
  - {apiGroups: [plumb.dev], resources: [apps, repos], verbs: [` + verbs + `]}
  - {apiGroups: [""], resources: [serviceaccounts], resourceNames: [policy-weak], verbs: [impersonate]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: policy-` + name + `, namespace: plumb-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: policy-` + name + `}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: policy-` + name + `}]
`
	}
	s.make(person("patcher", "get, create, patch") + "---" + person("asker", "get, create, patch, sync, pause") + "---" + person("writer", "get, create, patch, configure"))
	const pause = `{"spec": {"pause": {"reason": "r", "by": "policy"}}}`
	const resume = `{"spec": {"pause": null}}`
	const ask = `{"metadata": {"annotations": {"plumb.dev/sync": "TOKEN"}}}`
	const forget = `{"metadata": {"annotations": {"plumb.dev/on-delete": "prune"}}}`
	const label = `{"metadata": {"labels": {"team": "pay"}}}`
	const elsewhere = `{"spec": {"path": "apps/other"}}`
	for _, row := range []struct {
		reason, who, kind, patch, refused string
	}{
		{"labels of one's own need no verb", "patcher", "App", label, ""},
		{"patch alone does not pause", "patcher", "App", pause, "verb pause"},
		{"nor ask for a pass", "patcher", "App", ask, "verb sync"},
		{"nor of a Repo", "patcher", "Repo", ask, "verb sync"},
		{"nor say what is delivered", "patcher", "App", elsewhere, "verb configure"},
		{"nor have workloads deleted", "patcher", "App", forget, "verb configure"},
		{"nor change a Repo", "patcher", "Repo", `{"spec": {"poll": "2m"}}`, "verb configure"},
		{"who may ask, asks", "asker", "App", ask, ""},
		{"also a Repo", "asker", "Repo", ask, ""},
		{"and pauses", "asker", "App", pause, ""},
		{"and ends it", "asker", "App", resume, ""},
		{"and does nothing else", "asker", "App", elsewhere, "verb configure"},
		{"who configures does not pause", "writer", "App", pause, "verb pause"},
		{"a Repo does not go with what its apps delivered", "writer", "Repo", forget, "is for Apps"},
		{"and uses no ServiceAccount of others", "writer", "App", elsewhere, "plumb-system/plumb-deployer, which policy-writer may not impersonate"},
		{"also by a Repo", "writer", "Repo", `{"spec": {"poll": "2m"}}`, "plumb-system/plumb-deployer, which policy-writer may not impersonate"},
		{"not by another name", "writer", "App", `{"spec": {"serviceAccount": "policy-strong"}}`, "plumb-system/policy-strong, which policy-writer may not impersonate"},
	} {
		client := s.as(t, "policy-"+row.who).Resource(kinds[row.kind]).Namespace(system)
		patch := strings.ReplaceAll(row.patch, "TOKEN", row.who+row.kind)
		_, err := client.Patch(t.Context(), "policy", "application/merge-patch+json", []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
		switch {
		case row.refused == "" && err != nil:
			t.Errorf("%s: %v", row.reason, err)
		case row.refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), row.refused)):
			t.Errorf("%s: %v", row.reason, err)
		}
	}
	s.newOnes(t)
	s.is("policy", "ok", "Healthy")
}

// newOnes shows that a new App or Repo needs the right to use its ServiceAccount, also where it is left unnamed.
func (s *scenario) newOnes(t *testing.T) {
	t.Helper()
	for _, row := range []struct{ reason, kind, spec, refused string }{
		{"a new App uses plumb-deployer where it names none", "App", `{"repo": "policy", "path": "apps/policy", "namespace": "policy-new"}`, "plumb-deployer, which"},
		{"a new Repo too", "Repo", `{"url": "https://git.example.com/acme/fleet.git"}`, "plumb-deployer, which"},
		{"one that may be used may be named", "App", `{"repo": "policy", "path": "apps/policy", "namespace": "policy-new", "serviceAccount": "policy-weak"}`, ""},
	} {
		var spec map[string]any
		if err := json.Unmarshal([]byte(row.spec), &spec); err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "plumb.dev/v1alpha1", "kind": row.kind, "metadata": map[string]any{"name": "policy-new", "namespace": system}, "spec": spec}}
		_, err := s.as(t, "policy-writer").Resource(kinds[row.kind]).Namespace(system).Create(t.Context(), o, metav1.CreateOptions{FieldManager: "kubectl-create"})
		if row.refused == "" && err != nil || row.refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), row.refused)) {
			t.Errorf("%s: %v", row.reason, err)
		}
	}
	s.remove("App/plumb-system/policy-new")
}

// An App that is delivered from Git is written as its parent's ServiceAccount: it cannot name a stronger one.
func TestNobodyGainsRightsByACommit(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "gain")
	s.make(accountNamed("gain-weak", "gain-weak") + `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: gain-weak}
rules:
  - {apiGroups: [""], resources: [configmaps, namespaces], verbs: ["*"]}
  - {apiGroups: [plumb.dev], resources: [apps], verbs: ["*"]}
`)
	s.spec["serviceAccount"] = "gain-weak"
	child := "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: gain-child, namespace: plumb-system}\nspec: {repo: gain, path: folders/child, serviceAccount: plumb-deployer}\n"
	s.commit("an app of apps that reaches for more", files{"apps/gain/a.yaml": documentsOf(child, configMap("settings", "a", "1")), "folders/child/a.yaml": configMap("settings", "a", "1")})
	status := s.is("gain", "failed", "Forbidden")
	s.says(status.Summary, "gain-child", "plumb-system/plumb-deployer", "may not impersonate")
	s.has("ConfigMap/gain/settings", "data.a", "1")
	s.gone("App/plumb-system/gain-child")
}

// acquired gives when the agent that is active took the Lease: how long it then takes to know the fleet is the machine's.
func (s *scenario) acquired() time.Time {
	s.Helper()
	text, _ := field(s.live("Lease/plumb-system/plumb-agent"), "spec.acquireTime").(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.Fatal(err)
	}
	return at
}

// Of two agents one is active. When it is killed the other takes over within the Lease's time, and when it ends in good order
// at once; meanwhile hooks that reach the wrong one are sent on.
func TestStandbyTakesOver(t *testing.T) {
	s := newScenario(t, lives(t), "standby")
	s.restarted()
	s.ok("standby", s.commit("one", files{"apps/standby/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"))}))
	web, before := s.live("Deployment/standby/web"), s.now(t)
	other := &agent{plumb: s.plumb, kubeconfig: s.kubeconfig, account: s.agent.account, dir: filepath.Join(t.TempDir(), "agent")}
	other.listen = freeAddress(t)
	if err := other.launch("--listen", other.listen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.kill)
	if err := other.standing(); err != nil {
		t.Fatal(err)
	}
	holder := field(s.live("Lease/plumb-system/plumb-agent"), "spec.holderIdentity")

	// A forge knows one address, and behind that may stand the other one.
	s.write(files{"apps/standby/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "2"))})
	s.git("commit", "-q", "-m", "two")
	s.git("push", "-q", "origin", "main")
	if code, err := other.hook("standby", "{}", signature("{}")); code != 202 || err != nil {
		t.Fatalf("the hook gets %d, %v", code, err)
	}
	s.ok("standby", s.git("rev-parse", "HEAD"))
	if now := field(s.live("Lease/plumb-system/plumb-agent"), "spec.holderIdentity"); now != holder {
		t.Errorf("%v is active, and was %v", now, holder)
	}

	s.kill()
	killed := time.Now()
	if err := other.active(); err != nil {
		t.Fatal(err)
	}
	if took := s.acquired().Sub(killed); took > time.Minute { // 30 s, and a look every 3 s, by a machine that may be busy
		t.Errorf("the one that stands by takes over after %s", took)
	} else {
		t.Logf("taken over %s after kill -9", took.Round(time.Second))
	}
	s.scale("Deployment/standby/web", "kubectl", 3)
	s.has("Deployment/standby/web", "spec.replicas", 1)
	s.same(web)

	s.agent.listen = freeAddress(t)
	if err := s.launch("--listen", s.agent.listen); err != nil {
		t.Fatal(err)
	}
	if err := s.standing(); err != nil {
		t.Fatal(err)
	}
	ended := time.Now()
	other.end(t)
	if err := s.active(); err != nil {
		t.Fatal(err)
	}
	if took := s.acquired().Sub(ended); took > 25*time.Second { // a Lease that was not given up is waited for longer
		t.Errorf("after an end in good order it takes %s", took)
	}
	s.ok("standby", s.commit("three", files{"apps/standby/a.yaml": deployment("web", 1, "registry.example/web:3")}))
	s.same(web)
	deleted := s.requests(t, before, func(r request) bool { return r.deletes() && r.writes() && r.in("standby") })
	if slices.ContainsFunc(deleted, func(r request) bool { return r.Object.Name != "settings" }) {
		t.Errorf("deleted: %v", deleted)
	}
}

// freeAddress gives an address that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
