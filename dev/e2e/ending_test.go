package e2e

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const goesWithAll = "plumb.dev/on-delete"

// handmade makes an App by hand of a folder, that goes with its objects if prune is set.
func (s *scenario) handmade(name, path string, prune bool) {
	s.Helper()
	s.make("apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: " + name + ", namespace: plumb-system}\nspec: {repo: " + s.name + ", path: " + path + "}\n")
	if prune {
		s.onDelete(name, "prune")
	}
}

// onDelete says what becomes of an App's objects when it is deleted, and waits until the App bears that.
func (s *scenario) onDelete(app, what string) {
	s.Helper()
	s.patch("App/"+system+"/"+app, "kubectl-annotate", "metadata: {annotations: {"+goesWithAll+": "+what+"}}")
	s.await(s.T, "App/"+system+"/"+app, func(o *unstructured.Unstructured) error {
		if o != nil && o.GetDeletionTimestamp() == nil && slices.Contains(o.GetFinalizers(), goesWithAll) != (what == "prune") {
			return errNotYet("its finalizers are %v", o.GetFinalizers())
		}
		return nil
	})
}

// deletedBy lists what the agent deleted in a namespace.
func (s *scenario) deletedBy(since mark, namespace string) []string {
	s.Helper()
	var names []string
	for _, r := range s.requests(s.T, since, func(r request) bool { return r.deletes() && r.writes() && r.in(namespace) }) {
		names = append(names, r.Object.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// An App that says so goes with its objects, and not before them. What holds data, says never, or is somebody else's stays,
// and it is said which.
func TestOnDeletePrune(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "sunset")
	s.commit("an app by hand", files{
		"folders/sunset/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"), claim("data"),
			marked(configMap("never", "a", "1"), "plumb.dev/prune: never"), marked(configMap("found", "a", "1"), "plumb.dev/wave: \"1\""), hookJob("before", "PreSync", "")),
		"apps/sunset-b/a.yaml": configMap("settings", "a", "1"),
	})
	s.create(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "sunset"}}}, "e2e")
	s.create(inNamespace("sunset", configMap("found", "a", "theirs")), "kubectl-create")
	theirs := s.create(inNamespace("sunset", configMap("theirs", "a", "1")), "kubectl-create")
	s.handmade("sunset", "folders/sunset", true)
	s.until("sunset", func(a appStatus) error {
		if warned := strings.Join(a.Warnings, "\n"); a.State != "ok" || !strings.Contains(warned, "PersistentVolumeClaim/sunset/data") || !strings.Contains(warned, "ConfigMap/sunset/never") {
			return errNotYet("%s; warned of %v", a, a.Warnings)
		}
		return nil
	})
	app := s.live("App/" + system + "/sunset")
	stay := []*unstructured.Unstructured{s.live("PersistentVolumeClaim/sunset/data"), s.live("ConfigMap/sunset/never"), s.live("ConfigMap/sunset/found"), s.live("Namespace/sunset"), theirs}

	before := s.now(t)
	s.remove("App/" + system + "/sunset")
	s.absent("App/" + system + "/sunset")
	for _, id := range []string{"Deployment/sunset/web", "ConfigMap/sunset/settings", "Job/sunset/before"} {
		s.gone(id) // before their App
	}
	for _, o := range stay {
		if s.same(o).GetDeletionTimestamp() != nil {
			t.Errorf("%s is being deleted", idOf(o))
		}
	}
	if deleted := s.deletedBy(before, "sunset"); !slices.Equal(deleted, []string{"before", "settings", "web"}) {
		t.Errorf("deleted were %v", deleted)
	}
	s.absent("Inventory/" + system + "/sunset-0")
	told := s.toldOf(app)
	s.says(told, "3 of its objects stay", "PersistentVolumeClaim/sunset/data", "ConfigMap/sunset/found")
	s.live("ConfigMap/sunset-b/settings")
	s.noDeletes(t, before, "sunset-b")
}

// toldOf gives what the Events of an App say.
func (s *scenario) toldOf(app *unstructured.Unstructured) string {
	s.Helper()
	events, err := s.admin.Resource(kinds["Event"]).Namespace(system).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var notes []string
	for i := range events.Items {
		if field(&events.Items[i], "regarding.uid") == string(app.GetUID()) {
			notes = append(notes, field(&events.Items[i], "note").(string))
		}
	}
	return strings.Join(notes, "\n")
}

// An App that cannot go yet says why, and how to let it go; nothing is removed while it is paused, nor if
// its word is taken back.
func TestOnDeleteWaits(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "dusk")
	held := strings.Replace(configMap("held", "a", "1"), "metadata:\n", "metadata:\n  finalizers: [example.com/slow]\n", 1)
	s.commit("apps by hand", files{"folders/dusk/a.yaml": documentsOf(held, configMap("settings", "a", "1")), "folders/dusk-orphan/a.yaml": configMap("settings", "a", "1"),
		"folders/dusk-paused/a.yaml": configMap("settings", "a", "1"), "apps/dusk-b/a.yaml": configMap("b", "a", "1")})
	before := s.now(t)
	s.handmade("dusk", "folders/dusk", true)
	s.is("dusk", "ok", "Healthy")
	s.remove("App/" + system + "/dusk")
	status := s.is("dusk", "rolling", "Progressing")
	s.says(status.Summary, "deleted with its objects", "1 still there: ConfigMap/dusk/held")
	s.says(s.command(t, s.repo.clone, "why", "dusk").stdout, "ConfigMap/dusk/held", "plumb.dev/on-delete=orphan")
	s.gone("ConfigMap/dusk/settings")
	s.patch("ConfigMap/dusk/held", "e2e", "metadata: {finalizers: null}")
	s.absent("App/" + system + "/dusk")
	s.gone("ConfigMap/dusk/held")

	s.handmade("dusk-orphan", "folders/dusk-orphan", true)
	s.is("dusk-orphan", "ok", "Healthy")
	s.onDelete("dusk-orphan", "orphan")
	s.remove("App/" + system + "/dusk-orphan")
	s.absent("App/" + system + "/dusk-orphan")
	s.live("ConfigMap/dusk-orphan/settings")

	s.handmade("dusk-paused", "folders/dusk-paused", true)
	s.is("dusk-paused", "ok", "Healthy")
	s.patch("App/"+system+"/dusk-paused", "e2e", "spec: {pause: {reason: black friday, by: lena}}")
	s.is("dusk-paused", "paused", "Paused")
	s.remove("App/" + system + "/dusk-paused")
	status = s.is("dusk-paused", "waiting", "Paused")
	s.says(status.Summary, "its objects stay while it is paused by lena")
	s.live("ConfigMap/dusk-paused/settings")
	s.onDelete("dusk-paused", "orphan") // the way out without a deletion
	s.absent("App/" + system + "/dusk-paused")
	s.live("ConfigMap/dusk-paused/settings")
	s.noDeletes(t, before, "dusk-orphan", "dusk-paused")
}

// An App of a Repo that says so goes with its objects, and is made again because Git has it; with its Repo it goes for good.
func TestOnDeletePruneOfARepo(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "twilight")
	first := s.commit("two apps", files{"apps/twilight/a.yaml": configMap("settings", "a", "1"), "apps/twilight-b/a.yaml": configMap("settings", "a", "1")})
	s.ok("twilight", first)
	s.ok("twilight-b", first)
	s.onDelete("twilight", "prune")
	app, settings := s.live("App/"+system+"/twilight"), s.live("ConfigMap/twilight/settings")
	s.remove("App/" + system + "/twilight")
	s.await(t, "ConfigMap/twilight/settings", func(o *unstructured.Unstructured) error {
		if o == nil || o.GetUID() == settings.GetUID() {
			return errNotYet("it was not made again")
		}
		return nil
	})
	s.ok("twilight", first)
	if now := s.live("App/" + system + "/twilight"); now.GetUID() == app.GetUID() || len(now.GetFinalizers()) > 0 {
		t.Errorf("the App is not a new one: %v", now.GetFinalizers())
	}
	s.onDelete("twilight", "prune")
	b, before := s.live("ConfigMap/twilight-b/settings"), s.now(t)
	s.remove("Repo/" + system + "/twilight")
	s.absent("App/" + system + "/twilight")
	s.absent("App/" + system + "/twilight-b")
	s.gone("ConfigMap/twilight/settings")
	s.same(b)
	s.noDeletes(t, before, "twilight-b")
}

// An agent that is killed while an App goes with its objects ends it in its next life; without an agent nothing goes, and
// doctor and why say so.
func TestOnDeleteThroughKills(t *testing.T) {
	w := lives(t)
	program := withFailpoints(t)
	for _, point := range []string{"planned", "before-delete", "after-delete", "carried-out", "written-after", "ended"} {
		t.Run(point, func(t *testing.T) {
			s := newScenario(t, w, "od-"+point)
			app := s.name
			s.restarted()
			s.commit("an app by hand", files{"folders/" + app + "/a.yaml": documentsOf(configMap("one", "a", "1"), configMap("two", "a", "1"), claim("data")), "apps/" + app + "-b/a.yaml": configMap("b", "a", "1")})
			s.handmade(app, "folders/"+app, true)
			s.is(app, "ok", "Healthy")
			bystander := s.create(inNamespace(app, configMap("bystander", "a", "1")), "kubectl-create")
			data, before := s.live("PersistentVolumeClaim/"+app+"/data"), s.now(t)
			s.end(t) // in good order: it is known at once that nobody is there
			s.remove("App/" + system + "/" + app)
			if point == "planned" {
				s.says(s.plumbs(1, "doctor").stdout, "App plumb-system/"+app+" was deleted", "no agent takes them away")
			}
			s.live("ConfigMap/" + app + "/one")
			s.diesAt(t, program, point)
			s.live("App/" + system + "/" + app) // as long as anything is to do, and it was not told that all is done
			s.restarted()
			s.absent("App/" + system + "/" + app)
			s.gone("ConfigMap/" + app + "/one")
			s.gone("ConfigMap/" + app + "/two")
			s.same(bystander)
			s.same(data)
			if deleted := s.deletedBy(before, app); !slices.Equal(deleted, []string{"one", "two"}) {
				t.Errorf("deleted were %v", deleted)
			}
		})
	}
}

// The hooks around the end of an app run once, in their order, when the folder is gone and its deletion was allowed: what Git
// has no more is read from the revision that was applied last. One that fails holds the deletion, and says so.
func TestEndHooksOfAFolder(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "curfew")
	helm := func(name, hook, how string, more ...string) string {
		return marked(job(name, how), append([]string{"helm.sh/hook: " + hook}, more...)...)
	}
	chart := documentsOf(helm("drain", "pre-delete", "slow-start-1s", "helm.sh/hook-weight: \"1\""), helm("ask", "pre-delete", "", "helm.sh/hook-delete-policy: hook-succeeded"),
		helm("clean", "post-delete", ""), configMap("settings", "a", "{{ .Values.a }}"))
	first := s.commit("install", files{"apps/curfew/Chart.yaml": "apiVersion: v2\nname: curfew\nversion: 1.0.0\n", "apps/curfew/values.yaml": "a: \"1\"\n", "apps/curfew/templates/a.yaml": chart,
		"apps/curfew-b/a.yaml": configMap("b", "a", "1"), "apps/curfew-bad/a.yaml": documentsOf(configMap("settings", "a", "1"), marked(job("never", "fail-1"), "argocd.argoproj.io/hook: PreDelete"))})
	s.ok("curfew", first)
	s.ok("curfew-bad", first)
	for _, name := range []string{"drain", "ask", "clean"} {
		s.gone("Job/curfew/" + name)
	}
	before := s.now(t)
	s.commit("the folders go", files{"apps/curfew": "", "apps/curfew-bad": ""})
	s.is("curfew", "waiting", "DeletionHeld")
	s.is("curfew-bad", "waiting", "DeletionHeld")
	if writes := s.writesOf(before, "curfew"); len(writes) > 0 {
		t.Errorf("nobody has allowed it, and yet: %v", writes)
	}
	s.commit("really\n\nPlumb-Allow-Delete: curfew\nPlumb-Allow-Delete: curfew-bad", nil)
	s.absent("ConfigMap/curfew/settings")
	s.has("Job/curfew/clean", "status.succeeded", 1)
	writes := s.writesOf(before, "curfew")
	s.inOrder(writes, "jobs/ask/status", "jobs/drain", "jobs/drain/status", "-configmaps/settings", "jobs/clean")
	for _, name := range []string{"drain", "ask", "clean"} {
		if n := times(writes, "jobs/"+name); n != 1 {
			t.Errorf("%s ran %d times: %v", name, n, writes)
		}
	}
	s.absent("Job/curfew/ask")

	status := s.is("curfew-bad", "failed", "HookFailed")
	s.says(status.Summary, "PreDelete hook Job/curfew-bad/never failed")
	_, message := status.ready()
	s.says(message, "plumb sync runs it again; nothing more is deleted until it succeeds")
	s.live("ConfigMap/curfew-bad/settings")
	s.noConfigMapWent(before, "curfew-bad")
	s.commit("back, without the hook", files{"apps/curfew-bad/a.yaml": configMap("settings", "a", "1")})
	s.is("curfew-bad", "ok", "Healthy")
}

// noConfigMapWent fails the test if the agent deleted a ConfigMap in a namespace.
func (s *scenario) noConfigMapWent(since mark, namespace string) {
	s.Helper()
	for _, w := range s.writesOf(since, namespace) {
		if strings.HasPrefix(w, "-configmaps/") {
			s.Errorf("%s went", w)
		}
	}
}

// The hooks around the end of an App that goes with its objects, also when the agent is killed: each runs once.
func TestEndHooksOfAnApp(t *testing.T) {
	w := lives(t)
	program := withFailpoints(t)
	for _, point := range []string{"planned", "written-ahead", "after-apply", "before-delete", "carried-out", "written-after", "ended"} {
		t.Run(point, func(t *testing.T) {
			s := newScenario(t, w, "eh-"+point)
			app := s.name
			s.restarted()
			s.commit("an app by hand", files{"folders/" + app + "/a.yaml": documentsOf(configMap("settings", "a", "1"), hookJob("backup", "PreDelete", "slow-start-1s"), hookJob("clean", "PostDelete", "")),
				"apps/" + app + "-b/a.yaml": configMap("b", "a", "1")})
			s.handmade(app, "folders/"+app, true)
			s.is(app, "ok", "Healthy")
			s.commit("the folder is gone too", files{"folders": ""})
			s.is(app, "failed", "PathNotFound")
			before := s.now(t)
			s.kill()
			s.remove("App/" + system + "/" + app)
			s.diesAt(t, program, point)
			s.restarted()
			s.absent("App/" + system + "/" + app)
			s.gone("ConfigMap/" + app + "/settings")
			writes := s.writesOf(before, app)
			s.inOrder(writes, "jobs/backup", "jobs/backup/status", "-configmaps/settings", "jobs/clean")
			if times(writes, "jobs/backup") != 1 || times(writes, "jobs/clean") != 1 {
				t.Errorf("a hook did not run once: %v", writes)
			}
		})
	}
}
