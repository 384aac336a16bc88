package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An object has one owner. A second app that wants it fails and says whose it is; the object does not flip to and fro. When
// the first gives it up, it is handed over.
func TestTwoAppsClaimOneObject(t *testing.T) {
	t.Parallel()
	const one = "ConfigMap/owner-common/one"
	s := newScenario(t, shared(t), "owner")
	first := s.commit("a has it", files{
		"apps/owner-a/plumb.yaml": "namespace: owner-common\n", "apps/owner-a/a.yaml": configMap("a", "a", "1"), "apps/owner-a/one.yaml": configMap("one", "of", "a"),
		"apps/owner-b/plumb.yaml": "namespace: owner-common\n", "apps/owner-b/b.yaml": configMap("b", "a", "1"),
	})
	s.ok("owner-a", first)
	s.ok("owner-b", first)
	object, before := s.live(one), s.now(t)

	second := s.commit("b wants it too", files{"apps/owner-b/one.yaml": configMap("one", "of", "b"), "apps/owner-b/two.yaml": configMap("two", "of", "b")})
	s.decided(second)
	status := s.is("owner-b", "failed", "OwnedByOther")
	s.says(status.Summary, "ConfigMap/owner-common/one", "plumb-system/owner-a")
	s.has("ConfigMap/owner-common/two", "data.of", "b") // the rest of it is applied
	s.ok("owner-a", first)
	if wrote := s.writesTo(t, before, "configmaps", "owner-common", "one"); len(wrote) > 0 {
		t.Errorf("the object was written: %v", wrote)
	}

	third := s.commit("a gives it up", files{"apps/owner-a/one.yaml": ""})
	s.ok("owner-a", third)
	s.is("owner-b", "ok", "Healthy")
	if of := field(s.same(object), "data.of"); of != "b" {
		t.Errorf("the object is of %v", of)
	}
	s.noDeletes(t, before, "owner-common")
}

// Apps may share a namespace: whoever makes it, none of them fights for it, and it stays when one of them goes.
func TestAppsShareANamespace(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "share")
	fleet, apps := files{}, []string{"share-a", "share-b", "share-c", "share-d"}
	for _, app := range apps {
		fleet["apps/"+app+"/plumb.yaml"] = "namespace: share-common\n"
		fleet["apps/"+app+"/a.yaml"] = documentsOf(configMap(app, "a", "1"), deployment(app, 1, "registry.example/web:1"))
	}
	first := s.commit("four apps", fleet)
	for _, app := range apps {
		s.ok(app, first)
	}
	before := s.now(t)
	s.patch("Namespace/share-common", "kubectl-label", "metadata: {labels: {team: pay}}")
	s.scale("Deployment/share-common/share-d", "kubectl", 2)
	s.has("Deployment/share-common/share-d", "spec.replicas", 1)
	for _, app := range apps {
		s.ok(app, first)
	}
	for _, r := range s.writesIn(before, "share-common") {
		if r.Object.Name != "share-d" {
			t.Errorf("the agent wrote: %s", r)
		}
	}
	s.commit("three apps\n\nPlumb-Allow-Delete: share-a", files{"apps/share-a": ""})
	s.absent("ConfigMap/share-common/share-a")
	s.absent("Deployment/share-common/share-a")
	s.live("ConfigMap/share-common/share-b")
	if s.live("Namespace/share-common").GetDeletionTimestamp() != nil {
		t.Error("the namespace is being deleted, and others live in it")
	}
	for _, app := range apps[1:] {
		s.is(app, "ok", "Healthy")
	}
}

// Between Repos no commit moves an object at once: the new owner fails until the old one has given it up, and then has it.
func TestMoveBetweenRepos(t *testing.T) {
	t.Parallel()
	from, to := newScenario(t, shared(t), "movefrom"), newScenario(t, shared(t), "moveto")
	moving := strings.Replace(deployment("moving", 1, "registry.example/web:1"), "name: moving", "name: moving\n  namespace: movefrom", 1)
	from.ok("movefrom", from.commit("here", files{"apps/movefrom/a.yaml": configMap("stays", "a", "1"), "apps/movefrom/moving.yaml": moving}))
	object, before := from.live("Deployment/movefrom/moving"), from.now(t)
	there := to.commit("there", files{"apps/moveto/a.yaml": configMap("stays", "a", "1"), "apps/moveto/moving.yaml": moving})
	to.is("moveto", "failed", "OwnedByOther")
	from.ok("movefrom", from.commit("not here", files{"apps/movefrom/moving.yaml": ""}))
	to.ok("moveto", there)
	to.says(to.same(object).GetAnnotations()["plumb.dev/owner"], "plumb-system/moveto:")
	to.noDeletes(t, before, "movefrom")
}

// What exists and belongs to nobody is taken over. The record says from whom; and it is never deleted without consent.
func TestUnownedObjectsAreTakenOver(t *testing.T) {
	t.Parallel()
	const settings = "ConfigMap/takeover/settings"
	s := newScenario(t, shared(t), "takeover")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: takeover}\n")
	before := s.create(inNamespace("takeover", configMap("settings", "colour", "red", "size", "3")), "some-operator")
	stays := configMap("stays", "a", "1")
	status := s.ok("takeover", s.commit("ours now", files{"apps/takeover/a.yaml": documentsOf(configMap("settings", "colour", "blue"), stays)}))
	if took := status.History[0].Took; !slices.Contains(took, "some-operator") {
		t.Errorf("the record says that it was taken from %v", took)
	}
	if data := field(s.same(before), "data"); fmt.Sprint(data) != "map[colour:blue size:3]" {
		t.Errorf("the data is %v, want our colour, and the other's size", data)
	}

	start := s.now(t)
	s.commit("not ours any more", files{"apps/takeover/a.yaml": stays})
	status = s.is("takeover", "waiting", "DeletionHeld")
	if held := status.held(); !slices.Equal(held, []string{settings + " NotCreatedByUs"}) {
		t.Errorf("held are %v", held)
	}
	s.noDeletes(t, start, "takeover")
	s.commit("yes\n\nPlumb-Allow-Delete: takeover ConfigMap/settings", nil)
	s.is("takeover", "ok", "Healthy")
	s.gone(settings)
}

// A field that another tool made before goes when Git does not have it: at once, or by a later commit.
func TestFieldsOfOtherToolsGoWithGit(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name    string
		manager string
		change  func(o *unstructured.Unstructured)
	}{
		{"apply", "kubectl-client-side-apply", func(o *unstructured.Unstructured) {
			data, _ := o.MarshalJSON()
			o.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(data)})
		}},
		{"create", "kubectl-create", func(*unstructured.Unstructured) {}},
		{"helm", "helm", func(o *unstructured.Unstructured) {
			o.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
			o.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "default"})
		}},
	}
	s := newScenario(t, shared(t), "before")
	commits, objects, apps := files{}, map[string]*unstructured.Unstructured{}, func(keys ...string) files {
		f := files{}
		for _, row := range rows {
			pairs := []string{}
			for _, key := range keys {
				pairs = append(pairs, key, "1")
			}
			f["apps/before-"+row.name+"/a.yaml"] = documentsOf(configMap("settings", pairs...), deployment("web", 1, "registry.example/web:1"))
		}
		return f
	}
	for _, row := range rows {
		namespace := "before-" + row.name
		s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + "}\n")
		for _, text := range []string{configMap("settings", "kept", "1", "later", "1", "gone", "1"), deployment("web", 1, "registry.example/old:1")} {
			o := inNamespace(namespace, text)
			row.change(o)
			objects[row.name+"/"+o.GetName()] = s.create(o, row.manager)
		}
	}
	first := s.commit("two of three keys", merge(commits, apps("kept", "later")))
	for _, row := range rows {
		s.ok("before-"+row.name, first)
	}
	second := s.commit("one of three keys", apps("kept"))
	for _, row := range rows {
		s.run(row.name, func(s *scenario) {
			status := s.ok("before-"+row.name, second)
			if data := field(s.same(objects[row.name+"/settings"]), "data"); fmt.Sprint(data) != "map[kept:1]" {
				s.Errorf("the data is %v, want only what Git has", data)
			}
			web := s.same(objects[row.name+"/web"])
			if image := field(web, "spec.template.spec.containers.0.image"); image != "registry.example/web:1" {
				s.Errorf("the image is %v", image)
			}
			for _, name := range managers(web, row.manager) {
				for _, e := range web.GetManagedFields() {
					if e.Manager == name && e.Subresource == "" && strings.Contains(e.FieldsV1.GetRawString(), "f:spec") {
						s.Errorf("%s still owns fields of the spec: %s", name, e.FieldsV1.GetRawString())
					}
				}
			}
			if took := status.History[1].Took; !slices.Contains(took, row.manager) {
				s.Errorf("the record says that it was taken from %v", took)
			}
		})
	}
}

// What another tool tracks is refused with the command that takes it over.
func TestObjectsOfOtherToolsAreRefused(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "foreign")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: foreign}\n")
	o := inNamespace("foreign", configMap("settings", "a", "1"))
	o.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:foreign/settings"})
	before := s.create(o, "argocd-controller")
	s.commit("ours", files{"apps/foreign/a.yaml": documentsOf(configMap("settings", "a", "2"), configMap("other", "a", "1"))})
	status := s.is("foreign", "failed", "OwnedByOther")
	_, message := status.ready()
	s.says(message, "ConfigMap/foreign/settings", "Argo CD application guestbook", "import")
	s.has("ConfigMap/foreign/other", "data.a", "1")
	if now := s.same(before); now.GetResourceVersion() != before.GetResourceVersion() {
		t.Error("the object was written")
	}
}

// Deleting an App by hand leaves its objects in place, and free: another App may take them, and the next of this name too.
func TestDeletedAppLeavesItsObjects(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "orphan")
	s.commit("an app by hand", files{"folders/orphan/a.yaml": configMap("settings", "a", "1"), "apps/orphan-b/a.yaml": configMap("settings", "a", "1")})
	text := "apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: orphan, namespace: plumb-system}\nspec: {repo: orphan, path: folders/orphan}\n"
	s.make(text)
	s.is("orphan", "ok", "Healthy")
	settings, before := s.live("ConfigMap/orphan/settings"), s.now(t)
	s.remove("App/plumb-system/orphan")
	s.absent("App/plumb-system/orphan")
	s.ok("orphan-b", s.commit("the other", files{"apps/orphan-b/a.yaml": configMap("settings", "a", "2")}))
	s.noWrites(t, before, "orphan")

	s.make(text)
	s.is("orphan", "ok", "Healthy")
	s.says(s.same(settings).GetAnnotations()["plumb.dev/owner"], string(s.live("App/plumb-system/orphan").GetUID()))
	s.noDeletes(t, before, "orphan")
}

func inNamespace(namespace, manifest string) *unstructured.Unstructured {
	o := documents(manifest)[0]
	o.SetNamespace(namespace)
	return o
}

func merge(all ...files) files {
	merged := files{}
	for _, f := range all {
		for path, text := range f {
			merged[path] = text
		}
	}
	return merged
}
