package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// scenario is one test's Repo with its repository, and the apps in it. Names of apps are unique over all tests that share
// a world: they begin with the scenario's name.
type scenario struct {
	*testing.T
	*world
	repo *repository
	name string // of the repository and of the Repo
	spec map[string]any
	made bool // the Repo exists
}

// files are paths of the repository and what they hold; "" removes a file or a folder.
type files map[string]string

// newScenario makes an empty repository. The Repo comes with the first commit.
func newScenario(t *testing.T, w *world, name string) *scenario {
	t.Helper()
	repo, err := w.create(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &scenario{T: t, world: w, name: name, repo: repo}
	s.spec = map[string]any{"url": repo.url, "poll": "10m", "webhook": map[string]any{"secret": "hook"}}
	t.Cleanup(s.explain)
	return s
}

// explain tells of a test that failed how its apps were, and what the agent said of them.
func (s *scenario) explain() {
	if !s.Failed() {
		return
	}
	ctx := context.Background()
	for _, kind := range []string{"Repo", "App"} {
		list, err := s.admin.Resource(kinds[kind]).Namespace(system).List(ctx, metav1.ListOptions{})
		if err != nil {
			s.Log(err)
			continue
		}
		for _, o := range list.Items {
			if strings.HasPrefix(o.GetName(), s.name) {
				status, _ := json.MarshalIndent(o.Object["status"], "", "  ")
				s.Logf("%s: %s", idOf(&o), status)
			}
		}
	}
	s.Logf("the agent said:\n%s", s.said(s.name, 30))
}

// git runs git in the clone.
func (s *scenario) git(arguments ...string) string {
	s.Helper()
	out, err := git(s.repo.clone, arguments...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// write puts files into the clone, and stages them.
func (s *scenario) write(f files) {
	s.Helper()
	for _, path := range slices.Sorted(maps.Keys(f)) {
		file := filepath.Join(s.repo.clone, path)
		if f[path] == "" {
			if err := os.RemoveAll(file); err != nil {
				s.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.TrimPrefix(f[path], "\n")), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	s.git("add", "-A")
}

// commit changes files, pushes, and tells the agent. It gives the commit.
func (s *scenario) commit(message string, f files) string {
	s.Helper()
	s.write(f)
	s.git("commit", "-q", "--allow-empty", "-m", message)
	return s.push()
}

// revert undoes the last commit by another one.
func (s *scenario) revert() string {
	s.Helper()
	s.git("revert", "--no-edit", "HEAD")
	return s.push()
}

// push pushes what the clone has, by force, and tells the agent as a forge would.
func (s *scenario) push() string {
	s.Helper()
	s.git("push", "-q", "--force", "origin", "HEAD:main")
	if s.made {
		s.tell()
	} else {
		s.makeRepo()
	}
	return s.git("rev-parse", "HEAD")
}

// makeRepo makes the Repo object.
func (s *scenario) makeRepo() {
	s.Helper()
	s.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "plumb.dev/v1alpha1", "kind": "Repo",
		"metadata": map[string]any{"name": s.name, "namespace": system}, "spec": s.spec,
	}}, "e2e")
	s.made = true
}

// tell sends the webhook. The agent may not have seen the Repo yet, and then takes nobody's word.
func (s *scenario) tell() {
	s.Helper()
	body := `{"ref":"refs/heads/main"}`
	err := eventually(limit, func() error {
		code, err := s.hook(s.name, body, signature(body))
		if err == nil && code != http.StatusAccepted {
			err = fmt.Errorf("the webhook was answered with %d", code)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

// signature signs the body of a hook as its sender does.
func signature(body string) string {
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// create makes an object as somebody, by field manager.
func (s *scenario) create(o *unstructured.Unstructured, manager string) *unstructured.Unstructured {
	s.Helper()
	client, _ := s.at(idOf(o))
	made, err := client.Create(s.Context(), o, metav1.CreateOptions{FieldManager: manager})
	if err != nil {
		s.Fatalf("create %s: %v", idOf(o), err)
	}
	return made
}

// make creates the objects of a YAML text.
func (s *scenario) make(text string) {
	s.Helper()
	if err := s.makeYAML(text); err != nil {
		s.Fatal(err)
	}
}

// patch changes an object as a tool does that bears the name manager. The patch is written as YAML.
func (s *scenario) patch(id, manager, patch string, subresources ...string) *unstructured.Unstructured {
	s.Helper()
	return s.patchAs(types.MergePatchType, id, manager, patch, subresources...)
}

// edit changes an object as kubectl edit does: lists are merged by their keys.
func (s *scenario) edit(id, manager, patch string) *unstructured.Unstructured {
	s.Helper()
	return s.patchAs(types.StrategicMergePatchType, id, manager, patch)
}

func (s *scenario) patchAs(kind types.PatchType, id, manager, patch string, subresources ...string) *unstructured.Unstructured {
	s.Helper()
	data, err := json.Marshal(documents(patch)[0].Object)
	if err != nil {
		s.Fatal(err)
	}
	client, name := s.at(id)
	o, err := client.Patch(s.Context(), name, kind, data, metav1.PatchOptions{FieldManager: manager}, subresources...)
	if err != nil {
		s.Fatalf("patch %s: %v", id, err)
	}
	return o
}

// remove deletes an object.
func (s *scenario) remove(id string) {
	s.Helper()
	client, name := s.at(id)
	if err := client.Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatalf("delete %s: %v", id, err)
	}
}

// live gives an object that must exist.
func (s *scenario) live(id string) *unstructured.Unstructured {
	s.Helper()
	o := s.get(s.T, id)
	if o == nil {
		s.Fatalf("%s does not exist", id)
	}
	return o
}

// gone fails the test if an object exists.
func (s *scenario) gone(id string) {
	s.Helper()
	if s.get(s.T, id) != nil {
		s.Errorf("%s still exists", id)
	}
}

// same fails the test if the object is not the one that it was.
func (s *scenario) same(before *unstructured.Unstructured) *unstructured.Unstructured {
	s.Helper()
	o := s.live(idOf(before))
	if o.GetUID() != before.GetUID() {
		s.Errorf("%s was made anew: its UID was %s, and is %s", idOf(before), before.GetUID(), o.GetUID())
	}
	return o
}

// has waits until a field of an object has a value, written as field reads it.
func (s *scenario) has(id, path string, want any) *unstructured.Unstructured {
	s.Helper()
	return s.await(s.T, id, func(o *unstructured.Unstructured) error {
		if o == nil {
			return errors.New("it does not exist")
		}
		if got := field(o, path); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%s is %v, want %v", path, got, want)
		}
		return nil
	})
}

// absent waits until an object is gone.
func (s *scenario) absent(id string) {
	s.Helper()
	s.await(s.T, id, func(o *unstructured.Unstructured) error {
		if o != nil {
			return errors.New("it still exists")
		}
		return nil
	})
}

// field reads a field at a path such as spec.template.spec.containers.0.image; nil if there is none.
func field(o *unstructured.Unstructured, path string) any {
	at := any(o.Object)
	for key := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}

// appStatus is what tests read of an App's status (docs/reference/resources.md §2).
type appStatus struct {
	State, Summary, Revision, Target, Health string
	ChangedBy                                []string
	Blocking                                 *struct {
		Kind, Namespace, Name, Message string
		Log                            []string
	}
	Objects       struct{ Total, Changed, Drifted, ToDelete int }
	Drift         []drift
	HeldDeletions []struct{ Object, Reason string }
	History       []struct {
		Revision, Result string
		Changed          int
		Took             []string
	}
	WaitingFor []struct{ Kind, Name string }
	Pending    *struct {
		Count int
		Steps []struct{ Action, Object, Why string }
	}
	Handled struct{ Sync string }
	Revert  *struct {
		Of, To    string
		Pull      int
		Conflicts int
	}
	Warnings   []string
	Conditions []metav1.Condition
}

// drift is one line of the evidence.
type drift struct {
	Object, Field, Kind, Manager, Operation, Subresource, Git, Live string
	Healed                                                          *metav1.Time
}

// ready gives the reason and the message of the condition Ready.
func (a appStatus) ready() (reason, message string) {
	for _, c := range a.Conditions {
		if c.Type == "Ready" {
			return c.Reason, c.Message
		}
	}
	return "", ""
}

func (a appStatus) String() string {
	reason, _ := a.ready()
	return fmt.Sprintf("it is %s (%s) at %.7s, target %.7s: %s", a.State, reason, a.Revision, a.Target, a.Summary)
}

// pending lists what would be done and is not, as "action object".
func (a appStatus) pending() []string {
	if a.Pending == nil {
		return nil
	}
	var all []string
	for _, step := range a.Pending.Steps {
		all = append(all, step.Action+" "+step.Object)
	}
	return all
}

// held lists the deletions that wait, as "object reason".
func (a appStatus) held() []string {
	var all []string
	for _, h := range a.HeldDeletions {
		all = append(all, h.Object+" "+h.Reason)
	}
	return all
}

func statusOf(o *unstructured.Unstructured) appStatus {
	var status appStatus
	raw, err := json.Marshal(o.Object["status"])
	if err == nil {
		err = json.Unmarshal(raw, &status)
	}
	if err != nil {
		panic(fmt.Sprintf("e2e: %s has a status of another form: %v", idOf(o), err))
	}
	return status
}

// until waits until the status of an App is as cond tells.
func (s *scenario) until(app string, cond func(appStatus) error) appStatus {
	s.Helper()
	return statusOf(s.await(s.T, "App/"+system+"/"+app, func(o *unstructured.Unstructured) error {
		if o == nil {
			return errors.New("there is no such App")
		}
		return cond(statusOf(o))
	}))
}

// ok waits until an App is ok, with a commit as the newest that changed it.
func (s *scenario) ok(app, commit string) appStatus {
	s.Helper()
	return s.until(app, func(a appStatus) error {
		if a.State != "ok" || a.Revision != commit || a.Target != commit {
			return fmt.Errorf("%s, want ok at %.7s", a, commit)
		}
		return nil
	})
}

// is waits until an App is in a state for a reason.
func (s *scenario) is(app, state, reason string) appStatus {
	s.Helper()
	return s.until(app, func(a appStatus) error {
		if got, _ := a.ready(); a.State != state || got != reason {
			return fmt.Errorf("%s, want %s (%s)", a, state, reason)
		}
		return nil
	})
}

// decided waits until a commit was decided for every app of the Repo.
func (s *scenario) decided(commit string) {
	s.Helper()
	s.await(s.T, "Repo/"+system+"/"+s.name, func(o *unstructured.Unstructured) error {
		if o == nil {
			return errors.New("there is no such Repo")
		}
		if got := field(o, "status.revision"); got != commit {
			return fmt.Errorf("%v is decided, want %s: %v", got, commit, field(o, "status.summary"))
		}
		return nil
	})
}

// says fails the test if a text has not all of the parts.
func (s *scenario) says(text string, parts ...string) {
	s.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.Errorf("%q does not say %q", text, part)
		}
	}
}

// list gives the names of the objects of a kind in a namespace.
func (s *scenario) list(kind, namespace string) []string {
	s.Helper()
	all, err := s.admin.Resource(kinds[kind]).Namespace(namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, o := range all.Items {
		names = append(names, o.GetName())
	}
	return names
}

// inventoryOf gives an app's Inventory as text.
func inventoryOf(s *scenario, app string) string {
	s.Helper()
	data, err := json.Marshal(s.live("Inventory/" + system + "/" + app + "-0").Object["objects"])
	if err != nil {
		s.Fatal(err)
	}
	return string(data)
}

// errNotYet is a condition that is not true yet.
func errNotYet(format string, args ...any) error { return fmt.Errorf(format, args...) }
