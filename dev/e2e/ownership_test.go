package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
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

// former is a way in which an object came to be before it was ours.
type former struct {
	name string // of the app
	make func(s *scenario, o *unstructured.Unstructured) *unstructured.Unstructured
	took []string // from whom the record says that it was taken
}

// created is an object that a tool made from the client's side; with is what the tool put on it besides.
func created(name, manager string, with func(o *unstructured.Unstructured)) former {
	return former{name, func(s *scenario, o *unstructured.Unstructured) *unstructured.Unstructured {
		if with != nil {
			with(o)
		}
		return s.create(o, manager)
	}, []string{manager}}
}

// appliedBy is an object that a tool made by server-side apply.
func appliedBy(name, manager string, with func(o *unstructured.Unstructured)) former {
	return former{name, func(s *scenario, o *unstructured.Unstructured) *unstructured.Unstructured {
		if with != nil {
			with(o)
		}
		return s.force(o, manager)
	}, []string{manager}}
}

// force is a server-side apply by a tool that takes what others have.
func (s *scenario) force(o *unstructured.Unstructured, manager string) *unstructured.Unstructured {
	s.Helper()
	client, name := s.at(idOf(o))
	data, err := o.MarshalJSON()
	if err != nil {
		s.Fatal(err)
	}
	yes := true
	made, err := client.Patch(s.Context(), name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: manager, Force: &yes})
	if err != nil {
		s.Fatalf("apply %s: %v", idOf(o), err)
	}
	return made
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// copied puts the copy on an object that client-side apply keeps.
func copied(o *unstructured.Unstructured) {
	data, _ := o.MarshalJSON()
	o.SetAnnotations(map[string]string{lastApplied: string(data)})
}

// released puts on an object what Helm puts on all of a release.
func released(o *unstructured.Unstructured) {
	o.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
	o.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "default"})
}

// several is an object that one tool after the other has written: kubectl made it, Argo CD and Flux applied it beside each
// other, and somebody edited it.
func several(s *scenario, o *unstructured.Unstructured) *unstructured.Unstructured {
	copied(o)
	s.create(o, "kubectl-client-side-apply")
	o.SetAnnotations(nil)
	o.SetResourceVersion("")
	s.force(o, "argocd-controller")
	s.force(o, "kustomize-controller")
	if o.GetKind() == "ConfigMap" {
		return s.patch(idOf(o), "kubectl-edit", "data: {edited: \"1\"}")
	}
	return s.edit(idOf(o), "kubectl-edit", "spec: {template: {spec: {containers: [{name: edited, image: registry.example/edited:1}]}}}")
}

// formers are the ways in which objects came to be in clusters before Plumb came.
var formers = []former{
	created("apply", "kubectl-client-side-apply", copied),
	appliedBy("ssa", "kubectl", nil),
	created("create", "kubectl-create", nil),
	created("edit", "kubectl-edit", nil),
	created("helm3", "helm", released),
	appliedBy("helm4", "helm", released),
	created("argo", "argocd-controller", copied), // without its mark: Argo CD has let go of it
	appliedBy("argossa", "argocd-controller", nil),
	appliedBy("flux", "kustomize-controller", nil),
	created("fluxhelm", "helm-controller", released),
	{"several", several, []string{"kubectl-client-side-apply", "argocd-controller", "kustomize-controller", "kubectl-edit"}},
}

// A field that another tool made before goes when Git does not have it: at once, or by a later commit. What the tool kept on
// the object goes with it.
func TestFieldsOfOtherToolsGoWithGit(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "before")
	commits, objects := files{}, map[string]*unstructured.Unstructured{}
	apps := func(keys ...string) files {
		f := files{}
		for _, row := range formers {
			pairs := []string{}
			for _, key := range keys {
				pairs = append(pairs, key, "1")
			}
			f["apps/before-"+row.name+"/a.yaml"] = documentsOf(configMap("settings", pairs...), deployment("web", 1, "registry.example/web:1"))
		}
		return f
	}
	for _, row := range formers {
		namespace := "before-" + row.name
		s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + "}\n")
		for _, text := range []string{configMap("settings", "kept", "1", "later", "1", "gone", "1"), deployment("web", 1, "registry.example/old:1")} {
			o := row.make(s, inNamespace(namespace, text))
			objects[row.name+"/"+o.GetName()] = o
		}
	}
	first := s.commit("two of three keys", merge(commits, apps("kept", "later")))
	for _, row := range formers {
		s.ok("before-"+row.name, first)
	}
	second := s.commit("one of three keys", apps("kept"))
	for _, row := range formers {
		s.run(row.name, func(s *scenario) {
			status := s.ok("before-"+row.name, second)
			settings := s.same(objects[row.name+"/settings"])
			if data := field(settings, "data"); fmt.Sprint(data) != "map[kept:1]" {
				s.Errorf("the data is %v, want only what Git has", data)
			}
			web := s.same(objects[row.name+"/web"])
			if containers := field(web, "spec.template.spec.containers").([]any); len(containers) != 1 || field(web, "spec.template.spec.containers.0.image") != "registry.example/web:1" {
				s.Errorf("the containers are %v", containers)
			}
			for _, o := range []*unstructured.Unstructured{settings, web} {
				for key := range o.GetAnnotations() {
					if key == lastApplied || strings.HasPrefix(key, "meta.helm.sh/") {
						s.Errorf("%s still has the annotation %s", idOf(o), key)
					}
				}
			}
			for _, e := range web.GetManagedFields() {
				if slices.Contains(row.took, e.Manager) && e.Subresource == "" && strings.Contains(e.FieldsV1.GetRawString(), "f:spec") {
					s.Errorf("%s still owns fields of the spec: %s", e.Manager, e.FieldsV1.GetRawString())
				}
			}
			for _, name := range row.took {
				if took := status.History[1].Took; !slices.Contains(took, name) {
					s.Errorf("the record says that it was taken from %v", took)
				}
			}
		})
	}
}

// What another tool tracks is refused with the command that takes it over, whatever the tool; the rest of the app goes on.
// A label that charts set, and a mark that Git itself has, are no such thing.
func TestObjectsOfOtherToolsAreRefused(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "foreign")
	type pairs = map[string]string
	rows := []struct {
		name, manager       string
		labels, annotations pairs
		git                 string // a line of Git's metadata
		of                  string // whose it is; "" if nobody's
	}{
		{"argo", "argocd-controller", nil, pairs{"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:foreign-argo/settings"}, "", "Argo CD application guestbook"},
		{"argolabel", "argocd-controller", pairs{"app.kubernetes.io/instance": "guestbook"}, nil, "", "Argo CD application guestbook"},
		{"flux", "kustomize-controller", pairs{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, nil, "", "Flux Kustomization flux-system/apps"},
		{"fluxhelm", "helm-controller", pairs{"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps"}, nil, "", "Flux HelmRelease apps/web"},
		{"chart", "helm", pairs{"app.kubernetes.io/instance": "guestbook"}, nil, "", ""},
		{"copied", "kubectl-create", nil, pairs{"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:elsewhere/settings"}, "", ""},
		{"ingit", "kubectl-create", nil, pairs{"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:foreign-ingit/settings"},
			"  annotations: {argocd.argoproj.io/tracking-id: \"guestbook:/ConfigMap:foreign-ingit/settings\"}\n", ""},
	}
	fleet, objects := files{}, map[string]*unstructured.Unstructured{}
	for _, row := range rows {
		s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: foreign-" + row.name + "}\n")
		o := inNamespace("foreign-"+row.name, configMap("settings", "a", "1"))
		o.SetLabels(row.labels)
		o.SetAnnotations(row.annotations)
		objects[row.name] = s.create(o, row.manager)
		fleet["apps/foreign-"+row.name+"/a.yaml"] = documentsOf(strings.Replace(configMap("settings", "a", "2"), "metadata:\n", "metadata:\n"+row.git, 1), configMap("other", "a", "1"))
	}
	first := s.commit("ours", fleet)
	for _, row := range rows {
		s.run(row.name, func(s *scenario) {
			app := "foreign-" + row.name
			if row.of == "" {
				status := s.ok(app, first)
				s.has("ConfigMap/"+app+"/settings", "data.a", "2")
				if warned := strings.Contains(strings.Join(status.Warnings, "\n"), "tracking-id"); warned != (row.git != "") {
					s.Errorf("it is warned of %q", status.Warnings)
				}
				return
			}
			status := s.is(app, "failed", "OwnedByOther")
			_, message := status.ready()
			s.says(message, "ConfigMap/"+app+"/settings", row.of, "plumb import --adopt "+app)
			s.has("ConfigMap/"+app+"/other", "data.a", "1")
			if now := s.same(objects[row.name]); now.GetResourceVersion() != objects[row.name].GetResourceVersion() {
				s.Error("the object was written")
			}
		})
	}
}

// The objects of a Helm release are taken over, with a warning that names the release and how Helm forgets it. When it has,
// the warning goes.
func TestObjectsOfAReleaseAreTakenOver(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "release")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: release}\n")
	s.make("apiVersion: v1\nkind: Secret\ntype: helm.sh/release.v1\nmetadata: {name: sh.helm.release.v1.shop.v3, namespace: release, labels: {owner: helm, name: shop, status: deployed, version: \"3\"}}\n")
	o := inNamespace("release", deployment("web", 1, "registry.example/web:1"))
	o.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
	o.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "release"})
	web, before := s.create(o, "helm"), s.now(t)
	first := s.commit("ours", files{"apps/release/a.yaml": deployment("web", 1, "registry.example/web:1")})
	warning := strings.Join(s.ok("release", first).Warnings, "\n")
	s.says(warning, "Helm release release/shop", "helm uninstall would delete", "kubectl -n release delete secret -l owner=helm,name=shop")
	if now := s.same(web); !equality.Semantic.DeepEqual(field(now, "spec"), field(web, "spec")) {
		t.Errorf("the spec of the Deployment was %v, and is %v", field(web, "spec"), field(now, "spec"))
	}
	second := s.commit("more", files{"apps/release/b.yaml": configMap("settings", "a", "1")})
	s.says(strings.Join(s.ok("release", second).Warnings, "\n"), "Helm release release/shop") // also when the objects do not say it any more

	s.remove("Secret/release/sh.helm.release.v1.shop.v3")
	s.sync("release")
	s.until("release", func(a appStatus) error {
		if len(a.Warnings) > 0 {
			return errNotYet("the warnings are %q", a.Warnings)
		}
		return nil
	})
	s.noDeletes(t, before, "release")
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
