package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The tests of this file kill agents, on a control plane of their own, one after the other.

// restarted starts the world's agent anew, with flags, and ends the one that runs.
func (s *scenario) restarted(flags ...string) {
	s.Helper()
	s.kill()
	if err := s.start(flags...); err != nil {
		s.Fatal(err)
	}
}

// born gives the UIDs of the ConfigMaps in a namespace, by name.
func (s *scenario) born(namespace string) map[string]string {
	s.Helper()
	all, err := s.admin.Resource(kinds["ConfigMap"]).Namespace(namespace).List(s.Context(), metav1.ListOptions{LabelSelector: "plumb.dev/managed=true"})
	if err != nil {
		s.Fatal(err)
	}
	born := map[string]string{}
	for _, o := range all.Items {
		born[o.GetName()] = string(o.GetUID())
	}
	return born
}

// untilBorn waits until there are so many ConfigMaps.
func (s *scenario) untilBorn(namespace string, n int) {
	s.Helper()
	err := eventually(limit, func() error {
		if is := len(s.born(namespace)); is != n {
			return errNotYet("there are %d objects in %s, want %d", is, namespace, n)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

const crowd = 300 // objects of an app that is killed in its work

// An agent that is killed while it applies goes on where it was: nothing is made twice, nothing is deleted, and everything
// is known as its own.
func TestKillWhileApplying(t *testing.T) {
	s := newScenario(t, lives(t), "kill")
	s.restarted("--slots", "1")
	before := s.now(t)
	gate := s.gateAt("kill", "CREATE", crowd/3)
	first := s.commit("a crowd", files{"apps/kill/a.yaml": settings(0, crowd)})
	gate.wait()
	s.kill()
	gate.open()
	born := s.born("kill")
	t.Logf("killed after %d of %d objects", len(born), crowd)
	s.restarted("--slots", "1")
	s.ok("kill", first)

	after := s.born("kill")
	if len(after) != crowd {
		t.Errorf("there are %d objects, want %d", len(after), crowd)
	}
	for name, uid := range born {
		if after[name] != uid {
			t.Errorf("%s was made anew", name)
		}
	}
	var entries []struct {
		Name    string `json:"n"`
		UID     string `json:"uid"`
		Created bool   `json:"created"`
	}
	if err := json.Unmarshal([]byte(inventoryOf(s, "kill")), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != crowd+1 {
		t.Errorf("the inventory has %d entries, want %d and the namespace", len(entries), crowd)
	}
	for _, e := range entries {
		if !e.Created || e.UID == "" || e.Name != "kill" && e.UID != after[e.Name] {
			t.Errorf("the inventory says of %s: created %v, UID %q", e.Name, e.Created, e.UID)
		}
	}
	s.noDeletes(t, before, "kill")
}

// An agent that is killed while it deletes what it may deletes the rest of it, and no more.
func TestKillWhileDeleting(t *testing.T) {
	s := newScenario(t, lives(t), "killdel")
	s.restarted()
	s.ok("killdel", s.commit("a crowd", files{"apps/killdel/a.yaml": settings(0, crowd), "apps/killdel/stays.yaml": configMap("stays", "a", "1")}))
	s.restarted("--slots", "1")
	gate := s.gateAt("killdel", "DELETE", crowd/3)
	s.commit("nobody\n\nPlumb-Allow-Delete: killdel", files{"apps/killdel/a.yaml": ""})
	gate.wait()
	s.kill()
	gate.open()
	t.Logf("killed with %d left", len(s.born("killdel")))
	s.restarted()
	s.untilBorn("killdel", 1)
	s.is("killdel", "ok", "Healthy")
	s.live("ConfigMap/killdel/stays")
}

// An agent that is killed while one app hands objects to another loses none.
func TestKillWhileHandingOver(t *testing.T) {
	s := newScenario(t, lives(t), "killmove")
	crowded := strings.ReplaceAll(settings(0, crowd), "metadata:\n", "metadata:\n  namespace: killmove-common\n")
	s.restarted()
	first := s.commit("in a", files{
		"apps/killmove-a/crowd.yaml": crowded, "apps/killmove-a/a.yaml": configMap("a", "a", "1"), "apps/killmove-b/b.yaml": configMap("b", "a", "1"),
		"apps/killmove-b/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: killmove-common}\n",
	})
	s.ok("killmove-a", first)
	s.ok("killmove-b", first)
	born, before := s.born("killmove-common"), s.now(t)

	s.restarted("--slots", "1")
	s.git("mv", "apps/killmove-a/crowd.yaml", "apps/killmove-b/crowd.yaml")
	second := s.commit("in b", nil)
	for _, writes := range []int{20, 2*crowd + 20} { // b takes them, then a lets go
		s.untilWritten(before, "killmove-common", writes)
		s.kill()
		t.Logf("killed after %d writes", len(s.writesIn(before, "killmove-common")))
		s.restarted("--slots", "1")
	}
	s.ok("killmove-a", second)
	s.ok("killmove-b", second)
	after := s.born("killmove-common")
	for name, uid := range born {
		if after[name] != uid {
			t.Errorf("%s was made anew, or is lost", name)
		}
	}
	s.noDeletes(t, before, "killmove-common")
	s.says(s.live("ConfigMap/killmove-common/settings-0").GetAnnotations()["plumb.dev/owner"], "plumb-system/killmove-b:")
}

func (s *scenario) writesIn(since mark, namespace string) []request {
	return s.requests(s.T, since, func(r request) bool { return r.writes() && r.in(namespace) })
}

// untilWritten waits until so many writes went to a namespace.
func (s *scenario) untilWritten(since mark, namespace string, n int) {
	s.Helper()
	err := eventually(limit, func() error {
		if is := len(s.writesIn(since, namespace)); is < n {
			return errNotYet("%d writes in %s, want %d", is, namespace, n)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// A newer commit stops the apply of an older one.
func TestNewerCommitPreempts(t *testing.T) {
	s := newScenario(t, lives(t), "preempt")
	s.restarted("--slots", "1")
	crowdOf := func(value string) files {
		return files{"apps/preempt/a.yaml": strings.ReplaceAll(settings(0, crowd), `a: "1"`, `a: "`+value+`"`)}
	}
	before := s.now(t)
	gate := s.gateAt("preempt", "CREATE", crowd/3)
	first := s.commit("first", crowdOf("first"))
	gate.wait()
	second := s.commit("second", crowdOf("second"))
	s.has("Repo/"+system+"/preempt", "status.observed.revision", second)
	gate.open()
	status := s.ok("preempt", second)
	all, err := s.admin.Resource(kinds["ConfigMap"]).Namespace("preempt").List(t.Context(), metav1.ListOptions{LabelSelector: "plumb.dev/managed=true"})
	if err != nil || len(all.Items) != crowd {
		t.Fatalf("there are %d objects, %v", len(all.Items), err)
	}
	for _, o := range all.Items {
		if value := field(&o, "data.a"); value != "second" {
			t.Errorf("%s is of the %v commit", o.GetName(), value)
		}
	}
	for _, row := range status.History {
		if row.Revision == first && row.Result != "superseded" {
			t.Errorf("the record says that the first commit was %s", row.Result)
		}
	}
	s.entryOf("preempt", first, "superseded")
	if wrote := len(s.writesIn(before, "preempt")); wrote >= 2*crowd {
		t.Errorf("%d writes: the first commit was carried to its end", wrote)
	}
}

// variety is a fleet of every kind of app: a restart must know them all again.
func variety() files {
	chart := `
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-token
stringData:
  token: {{ randAlphaNum 12 }}
  upgrade: "{{ .Release.IsUpgrade }}"
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: made
data:
  at: {{ now | date "2006" | quote }}
  {{- if .Capabilities.APIVersions.Has "apps/v1/Deployment" }}
  kind: deployment
  {{- end }}
`
	return files{
		"apps/variety-plain/a.yaml": documentsOf(deployment("web", 2, "registry.example/web:1"), service("web", 80), claim("data"), statefulSet("db"),
			"apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: correct-horse}\n"),
		"apps/variety-kustomize/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: prefix-\nconfigMapGenerator: [{name: made, literals: [a=1]}]\n",
		"apps/variety-kustomize/a.yaml":             deployment("web", 1, "registry.example/web:1"),
		"apps/variety-helm/Chart.yaml":              "apiVersion: v2\nname: variety\nversion: 1.0.0\n",
		"apps/variety-helm/templates/a.yaml":        chart,
		"apps/variety-envs/envs/dev/a.yaml":         configMap("settings", "a", "1"),
		"apps/variety-envs/envs/prod/a.yaml":        configMap("settings", "a", "1"),
		"apps/variety-held/a.yaml":                  documentsOf(configMap("stays", "a", "1"), claim("data")),
		"apps/variety-broken/a.yaml":                documentsOf(configMap("settings", "a", "1"), configMap("other", "a", "1")),
		"apps/variety-paused/a.yaml":                configMap("settings", "a", "1"),
		"apps/variety-scaled/plumb.yaml":            "ignore:\n  - {kind: Deployment, field: spec.replicas, why: \"an autoscaler owns it\"}\n",
		"apps/variety-scaled/a.yaml":                documentsOf(deployment("web", 1, "registry.example/web:1"), deployment("sentinel", 1, "registry.example/web:1")),
		"apps/variety-crd/a.yaml":                   documentsOf(widgetDefinition, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 3}\n"),
		"apps/variety-kept/plumb.yaml":              "prune: false\n",
		"apps/variety-kept/a.yaml":                  settings(0, 2),
	}
}

// A restart changes nothing: no render but of what failed, and no write to a user's object. With the cache lost, all is
// rendered again, and still nothing is written.
func TestRestart(t *testing.T) {
	s := newScenario(t, lives(t), "variety")
	s.restarted()
	first := s.commit("a variety", variety())
	for _, app := range []string{"plain", "kustomize", "helm", "envs-dev", "envs-prod", "held", "broken", "paused", "scaled", "crd", "kept"} {
		s.ok("variety-"+app, first)
	}
	s.patch("App/plumb-system/variety-paused", "plumb-cli", "spec: {pause: {reason: lunch, by: lena}}")
	s.is("variety-paused", "paused", "Paused")
	s.scale("Deployment/variety-scaled/web", "horizontal-pod-autoscaler", 3)
	s.settled("variety-scaled")
	second := s.commit("some trouble", files{
		"apps/variety-held/a.yaml": configMap("stays", "a", "1"), "apps/variety-broken/a.yaml": configMap("settings", "a", "1") + " x: [\n",
		"apps/variety-paused/a.yaml": configMap("settings", "a", "2"), "apps/variety-kept/a.yaml": settings(0, 1),
	})
	s.is("variety-held", "waiting", "DeletionHeld")
	s.is("variety-broken", "failed", "InvalidObject")
	s.ok("variety-kept", second)
	s.decided(second)

	before, states := s.now(t), s.states()
	s.restarted()
	s.verified()
	if renders := s.metric(t, "plumb_renders_total"); renders > 1 {
		t.Errorf("%v renders after a restart, want that of the broken app alone", renders)
	}
	s.unwritten(before)

	before = s.now(t)
	s.kill()
	if err := os.RemoveAll(s.cache()); err != nil {
		t.Fatal(err)
	}
	s.restarted()
	s.verified()
	if renders := s.metric(t, "plumb_renders_total"); renders == 0 {
		t.Error("nothing was rendered, and there was no cache")
	}
	s.unwritten(before)
	if now := s.states(); now != states {
		t.Errorf("the states were\n%s\nand are\n%s", states, now)
	}
	if err := s.equals("Deployment/variety-scaled/web", "spec.replicas", 3); err != nil {
		t.Error(err)
	}
}

// verified waits until the agent has compared all apps with Git and the cluster, and answered a change made after that.
func (s *scenario) verified() {
	s.Helper()
	all, err := s.admin.Resource(kinds["App"]).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	err = eventually(limit, func() error {
		if n := s.metric(s.T, "plumb_apps_verified"); int(n) != len(all.Items) {
			return fmt.Errorf("%v of %d apps are verified", n, len(all.Items))
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// unwritten fails the test if an agent has written anything of a user since the mark, and tells of its bookkeeping.
func (s *scenario) unwritten(since mark) {
	s.Helper()
	for _, r := range s.requests(s.T, since, request.writes) {
		s.Errorf("the agent wrote: %s", r)
	}
	for _, r := range s.requests(s.T, since, func(r request) bool { return r.Object.APIGroup == "plumb.dev" && r.Verb == "patch" }) {
		s.Logf("bookkeeping: %s", r)
	}
}

// states gives the states of the scenario's apps as text.
func (s *scenario) states() string {
	s.Helper()
	all, err := s.admin.Resource(kinds["App"]).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var b strings.Builder
	for _, o := range all.Items {
		if strings.HasPrefix(o.GetName(), s.name) {
			status := statusOf(&o)
			fmt.Fprintf(&b, "%s %s %.7s %s\n", o.GetName(), status.State, status.Revision, status.Summary)
		}
	}
	return b.String()
}

// Two agents at once are harmless: everything is delivered and healed, nothing is deleted, and they do not fight.
func TestTwoAgents(t *testing.T) {
	s := newScenario(t, lives(t), "two")
	s.restarted("--leader-elect=false")
	other := &agent{plumb: s.plumb, kubeconfig: s.kubeconfig, account: s.agent.account, dir: filepath.Join(t.TempDir(), "agent")}
	if err := other.start("--leader-elect=false"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.end(t) }) // in good order: nobody waits for its Lease to run out
	s.spec["poll"] = "10s"             // the other one gets no webhook
	before := s.now(t)
	s.ok("two", s.commit("one", files{"apps/two/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"))}))
	web := s.live("Deployment/two/web")
	for i := range 5 {
		value := fmt.Sprint(i + 2)
		s.ok("two", s.commit("more", files{"apps/two/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:"+value), configMap("settings", "a", value))}))
		s.scale("Deployment/two/web", "kubectl", 3)
		s.has("Deployment/two/web", "spec.replicas", 1)
	}
	s.same(web)
	s.noDeletes(t, before, "two")
	if wrote := len(s.writesIn(before, "two")); wrote > 60 {
		t.Errorf("%d writes for six commits of two objects and five corrections, by two agents", wrote)
	}
}

// A control plane that goes and comes back is met again by an agent that runs on: nothing is deleted, and all goes on.
func TestControlPlaneComesBack(t *testing.T) {
	s := newScenario(t, lives(t), "plane")
	s.restarted()
	s.ok("plane", s.commit("one", files{"apps/plane/a.yaml": settings(0, 10)}))
	before := s.now(t)
	s.stopPlane()
	s.write(files{"apps/plane/a.yaml": settings(0, 12)})
	s.git("commit", "-q", "-m", "while it was away")
	s.git("push", "-q", "origin", "main")
	s.startPlane()
	s.tell()
	s.ok("plane", s.git("rev-parse", "HEAD"))
	s.patch("ConfigMap/plane/settings-3", "kubectl-edit", "data: {a: \"2\"}")
	s.has("ConfigMap/plane/settings-3", "data.a", "1")
	s.ok("plane", s.commit("two", files{"apps/plane/a.yaml": settings(0, 11)}))
	s.gone("ConfigMap/plane/settings-11")
	for _, r := range s.requests(t, before, func(r request) bool { return r.deletes() && r.writes() && r.Object.Name != "settings-11" }) {
		t.Errorf("the agent deleted: %s", r)
	}
}

// A cluster that is put back to an older state is brought to Git again; nothing is deleted for what it has forgotten.
func TestClusterRestoredFromBackup(t *testing.T) {
	s := newScenario(t, lives(t), "backup")
	s.restarted()
	s.ok("backup", s.commit("one", files{"apps/backup/a.yaml": settings(0, 5)}))
	state, backup := filepath.Join(s.plane.dir, "etcd"), filepath.Join(t.TempDir(), "etcd")
	s.stopPlane()
	if err := os.CopyFS(backup, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	s.startPlane()
	second := s.commit("two", files{"apps/backup/a.yaml": strings.ReplaceAll(settings(0, 8), `a: "1"`, `a: "2"`), "apps/backup-b/a.yaml": configMap("settings", "a", "1")})
	s.ok("backup", second)
	s.ok("backup-b", second)
	before := s.now(t)

	s.stopPlane()
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(backup, state); err != nil {
		t.Fatal(err)
	}
	s.startPlane()
	s.restarted()
	s.ok("backup", second)
	s.ok("backup-b", second)
	for i := range 8 {
		s.has(fmt.Sprintf("ConfigMap/backup/settings-%d", i), "data.a", "2")
	}
	s.patch("ConfigMap/backup/settings-7", "kubectl-edit", "data: {a: \"3\"}")
	s.has("ConfigMap/backup/settings-7", "data.a", "2")
	s.noDeletes(t, before, "backup", "backup-b")
}

func (s *scenario) stopPlane() { s.plane.stop() }

func (s *scenario) startPlane() {
	s.Helper()
	if err := s.begin(); err != nil {
		s.Fatal(err)
	}
}

// An agent that is not heard from vouches for nothing: every state is unknown, and nobody waits for it.
func TestSilentAgent(t *testing.T) {
	s := newScenario(t, lives(t), "silent")
	s.restarted()
	first := s.commit("an app", files{"apps/silent/a.yaml": configMap("settings", "a", "1")})
	s.ok("silent", first)
	if r := s.command(t, s.repo.clone, "wait", "silent"); r.code != 0 {
		t.Errorf("wait ends with %d: %s", r.code, r.stderr)
	}
	s.kill()
	old := time.Now().Add(-3 * time.Minute).UTC().Format(metav1.RFC3339Micro)
	s.patch("Lease/plumb-system/plumb-agent", "e2e", `spec: {renewTime: "`+old+`"}`)

	r := s.command(t, s.repo.clone, "status", "-o", "json")
	var answer struct {
		Agent struct{ Fresh bool }
		Apps  []struct{ Address, State string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil || r.code != 0 {
		t.Fatalf("status ends with %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	if answer.Agent.Fresh || len(answer.Apps) == 0 {
		t.Errorf("status says that the agent is fresh: %+v", answer)
	}
	for _, app := range answer.Apps {
		if app.State != "unknown" {
			t.Errorf("%s is %s, and nobody vouches for it", app.Address, app.State)
		}
	}
	s.says(s.command(t, s.repo.clone, "status").stdout, "not heard from")
	if r := s.command(t, s.repo.clone, "status", "--exit-code"); r.code != 1 {
		t.Errorf("status --exit-code ends with %d, want 1", r.code)
	}
	for _, what := range []string{"silent", first} {
		if r := s.command(t, s.repo.clone, "wait", what, "--repo", "silent", "--timeout", "1m"); r.code != 5 {
			t.Errorf("wait %s ends with %d, want 5: %s%s", what, r.code, r.stdout, r.stderr)
		} else {
			s.says(r.stderr, "not heard from")
		}
	}

	s.restarted()
	err := eventually(limit, func() error {
		if r := s.command(t, s.repo.clone, "wait", "silent", "--timeout", "1m"); r.code != 0 {
			return fmt.Errorf("the agent is back, and wait ends with %d: %s", r.code, r.stderr)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
