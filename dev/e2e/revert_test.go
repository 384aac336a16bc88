package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// person gives the clone the name of somebody, as a person's clone has one.
func (s *scenario) person() {
	s.Helper()
	s.git("config", "user.name", "Lena")
	s.git("config", "user.email", "lena@example.com")
}

// untouched runs a verb and fails the test if the clone's working tree, index or branches are not as before.
func (s *scenario) untouched(code int, arguments ...string) result {
	s.Helper()
	look := func() string {
		return s.git("status", "--porcelain", "--untracked-files=all") + s.git("rev-parse", "HEAD") + s.git("for-each-ref", "refs/heads") + s.git("stash", "list")
	}
	before := look()
	r := s.plumbs(code, arguments...)
	if after := look(); after != before {
		s.Errorf("plumb %s has touched the clone: %q, was %q", arguments[0], after, before)
	}
	return r
}

// rolledBack reads what plumb rollback -o json prints.
func rolledBack(t *testing.T, r result) (answer struct {
	App, From, To, Branch string
	Others                []string
	Pushed, Existed       bool
	Preview               struct{ Apps []any }
	Pull                  *struct{ Number int }
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	return answer
}

// mergeRevert merges a branch into main as a person does.
func (s *scenario) mergeRevert(branch string) string {
	s.Helper()
	s.git("fetch", "-q", "origin", branch)
	s.git("merge", "-q", "--no-ff", "--no-edit", "FETCH_HEAD")
	return s.push()
}

// plumb rollback shows in the live cluster what the revert of an app's last change would do, and what it does to the other
// app that shares the file; it asks nobody without a terminal, pushes a branch on request, holds the app meanwhile, and the
// merge ends the Hold. What another app changed in the same commit stays, and a revert is not reverted.
func TestRollback(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "rolled")
	s.person()
	base, a, b := "shared/base/web.yaml", "apps/rolled-a/kustomization.yaml", "apps/rolled-b/kustomization.yaml"
	both := "resources: [../../shared/base]\n"
	good := s.commit("good", files{
		"shared/base/kustomization.yaml": "resources: [web.yaml]\n", base: deployment("web", 1, "registry.example/web:1"),
		a: both, b: both, "apps/rolled-c/c.yaml": configMap("c", "a", "1"),
	})
	for _, app := range []string{"rolled-a", "rolled-b", "rolled-c"} {
		s.ok(app, good)
	}
	bad := s.commit("bad", files{base: deployment("web", 1, "registry.example/web:2"), a: both + "replicas: [{name: web, count: 2}]\n", "apps/rolled-c/c.yaml": configMap("c", "a", "2")})
	s.ok("rolled-a", bad)
	s.ok("rolled-c", bad)
	s.write(files{"notes.txt": "work of mine"})

	said := s.untouched(0, "rollback", "rolled-a")
	s.says(said.stdout, "from "+bad[:7]+" back to "+good[:7], "rolled-a", "rolled-b", "registry.example/web:1", "spec.replicas")
	s.says(said.stderr, "nothing was done", "--yes")
	if strings.Contains(said.stdout, "rolled-c") {
		t.Errorf("another app's change is taken back: %s", said.stdout)
	}
	branch := "plumb/revert/rolled-a-" + bad[:7]
	shown := rolledBack(t, s.untouched(0, "rollback", "rolled-a", "-o", "json"))
	if shown.App != "rolled-a" || shown.From != bad || shown.To != good || shown.Branch != branch || shown.Pushed || len(shown.Others) != 1 || len(shown.Preview.Apps) == 0 {
		t.Errorf("as JSON it is %+v", shown)
	}
	if there := s.git("ls-remote", "origin", "refs/heads/"+branch); there != "" {
		t.Errorf("it pushed without being asked: %s", there)
	}

	said = s.untouched(0, "rollback", "rolled-a", "--now", "--yes", "--reason", "it is slow")
	s.says(said.stdout, "rolled-a is held at "+good[:7], "pushed "+branch, "next  review and merge it")
	s.heldAt("rolled-a", good)
	s.has("Deployment/rolled-a/web", "spec.replicas", 1)
	s.ok("rolled-b", bad)
	s.says(s.untouched(0, "rollback", "rolled-a", "--yes").stdout, "is there already, and is left as it is")
	if done := rolledBack(t, s.untouched(0, "rollback", "rolled-a", "--yes", "-o", "json")); !done.Pushed || !done.Existed || done.Pull != nil {
		t.Errorf("as JSON it is %+v", done)
	}
	s.says(s.plumbs(0, "why", "rolled-a").stdout, "held", "it is slow", bad[:7]+" is not applied")

	s.git("rm", "-q", "--cached", "notes.txt")
	merged := s.mergeRevert(branch)
	s.until("rolled-a", func(a appStatus) error {
		if a.State != "ok" {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.decided(merged)
	s.has("Deployment/rolled-b/web", "spec.template.spec.containers.0.image", "registry.example/web:1")
	s.has("ConfigMap/rolled-c/c", "data.a", "2")
	s.says(s.git("log", "-1", "--format=%an%n%B", "HEAD^2"), "Lena", "it is slow", "Plumb-Reverts: "+bad, "Plumb-App: rolled-a")

	s.says(s.untouched(3, "rollback", "rolled-b").stderr, "is a revert itself", "--to COMMIT")
	s.says(s.untouched(0, "rollback", "rolled-b", "--to", bad[:7]).stdout, "back to "+bad[:7])
	s.plumbs(0, "resume", "rolled-a")
}

// What was changed again in the same lines is not taken back by half: the branch says what people have to mend.
func TestRollbackConflict(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "clash")
	s.person()
	s.ok("clash", s.commit("good", files{"apps/clash/a.yaml": configMap("a", "a", "1"), "apps/clash/b.yaml": configMap("b", "a", "1")}))
	bad := s.commit("bad", files{"apps/clash/a.yaml": configMap("a", "a", "2"), "apps/clash/b.yaml": configMap("b", "a", "2")})
	s.ok("clash", bad)
	later := s.commitQuietly("later", files{"apps/clash/a.yaml": configMap("a", "a", "3")}) // nobody has told the agent
	said := s.untouched(3, "rollback", "clash", "--yes")
	s.says(said.stdout, "changed again since", "apps/clash/a.yaml", "pushed plumb/revert/clash-"+bad[:7])
	s.says(said.stderr, "nothing is taken back yet", "1 file")
	s.git("fetch", "-q", "origin", "plumb/revert/clash-"+bad[:7])
	if diff := s.git("diff", "--stat", later, "FETCH_HEAD"); diff != "" {
		t.Errorf("the branch has half of it: %s", diff)
	}
	s.says(s.git("log", "-1", "--format=%B", "FETCH_HEAD"), "changes nothing yet", "apps/clash/a.yaml")
}
