package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// wouldRun waits until an App tells, for a reason, that it would do something with each of the objects, hooks among them, and
// shows why of those that come later.
func (s *scenario) wouldRun(app, reason string, objects ...string) appStatus {
	s.Helper()
	return s.until(app, func(a appStatus) error {
		if is, _ := a.ready(); a.State != "waiting" || is != reason {
			return errNotYet("%s, want %s", a, reason)
		}
		for _, object := range objects {
			if !slices.ContainsFunc(a.pending(), func(step string) bool { return strings.HasSuffix(step, " "+object) }) {
				return errNotYet("it would do %q, and not %s", a.pending(), object)
			}
		}
		return nil
	})
}

// Where a revision waits for somebody to ask, so do its hooks, and the plan names them; each runs once when it is asked for.
func TestHooksWaitForSync(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "askfirst")
	app := func(value string) files {
		return files{"apps/askfirst/plumb.yaml": "sync: manual\n", "apps/askfirst/a.yaml": documentsOf(
			hookJob("before", "PreSync", ""), configMap("settings", "a", value), hookJob("after", "PostSync", ""))}
	}
	before := s.now(t)
	first := s.commit("one", app("1"))
	s.wouldRun("askfirst", "NeedsSync", "Job/askfirst/before", "ConfigMap/askfirst/settings", "Job/askfirst/after")
	s.says(s.plumbs(0, "why", "askfirst").stdout, "Job/askfirst/before", "plumb sync askfirst")
	s.decided(first)
	s.noWrites(t, before, "askfirst")
	s.sync("askfirst")
	s.ok("askfirst", first)
	s.inOrder(s.writesOf(before, "askfirst"), "jobs/before/status", "configmaps/settings", "jobs/after")
	ran := s.live("Job/askfirst/before")

	next := s.now(t)
	second := s.commit("two", app("2"))
	s.wouldRun("askfirst", "NeedsSync", "ConfigMap/askfirst/settings", "Job/askfirst/before")
	s.same(ran)
	s.noWrites(t, next, "askfirst")
	s.sync("askfirst")
	s.ok("askfirst", second)
	s.synced("askfirst") // once more, and there is nothing to run
	s.synced("askfirst")
	writes := s.writesOf(next, "askfirst")
	s.inOrder(writes, "jobs/before", "configmaps/settings", "jobs/after")
	if times(writes, "jobs/before") != 1 || times(writes, "jobs/after") != 1 {
		t.Errorf("of one revision that was asked for three times: %v", writes)
	}
}

// An app is ok when its last hook has succeeded, and who comes after it begins then, with its own first hook. If the hook
// fails, they wait, and run nothing.
func TestHooksBetweenApps(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "shore")
	fleet := func(value, last string) files {
		return files{
			"apps/shore-db/a.yaml":      documentsOf(configMap("settings", "a", value), hookJob("migrated", "PostSync", last)),
			"apps/shore-web/plumb.yaml": "after: [shore-db]\n",
			"apps/shore-web/a.yaml":     documentsOf(hookJob("before", "PreSync", ""), configMap("settings", "a", value)),
		}
	}
	before := s.now(t)
	first := s.commit("one", fleet("1", "slow-start-2s"))
	s.ok("shore-db", first)
	s.ok("shore-web", first)
	ended, begun := time.Time{}, time.Time{}
	for _, w := range s.wrote(before, "shore-db") {
		if w.text == "jobs/migrated/status" {
			ended = w.at
		}
	}
	for _, w := range slices.Backward(s.wrote(before, "shore-web")) {
		if w.text == "jobs/before" {
			begun = w.at
		}
	}
	if ended.IsZero() || begun.IsZero() || begun.Before(ended) {
		t.Errorf("the last hook of the first app ended at %s, and the first of the second began at %s", ended, begun)
	}
	ran := s.live("Job/shore-web/before")

	s.commit("two, whose last hook fails", fleet("2", "fail-1"))
	s.is("shore-db", "failed", "HookFailed")
	var told struct {
		Can map[string]struct{ Does string }
	}
	s.answered("/apps/plumb-system/shore-db", &told)
	s.says(told.Can["retry"].Does, "runs hook Job/shore-db/migrated again")
	s.says(s.is("shore-web", "waiting", "WaitingForApp").Summary, "shore-db")
	s.same(ran)
	s.has("ConfigMap/shore-web/settings", "data.a", "1")
	third := s.commit("three", fleet("3", ""))
	s.ok("shore-db", third)
	s.ok("shore-web", third)
	s.has("ConfigMap/shore-web/settings", "data.a", "3")
}

// A read-only agent runs no hook and says which it would; the next one runs each once.
func TestReadOnlyRunsNoHook(t *testing.T) {
	s := newScenario(t, lives(t), "watcher")
	s.restarted("--read-only")
	before := s.now(t)
	first := s.commit("hooks", files{"apps/watcher/a.yaml": documentsOf(
		hookJob("before", "PreSync", ""), configMap("settings", "a", "1"), hookJob("after", "PostSync", ""), hookJob("never", "Skip", ""))})
	status := s.wouldRun("watcher", "ReadOnly", "Job/watcher/before", "ConfigMap/watcher/settings", "Job/watcher/after")
	if slices.ContainsFunc(status.pending(), func(step string) bool { return strings.Contains(step, "never") }) {
		t.Errorf("it would do %q", status.pending())
	}
	s.decided(first)
	s.gone("Namespace/watcher")
	s.noWrites(t, before, "watcher")
	s.restarted()
	s.ok("watcher", first)
	writes := s.writesOf(before, "watcher")
	s.inOrder(writes, "jobs/before/status", "configmaps/settings", "jobs/after")
	if times(writes, "jobs/before") != 1 || times(writes, "jobs/after") != 1 {
		t.Errorf("each hook runs once: %v", writes)
	}
}

// A hook that makes no progress for wait.timeout is told with what it waits for and since when. It is followed, not begun
// again: when it succeeds the revision goes on.
func TestHookOutlivesItsTime(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "patience")
	before := s.now(t)
	first := s.commit("slow", files{"apps/patience/plumb.yaml": "wait: {timeout: 2s}\n", "apps/patience/a.yaml": documentsOf(
		hookJob("before", "PreSync", "slow-start-30s"), configMap("settings", "a", "1"))})
	status := s.is("patience", "failed", "HookFailed")
	s.says(status.Summary, "Job/patience/before", "no progress for 2s since ", " UTC")
	if b := status.Blocking; b == nil || b.Kind != "Job" || b.Name != "before" {
		t.Errorf("it is blocked by %+v", b)
	}
	s.says(s.plumbs(0, "why", "patience").stdout, "Job/patience/before", "no progress for 2s")
	s.gone("ConfigMap/patience/settings")
	ran := s.live("Job/patience/before")
	s.ok("patience", first)
	s.same(ran)
	s.live("ConfigMap/patience/settings")
	if n := times(s.writesOf(before, "patience"), "jobs/before"); n != 1 {
		t.Errorf("the hook was written %d times", n)
	}
}
