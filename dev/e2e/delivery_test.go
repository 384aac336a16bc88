package e2e

import (
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A folder becomes an app: its namespace, its objects with their marks, and its healthy pods.
func TestCreate(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "create")
	first := s.commit("a web app", files{"apps/create/all.yaml": documentsOf(
		deployment("web", 2, "registry.example/web:1"), service("web", 80), configMap("settings", "colour", "blue"))})

	status := s.ok("create", first)
	s.says(status.Summary, first[:7]+" is healthy")
	if status.Health != "Healthy" || status.Objects.Total != 4 {
		t.Errorf("health %s of %d objects, want Healthy of 3 and the namespace", status.Health, status.Objects.Total)
	}
	web := s.live("Deployment/create/web")
	if ready := field(web, "status.readyReplicas"); ready != int64(2) {
		t.Errorf("the app is ok, and %v pods are ready, want 2", ready)
	}
	if web.GetLabels()["plumb.dev/managed"] != "true" {
		t.Errorf("the labels are %v, want plumb.dev/managed", web.GetLabels())
	}
	app := s.live("App/plumb-system/create")
	if claim, want := web.GetAnnotations()["plumb.dev/owner"], "plumb-system/create:"+string(app.GetUID()); claim != want {
		t.Errorf("the claim is %q, want %q", claim, want)
	}
	if template := field(web, "spec.template.metadata.labels"); len(template.(map[string]any)) != 1 {
		t.Errorf("the pod template was touched: %v", template)
	}
	for _, r := range s.requests(t, 0, func(r request) bool { return r.writes() && r.in("create") }) {
		if r.As.Username != "system:serviceaccount:plumb-system:plumb-deployer" {
			t.Errorf("%s was sent as %q", r, r.As.Username)
		}
	}
}

// What is new is made without a look: the API server makes it only if there is none. What turns out to be there is looked at
// then, and treated as what it is: refused where it is another tool's, taken over where nobody holds it.
func TestNewObjectsAreNotLookedFor(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "unseen")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: unseen}")
	s.create(documents("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: taken, namespace: unseen}\ndata: {a: mine}\n")[0], "kubectl-create")
	flux := s.create(documents("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs, namespace: unseen, labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}}\ndata: {a: theirs}\n")[0], "kustomize-controller")
	before := s.now(t)
	reads := func() []request {
		return s.requests(t, before, func(r request) bool {
			return r.As.Username != "" && (r.Verb == "get" || r.Verb == "list") && r.Object.Namespace == "unseen" && r.Object.Resource != "namespaces"
		})
	}
	first := s.commit("all new", files{"apps/unseen/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), service("web", 80), configMap("a", "a", "1"), configMap("b", "a", "1"), configMap("c", "a", "1"))})
	s.ok("unseen", first)
	if asked := reads(); len(asked) > 0 {
		t.Errorf("nothing of this was there, and it was asked for: %v", asked)
	}

	second := s.commit("two are there", files{"apps/unseen/b.yaml": documentsOf(configMap("taken", "a", "git"), configMap("theirs", "a", "git"), configMap("d", "a", "1"))})
	status := s.is("unseen", "failed", "OwnedByOther")
	s.says(status.Summary, "ConfigMap/unseen/theirs", "Flux")
	s.same(flux)
	s.has("ConfigMap/unseen/d", "data.a", "1")
	s.has("ConfigMap/unseen/taken", "data.a", "git")
	if entries := inventoryOf(s, "unseen"); strings.Contains(entries, `"theirs"`) {
		t.Errorf("what is not ours is recorded: %s", entries)
	}
	if len(reads()) == 0 {
		t.Error("what was there was not looked at")
	}
	s.entryOf("unseen", second, "failed")

	// Custom resources are no other.
	apply := func(name string) error {
		body := `{"apiVersion": "plumb.dev/v1alpha1", "kind": "App", "metadata": {"name": "` + name + `", "resourceVersion": "1"}, "spec": {"repo": "unseen", "path": "apps/unseen"}}`
		_, err := s.admin.Resource(kinds["App"]).Namespace(system).Patch(t.Context(), name, types.ApplyPatchType, []byte(body),
			metav1.PatchOptions{FieldManager: "e2e", DryRun: []string{metav1.DryRunAll}})
		return err
	}
	if err := apply("unseen-none"); err != nil {
		t.Errorf("there is none, and it is refused: %v", err)
	}
	if err := apply("unseen"); !apierrors.IsConflict(err) {
		t.Errorf("there is one, and the answer is %v", err)
	}
}

// A commit changes what it changes, and nothing else.
func TestChange(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "change")
	first := s.commit("two apps", files{
		"apps/change-a/all.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "colour", "blue")),
		"apps/change-b/all.yaml": configMap("settings", "colour", "blue"),
	})
	s.ok("change-a", first)
	s.ok("change-b", first)
	settings, before := s.live("ConfigMap/change-a/settings"), s.now(t)

	second := s.commit("a new image", files{
		"apps/change-a/all.yaml": documentsOf(deployment("web", 1, "registry.example/web:2"), configMap("settings", "colour", "blue"))})
	status := s.ok("change-a", second)
	if !slices.Equal(status.ChangedBy, []string{second}) || status.History[0].Changed != 1 {
		t.Errorf("changed by %v, %d objects, want %s and 1", status.ChangedBy, status.History[0].Changed, second)
	}
	s.has("Deployment/change-a/web", "spec.template.spec.containers.0.image", "registry.example/web:2")
	if now := s.live("ConfigMap/change-a/settings"); now.GetResourceVersion() != settings.GetResourceVersion() {
		t.Error("an object that the commit did not change was written")
	}
	s.decided(second)
	s.noWrites(t, before, "change-b")
	s.ok("change-b", first)
}

// A field that goes from Git goes from the cluster.
func TestFieldRemovedInGit(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "field")
	s.ok("field", s.commit("two keys", files{"apps/field/a.yaml": configMap("settings", "a", "1", "b", "2")}))
	s.ok("field", s.commit("one key", files{"apps/field/a.yaml": configMap("settings", "a", "1")}))
	if data := field(s.live("ConfigMap/field/settings"), "data"); len(data.(map[string]any)) != 1 {
		t.Errorf("the data is %v, want a alone", data)
	}
}

// A revert is a new commit, and brings back what was.
func TestRevert(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "revert")
	s.ok("revert", s.commit("blue", files{"apps/revert/a.yaml": configMap("settings", "colour", "blue")}))
	s.ok("revert", s.commit("green, and more", files{
		"apps/revert/a.yaml": configMap("settings", "colour", "green"), "apps/revert/b.yaml": configMap("more", "a", "1")}))
	s.has("ConfigMap/revert/settings", "data.colour", "green")
	s.live("ConfigMap/revert/more")

	status := s.ok("revert", s.revert())
	s.has("ConfigMap/revert/settings", "data.colour", "blue")
	s.gone("ConfigMap/revert/more")
	if len(status.History) != 3 {
		t.Errorf("the history has %d rows, want one per commit", len(status.History))
	}
}

// A file may be renamed and moved within its app: the objects are the same, and nothing is sent.
func TestRenameFile(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "filename")
	s.ok("filename", s.commit("a file", files{"apps/filename/a.yaml": configMap("settings", "a", "1"), "apps/filename/b.yaml": configMap("more", "a", "1")}))
	before := s.now(t)
	s.ok("filename", s.commit("another name", files{"apps/filename/a.yaml": "", "apps/filename/deep/c.yaml": configMap("settings", "a", "1")}))
	s.noWrites(t, before, "filename")
}

// An object that gets another name is another object: the new one comes, then the old one goes.
func TestRenameObject(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rename")
	s.ok("rename", s.commit("old", files{"apps/rename/a.yaml": configMap("old", "a", "1")}))
	before := s.now(t)
	s.ok("rename", s.commit("new", files{"apps/rename/a.yaml": configMap("new", "a", "1")}))
	s.live("ConfigMap/rename/new")
	s.gone("ConfigMap/rename/old")
	var order []string
	for _, r := range s.requests(t, before, func(r request) bool { return r.writes() && r.in("rename") }) {
		order = append(order, r.Verb+" "+r.Object.Name)
	}
	if want := []string{"patch new", "delete old"}; !slices.Equal(order, want) {
		t.Errorf("the agent sent %v, want %v", order, want)
	}
}

// A definition and objects of its kind may come in one commit.
func TestDefinitionAndItsObjects(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "crd")
	first := s.commit("widgets", files{"apps/crd/a-widget.yaml": `
apiVersion: example.com/v1
kind: Widget
metadata: {name: one}
spec: {size: 3}
`, "apps/crd/definition.yaml": widgetDefinition})
	s.ok("crd", first)
	s.has("Widget/crd/one", "spec.size", 3)
}

const widgetDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer}
`
