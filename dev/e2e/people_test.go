package e2e

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const api = "/api/v1alpha1"

// visitor is a browser at the page, of somebody.
type visitor struct {
	*http.Client
	name string
	base string
}

// tokenOf asks the API server for a token of a ServiceAccount.
func (s *scenario) tokenOf(namespace, name string) string {
	s.Helper()
	body := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": map[string]any{"name": name}, "spec": map[string]any{"expirationSeconds": int64(3600)},
	}}
	answer, err := s.admin.Resource(kinds["ServiceAccount"]).Namespace(namespace).Create(s.Context(), body, metav1.CreateOptions{}, "token")
	if err != nil {
		s.Fatal(err)
	}
	token, _, _ := unstructured.NestedString(answer.Object, "status", "token")
	return token
}

// stranger is a browser of nobody.
func (s *scenario) stranger() *visitor {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &visitor{Client: &http.Client{Jar: jar}, name: "nobody", base: "http://" + s.listen}
}

// visits logs a ServiceAccount in, as plumb ui does: its token gives a code, and the browser comes with that.
func (s *scenario) visits(namespace, name string) *visitor {
	s.Helper()
	v := s.stranger()
	v.name = name
	status, body := v.post(s.T, "/login", map[string]any{"token": s.tokenOf(namespace, name)})
	var answer struct{ Code, Name string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Name != "system:serviceaccount:"+namespace+":"+name {
		s.Fatalf("the login of %s is answered with %d %s", name, status, body)
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, v.base+"/login?code="+url.QueryEscape(answer.Code), nil)
	if err != nil {
		s.Fatal(err)
	}
	resp, err := v.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	resp.Body.Close()
	return v
}

// get reads from the API.
func (v *visitor) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	return v.do(t, http.MethodGet, path, nil)
}

// post asks the API for something, as the page does.
func (v *visitor) post(t *testing.T, path string, body any) (status int, said string) {
	t.Helper()
	return v.do(t, http.MethodPost, path, body)
}

func (v *visitor) do(t *testing.T, method, path string, body any) (int, string) {
	t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, v.base+api+path, content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Plumb", "1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(data)
}

// read reads JSON from the API, which must be answered.
func (v *visitor) read(t *testing.T, path string, into any) {
	t.Helper()
	status, body := v.get(t, path)
	if status != http.StatusOK {
		t.Fatalf("%s: GET %s is answered with %d %s", v.name, path, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

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

// Who may see and do what on the page is what the API server's RBAC says, person by person.
func TestPeople(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "people")
	s.staff("people-staff", "people-team")
	s.make(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: people-team}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: people-team}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: deployer, namespace: people-team}]
`)
	commit := s.commit("web", files{"apps/people/web.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"),
		"apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: correct-horse-battery}\n")})
	s.ok("people", commit)
	s.make(`
apiVersion: plumb.dev/v1alpha1
kind: App
metadata: {name: people-own, namespace: people-team}
spec: {repo: "` + s.repo.url + `", path: apps/people, namespace: people-team, serviceAccount: deployer}
`)
	s.has("App/people-team/people-own", "status.state", "ok")
	s.has("Deployment/people/web", "status.readyReplicas", 1)

	people := map[string]*visitor{"stranger": s.stranger()}
	for _, name := range []string{"viewer", "quiet", "developer", "admin", "nobody"} {
		people[name] = s.visits("people-staff", name)
	}
	c := crew{s, people}
	c.matrix()
	t.Run("what one sees is all that is counted", c.counted)
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

// A drifted object is shown with who wrote which field, beside the line in Git, and can be restored.
func TestPeopleSeeDrift(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "seen")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: seen-staff}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: admin, namespace: seen-staff}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: seen-staff}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects: [{kind: ServiceAccount, name: admin, namespace: seen-staff}]\n")
	commit := s.commit("settings", files{"apps/seen/a.yaml": configMap("settings", "colour", "blue"), "apps/seen/plumb.yaml": "heal: false\n"})
	s.ok("seen", commit)
	s.patch("ConfigMap/seen/settings", "kubectl-edit", `data: {colour: red}`)
	s.is("seen", "drifted", "Drifted")
	v := s.visits("seen-staff", "admin")
	var view struct {
		Live, Desired, Revision string
		File                    struct {
			Path string
			Line int
		}
		Fields []struct {
			Field, Kind, Git, Live, Manager, Operation string
			Time                                       time.Time
			File                                       struct {
				Path string
				Line int
			}
		}
	}
	v.read(t, "/apps/plumb-system/seen/object?kind=ConfigMap&name=settings&namespace=seen", &view)
	if !strings.Contains(view.Live, "colour: red") || !strings.Contains(view.Desired, "colour: blue") || view.Revision != commit || view.File.Path != "apps/seen/a.yaml" {
		t.Errorf("%+v", view)
	}
	if len(view.Fields) != 1 || view.Fields[0].Field != "data.colour" || view.Fields[0].Manager != "kubectl-edit" || view.Fields[0].Git != "blue" || view.Fields[0].Live != "red" || view.Fields[0].Time.IsZero() {
		t.Errorf("the fields: %+v", view.Fields)
	}
	manifest := strings.Split(s.git("show", commit+":apps/seen/a.yaml"), "\n")
	if at := view.Fields[0].File; at.Path != "apps/seen/a.yaml" || at.Line < 1 || at.Line > len(manifest) || !strings.Contains(manifest[at.Line-1], "colour: ") {
		t.Errorf("the line in Git: %+v of %q", at, manifest)
	}
	if status, said := v.post(t, "/apps/plumb-system/seen/restore", nil); status != http.StatusOK {
		t.Fatal(said)
	}
	s.has("ConfigMap/seen/settings", "data.colour", "blue")
	s.ok("seen", commit)
	if status, said := v.post(t, "/apps/plumb-system/seen/restore", nil); status != http.StatusConflict || !strings.Contains(said, "nothing differs") {
		t.Errorf("%d %s", status, said)
	}
}

// The values of Secrets are in no answer of the API, whoever asks: not that of the Secret, not that in an annotation that a
// tool has left, not that in an event, nor in what the record says.
func TestPeopleSeeNoSecret(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "hush")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: hush-staff}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: admin, namespace: hush-staff}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: hush-staff}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects: [{kind: ServiceAccount, name: admin, namespace: hush-staff}]\n")
	const first, second, live = "planted-value-one", "planted-value-two", "planted-value-live"
	secret := func(value string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: " + value + "}\n"
	}
	s.ok("hush", s.commit("a secret", files{"apps/hush/a.yaml": documentsOf(secret(first), deployment("web", 1, "registry.example/web:1"))}))
	s.ok("hush", s.commit("another", files{"apps/hush/a.yaml": documentsOf(secret(second), deployment("web", 1, "registry.example/web:1"))}))
	coded := base64.StdEncoding.EncodeToString([]byte(live))
	s.patch("Secret/hush/login", "kubectl-client-side-apply", `
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"data":{"password":"`+coded+`"}}'
    kapp.k14s.io/original: '{"data":{"extra":"`+coded+`"}}'
data: {extra: `+coded+`}`)
	s.make(`
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: hush-event, namespace: hush}
eventTime: "2026-11-27T08:00:00.000000Z"
regarding: {kind: Secret, name: login, namespace: hush, apiVersion: v1}
action: Tell
reportingController: e2e
reportingInstance: e2e
type: Warning
reason: Told
note: "it is ` + second + `"
`)
	planted := []string{}
	for _, value := range []string{first, second, live} {
		planted = append(planted, value, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	v := s.visits("hush-staff", "admin")
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	v.read(t, "/openapi.json", &document)
	query := map[string]string{
		"/apps/{namespace}/{name}/object":    "?kind=Secret&version=v1&namespace=hush&name=login",
		"/apps/{namespace}/{name}/resources": "?children=true",
	}
	commit := s.git("rev-parse", "HEAD")
	fill := strings.NewReplacer("{namespace}", system, "{name}", "hush", "{number}", "1", "{commit}", commit)
	looked := 0
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		if _, reads := document.Paths[path]["get"]; !reads || path == "/stream" {
			continue
		}
		status, body := v.get(t, fill.Replace(path)+query[path])
		if status == http.StatusOK {
			looked++
		} else if !strings.HasPrefix(path, "/pulls/") {
			t.Errorf("GET %s is answered with %d %.300s", path, status, body)
		}
		for _, value := range planted {
			if strings.Contains(body, value) {
				t.Errorf("GET %s tells %s", path, value)
			}
		}
	}
	if looked < 15 {
		t.Errorf("only %d routes were looked at", looked)
	}
	if _, body := v.get(t, "/apps/plumb-system/hush/object?kind=Secret&version=v1&namespace=hush&name=login"); !strings.Contains(body, "‹redacted›") || !strings.Contains(body, "kapp.k14s.io/original") {
		t.Errorf("the Secret is not shown as one: %s", body)
	}
	if _, body := v.get(t, "/apps/plumb-system/hush/events"); !strings.Contains(body, "it is ‹redacted›") {
		t.Errorf("the event is not shown: %s", body)
	}
	if first := v.streamed(t, "/stream"); strings.Contains(first, "planted") || first == "" {
		t.Errorf("the stream says %q", first)
	}
}

// streamed gives the first event of a stream.
func (v *visitor) streamed(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+api+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buffer := make([]byte, 4096)
	n, err := resp.Body.Read(buffer)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

// One person's log streams are bounded, and those of others go on.
func TestPeopleStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "flood")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: flood-staff}\n")
	for _, name := range []string{"mallory", "lena"} {
		s.make(fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %[1]s, namespace: flood-staff}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: flood-%[1]s}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: ServiceAccount, name: %[1]s, namespace: flood-staff}]\n", name))
	}
	s.ok("flood", s.commit("web", files{"apps/flood/web.yaml": deployment("web", 1, "registry.example/web:1")}))
	s.has("Deployment/flood/web", "status.readyReplicas", 1)
	open := func(v *visitor) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.base+api+"/apps/plumb-system/flood/logs?follow=true", nil)
		if err != nil {
			return nil, err
		}
		return v.Do(req)
	}
	mallory := s.visits("flood-staff", "mallory")
	refused := 0
	var opened []*http.Response
	for range 12 {
		resp, err := open(mallory)
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, resp)
		if resp.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d of 12 streams were refused", refused)
	}
	resp, err := open(s.visits("flood-staff", "lena"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("another person: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}
	for _, resp := range opened {
		resp.Body.Close()
	}
	if err := eventually(limit, func() error { // those that were closed are free again
		resp, err := open(mallory)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", resp.Status)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// Who logs in by OIDC is to the API server who the provider says, in the groups that it says; the agent only speaks for them,
// and the audit log knows both.
func TestPeopleByOIDC(t *testing.T) {
	s := newScenario(t, lives(t), "oidc")
	idp := newIDP(t)
	manifest, err := os.ReadFile("../../deploy/manifests/people.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.make(string(manifest))
	s.make(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oidc-lena}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "oidc:lena"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: oidc-oncall, namespace: plumb-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-operator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "oidc:oncall"}]
`)
	t.Cleanup(func() { s.restarted() })
	s.restarted("--page-url", "http://127.0.0.1:1", "--oidc-issuer", idp.URL, "--oidc-client-id", "plumb")
	s.ok("oidc", s.commit("settings", files{"apps/oidc/a.yaml": documentsOf(configMap("settings", "a", "1"), "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {a: planted-value}\n")}))

	login := func() *visitor {
		v := s.stranger()
		v.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		at := v.base + "/login/oidc?next=/drift"
		for range 3 {
			resp, err := v.Get(at)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			at = strings.Replace(resp.Header.Get("Location"), "http://127.0.0.1:1", v.base, 1)
		}
		if at != "/drift" && !strings.HasPrefix(at, "/login?refused") {
			t.Fatalf("after the login the browser is sent to %q", at)
		}
		return v
	}
	lena := login()
	var me struct {
		Name, How string
		Groups    []string
	}
	lena.read(t, "/me", &me)
	if me.Name != "oidc:lena" || me.How != "oidc" || !slices.Equal(me.Groups, []string{"oidc:shop", "oidc:oncall"}) {
		t.Errorf("%+v", me)
	}
	const app = "/apps/plumb-system/oidc"
	if status, body := lena.get(t, app+"/object?kind=Secret&version=v1&namespace=oidc&name=login"); status != http.StatusForbidden || !strings.Contains(body, "oidc:lena has not the verb get on secrets") {
		t.Errorf("a Secret: %d %s", status, body)
	}
	lena.read(t, app+"/object?kind=ConfigMap&version=v1&namespace=oidc&name=settings", &struct{}{})
	if status, said := lena.post(t, app+"/pause", map[string]any{"reason": "by a group"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	s.has("App/plumb-system/oidc", "spec.pause.by", "oidc:lena")
	patches := s.logged(t, 0, func(r request) bool { return r.As.Username == "oidc:lena" && r.Verb == "patch" && r.Status.Code == 200 })
	if len(patches) != 1 || patches[0].User.Username != agentUser {
		t.Errorf("the audit log has %v", patches)
	}
	s.boundsOfSpeaking()
	idp.says(map[string]any{"sub": "zoe"})
	zoe := login()
	if status, body := zoe.get(t, app); status != http.StatusNotFound {
		t.Errorf("who has no right: %d %s", status, body)
	}
	idp.says(map[string]any{"sub": "lena", "aud": "another client"})
	if status, _ := login().get(t, "/me"); status != http.StatusUnauthorized {
		t.Errorf("a token for another client: %d", status)
	}
}

// boundsOfSpeaking shows what the right to speak for people is not: a right to write in their names.
func (s *scenario) boundsOfSpeaking() {
	s.Helper()
	file := filepath.Join(s.TempDir(), "speaker.kubeconfig")
	s.make(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: speaker, namespace: plumb-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oidc-speaker}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumb-agent-people}
subjects: [{kind: ServiceAccount, name: speaker, namespace: plumb-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: oidc-admins}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "oidc:admins"}]
`)
	if err := s.writeAccountOf("speaker", file); err != nil {
		s.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		s.Fatal(err)
	}
	as := func(name string, groups ...string) dynamic.ResourceInterface {
		config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			s.Fatal(err)
		}
		return client.Resource(kinds["ConfigMap"]).Namespace("oidc")
	}
	admin := as("oidc:zoe", "oidc:admins")
	if _, err := admin.Get(s.Context(), "settings", metav1.GetOptions{}); err != nil {
		s.Errorf("it may not read in anybody's name: this shows nothing: %v", err)
	}
	if err := admin.Delete(s.Context(), "settings", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
		s.Errorf("it may delete in an administrator's name: %v", err)
	}
	if _, err := as("oidc:zoe", "system:masters").Get(s.Context(), "settings", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		s.Errorf("it may be of the system's own administrators: %v", err)
	}
	if _, err := as("system:serviceaccount:plumb-system:plumb-deployer").Get(s.Context(), "settings", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		s.Errorf("it may be a ServiceAccount: %v", err)
	}
}

// idp is an OIDC provider at which everybody is logged in. What else may be wrong with its tokens is tested in internal/people.
type idp struct {
	*httptest.Server
	key    *rsa.PrivateKey
	mu     sync.Mutex
	claims map[string]any
	nonces map[string]string // by code
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &idp{key: key, nonces: map[string]string{}, claims: map[string]any{"sub": "lena", "groups": []string{"shop", "oncall"}}}
	coded := base64.RawURLEncoding.EncodeToString
	mux := http.NewServeMux()
	answer := func(pattern string, what func(r *http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(what(r))
		})
	}
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	answer("GET /.well-known/openid-configuration", func(*http.Request) any {
		return map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		}
	})
	answer("GET /keys", func(*http.Request) any {
		return map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "kid": "one", "n": coded(key.N.Bytes()), "e": "AQAB"}}}
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q, code := r.URL.Query(), rand.Text()
		i.mu.Lock()
		i.nonces[code] = q.Get("nonce")
		i.mu.Unlock()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
	})
	answer("POST /token", func(r *http.Request) any {
		return map[string]any{"access_token": "unused", "token_type": "Bearer", "id_token": i.token(r.FormValue("code"))}
	})
	return i
}

// says has the following tokens say this.
func (i *idp) says(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = claims
}

func (i *idp) token(code string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	claims := map[string]any{"iss": i.URL, "aud": "plumb", "nonce": i.nonces[code], "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix()}
	maps.Copy(claims, i.claims)
	part := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	text := part(map[string]any{"alg": "RS256", "kid": "one"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
