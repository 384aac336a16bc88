package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const api = "/api/v1alpha1"

// staff makes the people of a test: ServiceAccounts of a namespace, with roles.
func (s *scenario) staff(namespace string, team string) {
	s.Helper()
	s.make(`
apiVersion: v1
kind: Namespace
metadata: {name: ` + namespace + `}
---
apiVersion: v1
kind: Namespace
metadata: {name: ` + team + `}
`)
	for _, name := range []string{"viewer", "quiet", "developer", "admin", "nobody", "patcher"} {
		s.make(fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %s, namespace: %s}\n", name, namespace))
	}
	bind := func(name, role, in string) {
		s.make(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %[1]s-%[2]s, namespace: %[3]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[2]s}
subjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[4]s}]
`, name, role, in, namespace))
	}
	everywhere := func(name, role string) {
		s.make(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[3]s-%[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[2]s}
subjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[3]s}]
`, name, role, namespace))
	}
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + namespace + `-quiet}
rules:
  - {apiGroups: [plumb.dev], resources: [apps, repos, inventories, entries], verbs: [get, list, watch]}
  - {apiGroups: [""], resources: [pods, events, configmaps], verbs: [get, list]}
  - {apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list]}
`)
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + namespace + `-patcher}
rules:
  - {apiGroups: [plumb.dev], resources: [apps], verbs: [get, patch]}
`)
	everywhere("patcher", namespace+"-patcher")
	everywhere("viewer", "view")
	everywhere("quiet", namespace+"-quiet")
	everywhere("admin", "cluster-admin")
	bind("developer", "edit", team)
	bind("developer", "plumb-operator", team)
}

// administrator makes the ServiceAccount admin of a namespace, who may do everything.
func (s *scenario) administrator(namespace string) {
	s.Helper()
	s.make(fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: admin, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: admin, namespace: %[1]s}]
`, namespace))
}

// workplace makes the people of a test in NAME-staff, and for them two apps of one folder: NAME, of the system, and
// NAME-own, of the namespace NAME-team. It gives the commit of both.
func (s *scenario) workplace() (commit string) {
	s.Helper()
	team := s.name + "-team"
	s.staff(s.name+"-staff", team)
	s.make(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: ` + team + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: ` + team + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: deployer, namespace: ` + team + `}]
`)
	commit = s.commit("orchid: web", files{"apps/" + s.name + "/web.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"),
		"apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: correct-horse-battery}\n")})
	s.ok(s.name, commit)
	s.make(`
apiVersion: plumb.dev/v1alpha1
kind: App
metadata: {name: ` + s.name + `-own, namespace: ` + team + `}
spec: {repo: "` + s.repo.url + `", path: apps/` + s.name + `, namespace: ` + team + `, serviceAccount: deployer}
`)
	s.has("App/"+team+"/"+s.name+"-own", "status.state", "ok")
	s.has("Deployment/"+s.name+"/web", "status.readyReplicas", 1)
	return commit
}

// Who may see and do what on the page is what the API server's RBAC says, person by person.
func TestPeople(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "people")
	s.workplace()
	people := map[string]*visitor{"stranger": s.stranger()}
	for _, name := range []string{"viewer", "quiet", "developer", "admin", "nobody"} {
		people[name] = s.visits("people-staff", name)
	}
	c := crew{s, people}
	c.matrix()
	t.Run("what one sees is all that is counted", c.counted)
	t.Run("a Repo that cannot be read is told to the people of its namespace", c.unreadable)
	t.Run("a button says who has to grant what", c.buttons)
	t.Run("what is done bears the person's name, also in the audit log", c.named)
	t.Run("a revert asked for past the page is judged by the API server", c.pastThePage)
	t.Run("the tree goes down to pods", c.tree)
	t.Run("the log of a pod", c.log)
	t.Run("who is logged out is nobody", c.loggedOut)
	t.Run("a right that is taken away counts within the half minute", c.takenAway)
}

// crew are the people of TestPeople, by name.
type crew struct {
	*scenario
	people map[string]*visitor
}

// The apps of TestPeople: one of the system, and one of the developer's own namespace.
const theirs, own = "/apps/plumb-system/people", "/apps/people-team/people-own"

func objectAt(app, kind, group, namespace, name string) string {
	return app + "/object?" + url.Values{"group": {group}, "kind": {kind}, "namespace": {namespace}, "name": {name}, "version": {"v1"}}.Encode()
}

// matrix asks every route, as everybody.
func (c crew) matrix() {
	c.Helper()
	type row struct {
		method, path string
		body         any
		want         map[string]int
	}
	statuses := func(stranger, nobody, developer, quiet, viewer, admin int) map[string]int {
		return map[string]int{"stranger": stranger, "nobody": nobody, "developer": developer, "quiet": quiet, "viewer": viewer, "admin": admin}
	}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, tt := range []row{
		{"GET", "/me", nil, statuses(401, 200, 200, 200, 200, 200)},
		{"GET", "/fleet", nil, statuses(401, 200, 200, 200, 200, 200)},
		{"GET", theirs, nil, statuses(401, 404, 404, 200, 200, 200)},
		{"GET", own, nil, statuses(401, 404, 200, 200, 200, 200)},
		{"GET", theirs + "/resources?children=true", nil, statuses(401, 404, 404, 200, 200, 200)},
		{"GET", own + "/resources?children=true", nil, statuses(401, 404, 200, 200, 200, 200)},
		{"GET", objectAt(theirs, "Deployment", "apps", "people", "web"), nil, statuses(401, 404, 404, 200, 200, 200)},
		{"GET", objectAt(theirs, "Secret", "", "people", "login"), nil, statuses(401, 404, 404, 403, 403, 200)},
		{"GET", objectAt(own, "Secret", "", "people-team", "login"), nil, statuses(401, 404, 200, 403, 403, 200)},
		{"GET", objectAt(theirs, "ConfigMap", "", "kube-system", "extension-apiserver-authentication"), nil, statuses(401, 404, 404, 404, 404, 404)},
		{"GET", theirs + "/events", nil, statuses(401, 404, 404, 200, 200, 200)},
		{"GET", theirs + "/history", nil, statuses(401, 404, 404, 200, 200, 200)},
		{"GET", theirs + "/logs", nil, statuses(401, 404, 404, 403, 200, 200)},
		{"GET", own + "/logs", nil, statuses(401, 404, 200, 403, 200, 200)},
		{"POST", theirs + "/sync", nil, statuses(401, 404, 404, 403, 403, 200)},
		{"POST", own + "/sync", nil, statuses(401, 404, 200, 403, 403, 200)},
		{"POST", own + "/pause", map[string]any{"reason": "a look", "until": until}, statuses(401, 404, 200, 403, 403, 200)},
		{"POST", own + "/resume", nil, map[string]int{"stranger": 401, "nobody": 404, "quiet": 403, "viewer": 403}},
		{"POST", own + "/restore", nil, statuses(401, 404, 409, 403, 403, 409)},
		{"POST", own + "/retry", nil, statuses(401, 404, 409, 403, 403, 409)},
		{"POST", own + "/revert", map[string]any{}, statuses(401, 404, 409, 403, 403, 409)},
		{"GET", "/apps/plumb-system/no-such-app", nil, statuses(401, 404, 404, 404, 404, 404)},
	} {
		for name, want := range tt.want {
			if got, body := c.people[name].do(c.T, tt.method, tt.path, tt.body); got != want {
				c.Errorf("%s: %s %s is answered with %d, want %d: %.300s", name, tt.method, tt.path, got, want, body)
			}
		}
	}

}

func (c crew) counted(t *testing.T) {
	var list struct {
		Total int
		Items []struct{ ID string }
	}
	c.people["developer"].read(t, "/apps?limit=500", &list)
	if list.Total != 1 || len(list.Items) != 1 || list.Items[0].ID != "people-team/people-own" {
		t.Errorf("the developer sees %+v", list)
	}
	c.people["nobody"].read(t, "/apps?q=people", &list)
	if list.Total != 0 {
		t.Errorf("nobody sees %+v", list)
	}
	var fleet struct{ N int }
	c.people["developer"].read(t, "/fleet", &fleet)
	if fleet.N != 1 {
		t.Errorf("the developer's fleet has %d", fleet.N)
	}
}

// unreadable makes a Repo in a namespace that holds no App.
func (c crew) unreadable(t *testing.T) {
	c.make(`
apiVersion: v1
kind: Namespace
metadata: {name: people-new}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developer-view, namespace: people-new}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: developer, namespace: people-staff}]
---
apiVersion: plumb.dev/v1alpha1
kind: Repo
metadata: {name: people-none, namespace: people-new}
spec: {url: "` + c.repo.url + `-none"}
`)
	sees := func(who string) (state string) {
		var list struct{ Items []struct{ ID, State string } }
		c.people[who].read(t, "/repos", &list)
		for _, r := range list.Items {
			if r.ID == "people-new/people-none" {
				state = r.State
			}
		}
		return state
	}
	if err := eventually(limit, func() error {
		if state := sees("developer"); state != "failed" {
			return errNotYet("it is told as %q", state)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if state := sees("nobody"); state != "" {
		t.Errorf("nobody is told that it is %s", state)
	}
	c.remove("Repo/people-new/people-none")
}

func (c crew) buttons(t *testing.T) {
	var app struct {
		Can map[string]struct {
			OK  bool
			Why string
		}
	}
	c.people["viewer"].read(t, own, &app)
	if can := app.Can["sync"]; can.OK || !strings.Contains(can.Why, "the ClusterRole plumb-operator grants it") || !strings.Contains(can.Why, "people-team") {
		t.Errorf("sync: %+v", can)
	}
	if !app.Can["logs"].OK || !app.Can["events"].OK {
		t.Errorf("a viewer reads logs and events: %+v", app.Can)
	}
	c.people["quiet"].read(t, own, &app)
	if can := app.Can["logs"]; can.OK || !strings.Contains(can.Why, "pods/log") {
		t.Errorf("logs: %+v", can)
	}
	c.people["developer"].read(t, own, &app)
	if !app.Can["sync"].OK || !app.Can["pause"].OK || app.Can["restore"].Why != "nothing differs from Git" {
		t.Errorf("a developer at their own app: %+v", app.Can)
	}
}

func (c crew) named(t *testing.T) {
	status, said := c.people["developer"].post(t, own+"/pause", map[string]any{"reason": "black friday"})
	if status != http.StatusOK {
		t.Fatal(said)
	}
	paused := c.has("App/people-team/people-own", "spec.pause.by", "system:serviceaccount:people-staff:developer")
	if got := field(paused, "spec.pause.reason"); got != "black friday" {
		t.Errorf("the reason is %v", got)
	}
	c.has("App/people-team/people-own", "status.state", "paused")
	if status, said := c.people["developer"].post(t, own+"/resume", nil); status != http.StatusOK {
		t.Fatal(said)
	}
	c.has("App/people-team/people-own", "status.state", "ok")
	patches := c.logged(t, 0, func(r request) bool {
		return r.User.Username == "system:serviceaccount:people-staff:developer" && r.Verb == "patch" && r.Object.Name == "people-own" && r.Status.Code == http.StatusOK
	})
	if len(patches) < 3 {
		t.Errorf("the API server knows of %d patches by the developer", len(patches))
	}
}

// pastThePage writes the annotation as who may patch Apps, and has not the verb revert.
func (c crew) pastThePage(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", c.config)
	if err != nil {
		t.Fatal(err)
	}
	config = rest.AnonymousClientConfig(config)
	config.BearerToken = c.tokenOf("people-staff", "patcher")
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	patch := []byte(`{"metadata": {"annotations": {"plumb.dev/revert": "{\"token\": \"x\"}"}}}`)
	_, err = client.Resource(kinds["App"]).Namespace("people-team").Patch(t.Context(), "people-own", types.MergePatchType, patch, metav1.PatchOptions{})
	if err == nil || !strings.Contains(err.Error(), "the verb revert on apps.plumb.dev, which system:serviceaccount:people-staff:patcher has not") {
		t.Errorf("%v", err)
	}
	if _, err := client.Resource(kinds["App"]).Namespace("people-team").Patch(t.Context(), "people-own", types.MergePatchType, []byte(`{"metadata": {"annotations": {"a.note": "b"}}}`), metav1.PatchOptions{}); err != nil {
		t.Errorf("who may patch may not patch: this shows nothing: %v", err)
	}
}

func (c crew) tree(t *testing.T) {
	type node struct{ Key, Parent, Kind, Name, Health, Hidden, File string }
	var tree struct{ Nodes []node }
	kindsOf := func(who string) map[string]node {
		c.people[who].read(t, theirs+"/resources?children=true", &tree)
		found := map[string]node{}
		for _, n := range tree.Nodes {
			found[n.Kind] = n
		}
		return found
	}
	admin := kindsOf("admin")
	if pod := admin["Pod"]; pod.Health != "Healthy" || !strings.Contains(pod.Parent, "ReplicaSet") {
		t.Errorf("the pod: %+v of %+v", pod, tree.Nodes)
	}
	if n := admin["Deployment"]; n.Health != "Healthy" || !strings.HasPrefix(n.File, "apps/people/web.yaml:") {
		t.Errorf("the Deployment: %+v", n)
	}
	if n := admin["Secret"]; n.Health != "Healthy" || n.Hidden != "" {
		t.Errorf("the Secret: %+v", n)
	}
	if n := kindsOf("viewer")["Secret"]; n.Health != "Unknown" || !strings.Contains(n.Hidden, "list on secrets") {
		t.Errorf("a viewer may not list Secrets: %+v", n)
	}
}

func (c crew) log(t *testing.T) {
	status, said := c.people["viewer"].get(t, theirs+"/logs?tail=10")
	if status != http.StatusOK || !strings.Contains(said, "event: line\n") || !strings.Contains(said, "ready to serve") || !strings.HasSuffix(said, "event: end\ndata: {}\n\n") {
		t.Errorf("%d %s", status, said)
	}
}

func (c crew) loggedOut(t *testing.T) {
	v := c.visits("people-staff", "viewer")
	if status, said := v.post(t, "/logout", nil); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, said)
	}
	if status, _ := v.get(t, "/me"); status != http.StatusUnauthorized {
		t.Errorf("%d", status)
	}
}

func (c crew) takenAway(t *testing.T) {
	v := c.visits("people-staff", "developer")
	v.read(t, own, &struct{}{})
	c.remove("RoleBinding/people-team/developer-plumb-operator")
	c.remove("RoleBinding/people-team/developer-edit")
	if err := eventually(limit, func() error {
		if status, _ := v.get(t, own); status != http.StatusNotFound {
			return fmt.Errorf("%d", status)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// plumb ui hands the kubeconfig's token to the page, for an address that logs a browser in, once.
func TestPeopleByCommand(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "byui")
	file := filepath.Join(t.TempDir(), "kubeconfig")
	s.make("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: byui, namespace: plumb-system}\n")
	if err := s.writeAccountOf("byui", file); err != nil {
		t.Fatal(err)
	}
	s.commit("nothing", files{"notes.txt": "nothing\n"})
	said := s.plumbs(0, "ui", "--kubeconfig", file, "--at", "http://"+s.listen, "--no-browser")
	s.says(said.stderr, "you are system:serviceaccount:plumb-system:byui")
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} { // the second browser comes too late
		v := s.stranger()
		resp, err := v.Get(strings.TrimSpace(said.stdout))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if status, body := v.get(t, "/me"); status != want {
			t.Errorf("%d, want %d: %s", status, want, body)
		}
	}
	s.says(s.plumbs(4, "ui", "--at", "http://"+s.listen).stderr, "without a bearer token", "kubectl create token NAME")
}
