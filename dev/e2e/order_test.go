package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// marked gives a manifest with annotations, each "key: value".
func marked(text string, annotations ...string) string {
	return strings.Replace(strings.TrimPrefix(text, "\n"), "metadata:\n", "metadata:\n  annotations:\n    "+strings.Join(annotations, "\n    ")+"\n", 1)
}

// job writes a Job whose pod behaves as how says (plumb.dev/simulate), "" is well.
func job(name, how string) string {
	simulate := ""
	if how != "" {
		simulate = "    metadata: {annotations: {plumb.dev/simulate: " + how + "}}\n"
	}
	return "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: " + name + "\nspec:\n  backoffLimit: 0\n  template:\n" + simulate +
		"    spec:\n      restartPolicy: Never\n      containers: [{name: main, image: registry.example/job:1}]\n"
}

// hookJob writes a Job that is a hook of ours.
func hookJob(name, phase, how string, annotations ...string) string {
	return marked(job(name, how), append([]string{"plumb.dev/hook: " + phase}, annotations...)...)
}

// write is what somebody did to an object: "jobs/before", "jobs/before/status", "-jobs/before" for a deletion.
type write struct {
	text string
	at   time.Time
}

// wrote gives what anybody wrote to the objects of a namespace since a mark, without events and pods, in the order in which it
// reached the API server: the log has that of the answers, and news of a write may travel faster than its answer.
func (s *scenario) wrote(since mark, namespace string) []write {
	s.Helper()
	var all []write
	for _, r := range s.logged(s.T, since, func(r request) bool {
		mutates := r.Verb == "create" || r.Verb == "update" || r.Verb == "patch" || r.Verb == "delete"
		return mutates && r.Status.Code < 300 && r.Object.Namespace == namespace && !strings.Contains(r.RequestURI, "dryRun=") &&
			slices.Contains([]string{"jobs", "configmaps", "deployments", "serviceaccounts", "secrets"}, r.Object.Resource) && r.Object.Name != "kube-root-ca.crt"
	}) {
		text := strings.TrimSuffix(r.Object.Resource+"/"+r.Object.Name+"/"+r.Object.Subresource, "/")
		if r.Verb == "delete" {
			text = "-" + text
		}
		all = append(all, write{text, r.Received})
	}
	slices.SortStableFunc(all, func(a, b write) int { return a.at.Compare(b.at) })
	return all
}

// writesOf gives what wrote gives, without times.
func (s *scenario) writesOf(since mark, namespace string) []string {
	s.Helper()
	var all []string
	for _, w := range s.wrote(since, namespace) {
		all = append(all, w.text)
	}
	return all
}

// apart fails the test unless the second write came so much later than the first.
func (s *scenario) apart(writes []write, least time.Duration, first, second string) {
	s.Helper()
	find := func(text string) int { return slices.IndexFunc(writes, func(w write) bool { return w.text == text }) }
	i, j := find(first), find(second)
	if i < 0 || j < 0 || writes[j].at.Sub(writes[i].at) < least {
		s.Errorf("%s does not come %s after %s in %v", second, least, first, writes)
	}
}

// inOrder fails the test unless the last of each write comes before the first of the next.
func (s *scenario) inOrder(writes []string, steps ...string) {
	s.Helper()
	for i := 1; i < len(steps); i++ {
		before, after := lastIndex(writes, steps[i-1]), slices.Index(writes, steps[i])
		if before < 0 || after < 0 || before > after {
			s.Errorf("%s does not come before %s in %v", steps[i-1], steps[i], writes)
		}
	}
}

func lastIndex(list []string, what string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == what {
			return i
		}
	}
	return -1
}

// times counts a write.
func times(writes []string, what string) int {
	n := 0
	for _, w := range writes {
		if w == what {
			n++
		}
	}
	return n
}

// What comes before a sync gates it, what comes after waits for it to be healthy; each runs once per revision, and not for
// healing.
func TestHooksGate(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "gate")
	before := s.now(t)
	first := s.commit("hooks", files{"apps/gate/a.yaml": documentsOf(
		hookJob("before", "PreSync", "slow-start-8s"), configMap("settings", "a", "1"),
		failing("web", "slow-start-2s"), hookJob("after", "PostSync", ""))})
	status := s.until("gate", func(a appStatus) error {
		if a.State != "rolling" || a.Blocking == nil || a.Blocking.Name != "before" {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.says(status.Summary, "PreSync hook Job/gate/before", "come after it")
	s.ok("gate", first)
	writes := s.writesOf(before, "gate")
	s.inOrder(writes, "jobs/before/status", "configmaps/settings", "jobs/after")
	s.inOrder(writes, "jobs/before/status", "deployments/web", "jobs/after") // side by side with the other
	old := s.live("Job/gate/before")

	healed := s.now(t)
	s.patch("ConfigMap/gate/settings", "kubectl-edit", "data: {a: \"9\"}")
	s.has("ConfigMap/gate/settings", "data.a", "1")
	s.remove("Job/gate/after") // nobody makes it again: a hook is not drift
	s.remove("ConfigMap/gate/settings")
	s.has("ConfigMap/gate/settings", "data.a", "1")
	s.same(old)
	s.gone("Job/gate/after")
	if n := times(s.writesOf(healed, "gate"), "jobs/before"); n != 0 {
		t.Errorf("the hook was written %d times for healing", n)
	}

	next := s.now(t)
	second := s.commit("a change", files{"apps/gate/b.yaml": configMap("more", "a", "1")})
	s.ok("gate", second)
	writes = s.writesOf(next, "gate")
	s.inOrder(writes, "-jobs/before", "jobs/before", "configmaps/more", "jobs/after")
	if now := s.live("Job/gate/before"); now.GetUID() == old.GetUID() {
		t.Error("the hook of the second revision is that of the first")
	}
	if n := times(writes, "jobs/before"); n != 1 {
		t.Errorf("the hook ran %d times in one revision: %v", n, writes)
	}
	s.ok("gate", s.commit("no hooks any more", files{"apps/gate/a.yaml": documentsOf(configMap("settings", "a", "1"), failing("web", ""))}))
	s.live("Job/gate/before") // what a hook has made is no deletion
	if a := s.ok("gate", s.git("rev-parse", "HEAD")); len(a.HeldDeletions) > 0 {
		t.Errorf("held: %v", a.held())
	}
}

// A wave begins when the one before is healthy; negative waves come first, and a Namespace or a definition comes with the
// first that needs it. Removals come last.
func TestWavesWait(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "surge")
	before := s.now(t)
	wave := func(n int) string { return fmt.Sprintf("argocd.argoproj.io/sync-wave: %q", fmt.Sprint(n)) }
	first := s.commit("waves", files{"apps/surge/a.yaml": documentsOf(
		marked(configMap("last", "a", "1"), wave(7)), marked(configMap("second", "a", "1"), wave(1)), failing("web", "slow-start-8s"),
		marked(configMap("early", "a", "1"), wave(-2)), marked(configMap("first", "a", "1"), wave(-10)))})
	status := s.until("surge", func(a appStatus) error {
		if a.State != "rolling" || a.Blocking == nil || a.Blocking.Name != "web" {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.says(status.Summary, "Deployment/surge/web", "2 objects come after it")
	s.ok("surge", first)
	s.inOrder(s.writesOf(before, "surge"), "configmaps/first", "configmaps/early", "deployments/web", "configmaps/second", "configmaps/last")
	s.apart(s.wrote(before, "surge"), 8*time.Second, "deployments/web", "configmaps/second")

	next := s.now(t)
	second := s.commit("the first changes, the last goes", files{"apps/surge/a.yaml": documentsOf(
		marked(configMap("second", "a", "2"), wave(1)), failing("web", "slow-start-2s"), marked(configMap("early", "a", "1"), wave(-2)), marked(configMap("first", "a", "2"), wave(-10)))})
	s.ok("surge", second)
	s.gone("ConfigMap/surge/last")
	s.inOrder(s.writesOf(next, "surge"), "configmaps/first", "deployments/web", "configmaps/second", "-configmaps/last")
	s.apart(s.wrote(next, "surge"), 2*time.Second, "deployments/web", "configmaps/second")
}

// A wave that does not become healthy says so, and what comes after it is not applied; the fix goes on from there.
func TestWaveThatFails(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "ebb")
	s.commit("broken", files{"apps/ebb/a.yaml": documentsOf(failing("db", "image-pull"), marked(configMap("later", "a", "1"), "plumb.dev/wave: \"1\""),
		marked(configMap("told", "a", "1"), "plumb.dev/hook: SyncFail"))})
	status := s.is("ebb", "failed", "HealthDegraded")
	s.says(status.Summary, "Deployment/ebb/db", "ImagePull")
	s.gone("ConfigMap/ebb/later")
	s.ok("ebb", s.commit("mended", files{"apps/ebb/a.yaml": documentsOf(failing("db", ""), marked(configMap("later", "a", "1"), "plumb.dev/wave: \"1\""),
		marked(configMap("told", "a", "1"), "plumb.dev/hook: SyncFail"))}))
	s.live("ConfigMap/ebb/later")
	s.gone("ConfigMap/ebb/told") // a crash may mend itself: it is no end
}

// A hook that fails fails the revision: with what it says, and the end of its log without the values of Secrets. What is for
// failures runs; sync and the next commit try again, and nothing else does.
func TestHookThatFails(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "wreck")
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: wreck-key}\nstringData: {mode: fail-42}\n" // the value stands in the log of a simulated pod
	s.create(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "wreck"}}}, "e2e")
	s.create(inNamespace("wreck", secret), "e2e")
	broken := strings.Replace(hookJob("migrate", "PreSync", "fail-42"), "image: registry.example/job:1", "image: registry.example/job:1, env: [{name: KEY, valueFrom: {secretKeyRef: {name: wreck-key, key: mode}}}]", 1)
	before := s.now(t)
	s.commit("broken", files{"apps/wreck/a.yaml": documentsOf(broken, configMap("settings", "a", "1"), hookJob("told", "SyncFail", ""))})
	status := s.is("wreck", "failed", "HookFailed")
	s.says(status.Summary, "apps/wreck/a.yaml:", "PreSync hook Job/wreck/migrate failed", "BackoffLimitExceeded")
	status = s.until("wreck", func(a appStatus) error {
		if b := a.Blocking; b == nil || b.Name != "migrate" || !strings.Contains(strings.Join(b.Log, "\n"), "fatal: simulated failure") {
			return errNotYet("%s; blocking: %+v", a, b)
		}
		return nil
	})
	if text := strings.Join(status.Blocking.Log, "\n"); strings.Contains(text, "fail-42") || !strings.Contains(text, "‹redacted›") {
		t.Errorf("the log has the value of a Secret, or hides nothing: %s", text)
	}
	why := s.command(t, s.repo.clone, "why", "wreck")
	s.says(why.stdout, "Job/wreck/migrate", "fatal: simulated failure", "plumb sync")
	s.has("Job/wreck/told", "metadata.name", "told")
	s.gone("ConfigMap/wreck/settings")
	s.patch("Job/wreck/told", "e2e", "metadata: {labels: {a: b}}") // news, and no reason to try again
	s.command(t, s.repo.clone, "sync", "wreck")
	if err := eventually(limit, func() error {
		if n := times(s.writesOf(before, "wreck"), "-jobs/migrate"); n != 1 {
			return errNotYet("it was made anew %d times", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	s.is("wreck", "failed", "HookFailed")
	if n := times(s.writesOf(before, "wreck"), "-jobs/migrate"); n != 1 {
		t.Errorf("one request ran it again %d times", n)
	}
	s.ok("wreck", s.commit("mended", files{"apps/wreck/a.yaml": documentsOf(hookJob("migrate", "PreSync", ""), configMap("settings", "a", "1"), hookJob("told", "SyncFail", ""))}))
	s.live("ConfigMap/wreck/settings")
}

// The last hook belongs to the revision like the first: it is not ok before that has succeeded, and fails with it.
func TestLastHook(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "lasthook")
	first := s.commit("one", files{"apps/lasthook/a.yaml": documentsOf(configMap("settings", "a", "1"), hookJob("check", "PostSync", ""))})
	s.ok("lasthook", first)
	s.is("lasthook", "ok", "Healthy")
	if done := field(s.live("Job/lasthook/check"), "status.succeeded"); done != int64(1) {
		t.Errorf("the app is ok, and of its last hook %v have succeeded", done)
	}
	s.commit("two", files{"apps/lasthook/a.yaml": documentsOf(configMap("settings", "a", "2"), hookJob("check", "PostSync", "fail-1"))})
	status := s.is("lasthook", "failed", "HookFailed")
	if status.Revision != first {
		t.Errorf("%s counts as applied, and its last hook failed", status.Revision)
	}
	s.ok("lasthook", s.commit("three", files{"apps/lasthook/a.yaml": documentsOf(configMap("settings", "a", "2"), hookJob("check", "PostSync", ""))}))
}

// Delete policies are kept, names that are generated are new in each revision, and what holds for others' objects holds for
// hooks: nothing is deleted that Plumb did not make.
func TestHookPolicies(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "tide")
	generated := strings.Replace(hookJob("NAME", "PreSync", ""), "  name: NAME\n", "  generateName: seed-\n", 1)
	account := marked("apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: runner\n", "plumb.dev/hook: PreSync", "plumb.dev/wave: \"-1\"", "plumb.dev/hook-delete: HookSucceeded")
	before := s.now(t)
	app := func(rest ...string) string {
		return documentsOf(append([]string{account, generated, hookJob("done", "PreSync", "slow-start-1s", "plumb.dev/hook-delete: HookSucceeded"),
			hookJob("kept", "PostSync", "")}, rest...)...)
	}
	s.ok("tide", s.commit("first", files{"apps/tide/a.yaml": app(configMap("settings", "a", "1"))}))
	writes := s.writesOf(before, "tide")
	s.inOrder(writes, "serviceaccounts/runner", "jobs/done", "jobs/done/status", "configmaps/settings")
	s.inOrder(writes, "jobs/done/status", "-serviceaccounts/runner")
	s.gone("Job/tide/done")
	s.gone("ServiceAccount/tide/runner")
	s.live("Job/tide/kept")
	seeds := func() []string {
		return slices.DeleteFunc(s.list("Job", "tide"), func(name string) bool { return !strings.HasPrefix(name, "seed-") })
	}
	first := seeds()
	if len(first) != 1 || len(first[0]) != len("seed-")+8 {
		t.Errorf("generated: %v", first)
	}
	s.ok("tide", s.commit("second", files{"apps/tide/a.yaml": app(configMap("settings", "a", "2"))}))
	if second := seeds(); len(second) != 1 || slices.Equal(first, second) {
		t.Errorf("generated: %v, then %v", first, second)
	}
	theirs := s.create(inNamespace("tide", job("theirs", "")), "kubectl-create")
	s.commit("a hook of the name of somebody's object", files{"apps/tide/a.yaml": app(configMap("settings", "a", "3"), hookJob("theirs", "PreSync", ""))})
	status := s.is("tide", "failed", "OwnedByOther")
	s.says(status.Summary, "Job/tide/theirs", "not made by this app")
	s.same(theirs)
	s.has("ConfigMap/tide/settings", "data.a", "2")
	failed := s.now(t)
	s.commit("a hook that fails and goes", files{"apps/tide/a.yaml": app(configMap("settings", "a", "3"), hookJob("goes", "PreSync", "fail", "plumb.dev/hook-delete: HookFailed"))})
	s.is("tide", "failed", "HookFailed")
	s.absent("Job/tide/goes")
	if n := times(s.writesOf(failed, "tide"), "-jobs/goes"); n != 1 {
		t.Errorf("deleted %d times", n)
	}
}

// A chart's hooks run when Helm would run them: those of an install once, those of an upgrade from the second revision on.
// Argo CD's marks count before Helm's, and ours before both.
func TestHooksOfOtherTools(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "charts")
	helm := func(name, hook string, more ...string) string {
		return marked(job(name, ""), append([]string{"helm.sh/hook: " + hook}, more...)...)
	}
	chart := documentsOf(helm("install", "pre-install", "helm.sh/hook-weight: \"-5\""), helm("upgrade", "pre-upgrade"), helm("both", "\"pre-install,pre-upgrade\"", "helm.sh/hook-weight: \"3\""),
		helm("late", "post-install"), helm("later", "post-upgrade"), helm("tested", "test"), helm("gone", "pre-delete"), configMap("settings", "a", "{{ .Values.a }}"))
	before := s.now(t)
	first := s.commit("install", files{"apps/charts/Chart.yaml": "apiVersion: v2\nname: charts\nversion: 1.0.0\n", "apps/charts/values.yaml": "a: \"1\"\n", "apps/charts/templates/a.yaml": chart,
		"apps/charts-ours/a.yaml": documentsOf(configMap("settings", "a", "1"),
			marked(job("argo", ""), "argocd.argoproj.io/hook: PostSync", "helm.sh/hook: pre-install"),
			marked(job("ours", ""), "plumb.dev/hook: PreSync", "argocd.argoproj.io/hook: PostSync", "argocd.argoproj.io/sync-wave: \"9\""),
			marked(job("skipped", ""), "argocd.argoproj.io/hook: Skip"))})
	status := s.ok("charts", first)
	if len(status.Warnings) > 0 {
		t.Errorf("warned of %v", status.Warnings)
	}
	writes := s.writesOf(before, "charts")
	s.inOrder(writes, "jobs/install/status", "jobs/both", "jobs/both/status", "configmaps/settings", "jobs/late")
	for _, name := range []string{"upgrade", "later", "tested", "gone"} {
		s.gone("Job/charts/" + name)
	}
	status = s.ok("charts-ours", first)
	s.inOrder(s.writesOf(before, "charts-ours"), "jobs/ours/status", "configmaps/settings", "jobs/argo")
	s.says(strings.Join(status.Warnings, "\n"), "argocd.argoproj.io/sync-wave")
	s.gone("Job/charts-ours/skipped")

	next := s.now(t)
	s.ok("charts", s.commit("upgrade", files{"apps/charts/values.yaml": "a: \"2\"\n"}))
	writes = s.writesOf(next, "charts")
	s.inOrder(writes, "jobs/upgrade/status", "jobs/both", "configmaps/settings", "jobs/later")
	if n := times(writes, "jobs/install") + times(writes, "jobs/late"); n != 0 {
		t.Errorf("hooks of an install ran at an upgrade: %v", writes)
	}
}

// An agent that is killed runs no hook twice and leaves none out, wherever that is.
func TestHooksThroughKills(t *testing.T) {
	w := lives(t)
	program := withFailpoints(t)
	for _, point := range []string{"planned", "written-ahead", "after-apply", "replace-deleted", "replace-gone", "after-replace", "carried-out", "written-after", "judged"} {
		t.Run(point, func(t *testing.T) {
			s := newScenario(t, w, "hk-"+point)
			app := s.name
			s.restarted()
			s.ok(app, s.commit("before", files{"apps/" + app + "/a.yaml": documentsOf(hookJob("first", "PreSync", ""), hookJob("last", "PostSync", ""), configMap("settings", "a", "1"))}))
			before := s.now(t)
			s.kill()
			second := s.pushUnseen("a revision", files{"apps/" + app + "/a.yaml": documentsOf(hookJob("first", "PreSync", ""), hookJob("new", "PreSync", ""), hookJob("last", "PostSync", ""), configMap("settings", "a", "2"))})
			s.diesAt(t, program, point)
			s.restarted()
			s.ok(app, second)
			s.restarted()
			s.ok(app, second)
			made := map[string]int{}
			for _, r := range s.requests(t, before, func(r request) bool {
				return r.in(app) && r.Object.Resource == "jobs" && r.Status.Code == 201 && r.writes()
			}) {
				made[r.Object.Name]++
			}
			if made["first"] != 1 || made["new"] != 1 || made["last"] != 1 {
				t.Errorf("hooks were made so often in one revision: %v", made)
			}
			s.inOrder(s.writesOf(before, app), "jobs/first", "configmaps/settings", "jobs/last")
		})
	}
}
