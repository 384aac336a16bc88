package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// An object that is only to be created is made once, and is its user's from then on.
func TestCreateOnly(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "once")
	once := func(value string) string {
		return strings.Replace(configMap("once", "a", value), "metadata:\n", "metadata:\n  annotations: {plumb.dev/apply: create-only}\n", 1)
	}
	first := s.commit("one", files{"apps/once/a.yaml": documentsOf(once("1"), deployment("sentinel", 1, "registry.example/web:1"))})
	s.ok("once", first)
	s.patch("ConfigMap/once/once", "kubectl-edit", "data: {a: mine}")
	s.ok("once", s.commit("two", files{"apps/once/a.yaml": documentsOf(once("2"), deployment("sentinel", 1, "registry.example/web:1"))}))
	s.settled("once")
	s.has("ConfigMap/once/once", "data.a", "mine")
}

// The API version in which Git writes an object may change: it stays the same object.
func TestAPIVersionChanges(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "version")
	scaler := func(version, metrics string) string {
		return "apiVersion: autoscaling/" + version + "\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  maxReplicas: 3\n" + metrics +
			"  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n"
	}
	scaled := deployment("web", 1, "registry.example/web:1") // without what it scales, an autoscaler says so soon
	s.ok("version", s.commit("v1", files{"apps/version/web.yaml": scaled, "apps/version/a.yaml": scaler("v1", "  targetCPUUtilizationPercentage: 80\n")}))
	before, uid := s.now(t), s.uidOf("horizontalpodautoscalers")
	s.ok("version", s.commit("v2", files{"apps/version/a.yaml": scaler("v2", "  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]\n")}))
	if now := s.uidOf("horizontalpodautoscalers"); now != uid {
		t.Errorf("it was made anew: its UID was %s, and is %s", uid, now)
	}
	s.noDeletes(t, before, "version")
}

// uidOf gives the UID of the autoscaler of TestAPIVersionChanges.
func (s *scenario) uidOf(resource string) string {
	s.Helper()
	kind := kinds["Deployment"].GroupVersion().WithResource(resource)
	kind.Group, kind.Version = "autoscaling", "v2"
	o, err := s.admin.Resource(kind).Namespace("version").Get(s.Context(), "web", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return string(o.GetUID())
}

// An object that is written twice is an error that names both places.
func TestDuplicateObject(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "twice")
	s.commit("twice", files{"apps/twice/a.yaml": configMap("settings", "a", "1"), "apps/twice/b.yaml": configMap("settings", "a", "2")})
	status := s.is("twice", "failed", "DuplicateObject")
	s.says(status.Summary, "apps/twice/a.yaml:1", "apps/twice/b.yaml:1", "ConfigMap")
	s.gone("Namespace/twice")
}

// A Job of ours is replaced when its template changes; a StatefulSet never is.
func TestReplacement(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "replace")
	job := func(image string) string {
		return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: migrate, image: \"" + image + "\"}]\n"
	}
	s.ok("replace", s.commit("one", files{"apps/replace/a.yaml": documentsOf(job("registry.example/migrate:1"), statefulSet("db"))}))
	before, db := s.live("Job/replace/migrate"), s.live("StatefulSet/replace/db")
	second := s.commit("two", files{"apps/replace/a.yaml": documentsOf(job("registry.example/migrate:2"), statefulSet("db"))})
	s.ok("replace", second)
	if after := s.live("Job/replace/migrate"); after.GetUID() == before.GetUID() || field(after, "spec.template.spec.containers.0.image") != "registry.example/migrate:2" {
		t.Error("the Job was not replaced")
	}
	s.commit("three", files{"apps/replace/a.yaml": documentsOf(job("registry.example/migrate:2"), strings.Replace(statefulSet("db"), "serviceName: db", "serviceName: other", 1))})
	status := s.is("replace", "failed", "ImmutableField")
	_, message := status.ready()
	s.says(message, "StatefulSet/replace/db", "never replaced")
	s.same(db)
}

// A deletion that a finalizer holds up is not forgotten: when the object is gone, so is its entry.
func TestFinalizerHoldsUpADeletion(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "final")
	s.ok("final", s.commit("two", files{"apps/final/a.yaml": settings(0, 2)}))
	s.patch("ConfigMap/final/settings-1", "some-controller", "metadata: {finalizers: [example.com/hold]}")
	s.ok("final", s.commit("one", files{"apps/final/a.yaml": settings(0, 1)}))
	if s.live("ConfigMap/final/settings-1").GetDeletionTimestamp() == nil {
		t.Error("it is not being deleted")
	}
	s.says(inventoryOf(s, "final"), "settings-1")
	s.patch("ConfigMap/final/settings-1", "some-controller", "metadata: {finalizers: null}")
	s.absent("ConfigMap/final/settings-1")
	err := eventually(limit, func() error {
		if inventory := inventoryOf(s, "final"); strings.Contains(inventory, "settings-1") {
			return errNotYet("it is still in the inventory: %s", inventory)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// An object that somebody deleted and made anew is somebody's: it becomes ours again, and is not deleted without consent.
func TestMadeAnewBySomebody(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "anew")
	s.ok("anew", s.commit("two", files{"apps/anew/a.yaml": settings(0, 2)}))
	s.patch("App/plumb-system/anew", "plumb-cli", "spec: {pause: {reason: repair, by: lena}}")
	s.is("anew", "paused", "Paused")
	s.remove("ConfigMap/anew/settings-1")
	theirs := s.create(inNamespace("anew", configMap("settings-1", "a", "theirs")), "some-operator")
	s.patch("App/plumb-system/anew", "plumb-cli", "spec: {pause: null}")
	s.has("ConfigMap/anew/settings-1", "data.a", "1")
	s.is("anew", "ok", "Healthy")
	s.same(theirs)
	s.commit("one", files{"apps/anew/a.yaml": settings(0, 1)})
	status := s.is("anew", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Equal(held, []string{"ConfigMap/anew/settings-1 NotCreatedByUs"}) {
		t.Errorf("held are %v", held)
	}
}

// What a person applies by kubectl apply --server-side beside Git is drift too; what is equal to Git is not.
func TestServerSideApplyByPeople(t *testing.T) {
	t.Parallel()
	const web = "Deployment/ssa/web"
	s := newScenario(t, shared(t), "ssa")
	text := documentsOf(deployment("web", 1, "registry.example/web:1"), deployment("sentinel", 1, "registry.example/web:1"))
	s.ok("ssa", s.commit("a deployment", files{"apps/ssa/a.yaml": text}))
	before := s.now(t)
	s.apply(web, "kubectl", deployment("web", 1, "registry.example/web:1"))
	s.settled("ssa")
	if wrote := s.writesTo(t, before, "deployments", "ssa", "web"); len(wrote) > 0 {
		t.Errorf("an equal apply was answered by %v", wrote)
	}
	s.apply(web, "kubectl", deployment("web", 1, "registry.example/web:1")+"        - {name: shell, image: registry.example/shell:1}\n")
	s.await(t, web, func(o *unstructured.Unstructured) error {
		if n := len(field(o, "spec.template.spec.containers").([]any)); n != 1 {
			return errNotYet("there are %d containers", n)
		}
		return nil
	})
	s.until("ssa", func(a appStatus) error {
		for _, d := range a.Drift {
			if d.Kind == "added" && d.Manager == "kubectl" && d.Operation == "Apply" && strings.Contains(d.Field, "shell") {
				return nil
			}
		}
		return errNotYet("the evidence is %+v", a.Drift)
	})
}

// apply is kubectl apply --server-side by a person.
func (s *scenario) apply(id, manager, manifest string) {
	s.Helper()
	client, name := s.at(id)
	data, err := documents(manifest)[0].MarshalJSON()
	if err != nil {
		s.Fatal(err)
	}
	yes := true
	if _, err := client.Patch(s.Context(), name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: manager, Force: &yes}); err != nil {
		s.Fatal(err)
	}
}

// A namespace that Git describes is deleted only by a line that names it, and only when nothing else is in it.
func TestNamespaceInGit(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "nsgit")
	extra := "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: nsgit-extra\n  labels: {team: pay}\n"
	s.ok("nsgit", s.commit("a namespace", files{"apps/nsgit/a.yaml": documentsOf(configMap("settings", "a", "1"), extra)}))
	s.create(inNamespace("nsgit-extra", configMap("theirs", "a", "1")), "some-operator")
	s.commit("no namespace\n\nPlumb-Allow-Delete: nsgit", files{"apps/nsgit/a.yaml": configMap("settings", "a", "1")})
	status := s.is("nsgit", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Equal(held, []string{"Namespace/nsgit-extra ProtectedKind"}) {
		t.Errorf("held are %v", held)
	}
	s.commit("by name\n\nPlumb-Allow-Delete: nsgit Namespace/nsgit-extra", nil)
	s.until("nsgit", func(a appStatus) error {
		if held := a.held(); !slices.Equal(held, []string{"Namespace/nsgit-extra InUse"}) {
			return errNotYet("held are %v", held)
		}
		return nil
	})
	s.remove("ConfigMap/nsgit-extra/theirs")
	s.sync("nsgit")
	s.absent("Namespace/nsgit-extra")
	s.is("nsgit", "ok", "Healthy")
}

// An Inventory that grows beyond what one object may hold is split; every entry is in one of the parts.
func TestLargeApp(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "large")
	s.ok("large", s.commit("many", files{"apps/large/a.yaml": settings(0, 1500)}))
	s.entries("large", 2, 1501)
	s.ok("large", s.commit("few\n\nPlumb-Allow-Delete: large", files{"apps/large/a.yaml": settings(0, 10)}))
	s.entries("large", 1, 11)
	if n := len(s.born("large")); n != 10 {
		t.Errorf("%d objects are left, want 10", n)
	}
}

// entries waits until the Inventory of an app has so many entries, each once, in so many parts or more.
func (s *scenario) entries(app string, parts, want int) {
	s.Helper()
	err := eventually(limit, func() error {
		found, entries := s.inventories(app), map[string]int{}
		for _, name := range found {
			objects, _ := field(s.live("Inventory/"+system+"/"+name), "objects").([]any)
			for _, e := range objects {
				e := e.(map[string]any)
				entries[fmt.Sprint(e["k"], "/", e["n"])]++
			}
		}
		for id, n := range entries {
			if n > 1 {
				return errNotYet("%s is in %d parts", id, n)
			}
		}
		if len(found) < parts || len(entries) != want {
			return errNotYet("%d entries in %v, want %d", len(entries), found, want)
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}

func (s *scenario) inventories(app string) []string {
	s.Helper()
	return slices.DeleteFunc(s.list("Inventory", system), func(name string) bool { return !strings.HasPrefix(name, app+"-") })
}
