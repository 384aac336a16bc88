package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// approve approves a pull request as another user, who is made.
func (s *scenario) approve(g *gitea, number int, user string) {
	s.Helper()
	other := &gitea{URL: g.URL, User: user, Password: "a-password-of-tests-1"}
	g.must(s.T, http.MethodPost, "/admin/users", map[string]any{"username": user, "email": user + "@example.com", "password": other.Password, "must_change_password": false})
	if _, err := g.ask(http.MethodPut, "/repos/acme/"+s.name+"/collaborators/"+user, map[string]any{"permission": "write"}); err != nil {
		s.Fatal(err)
	}
	if _, err := other.ask(http.MethodPost, fmt.Sprintf("/repos/acme/%s/pulls/%d/reviews", s.name, number), map[string]any{"event": "APPROVED", "body": "fine"}); err != nil {
		s.Fatal(err)
	}
}

// proposedRevert waits for the pull request that reverts an app's change.
func (s *scenario) proposedRevert(g *gitea, app string) (pull map[string]any, path string) {
	s.Helper()
	s.until(app, func(a appStatus) error {
		if a.Revert == nil || a.Revert.Pull == 0 {
			return errNotYet("%s, and no revert is proposed", a)
		}
		return nil
	})
	number := statusOf(s.live("App/" + system + "/" + app)).Revert.Pull
	path = fmt.Sprintf("/repos/acme/%s/pulls/%d", s.name, number)
	return g.must(s.T, http.MethodGet, path, nil), path
}

// openPulls counts the pull requests that are open.
func (s *scenario) openPulls(g *gitea) int {
	s.Helper()
	data, err := g.ask(http.MethodGet, "/repos/acme/"+s.name+"/pulls?state=open", nil)
	var open []any
	if err == nil {
		err = json.Unmarshal(data, &open)
	}
	if err != nil {
		s.Fatal(err)
	}
	return len(open)
}

// An app that fails at a commit, and asks for it, gets a pull request that takes back what the commit changed for it and for
// nobody else, once, also if the agent starts anew. Its merge brings the app back; it is not reverted itself.
func TestGiteaRevertIsProposed(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "proposed")
	const web, other = "apps/proposed-a/web.yaml", "apps/proposed-b/b.yaml"
	good := s.commitQuietly("good", files{
		web: deployment("web", 1, "registry.example/web:1"), other: configMap("b", "a", "1"), "apps/proposed-a/plumb.yaml": "onFailure: {revert: pr}\n",
	})
	s.makeRepo()
	s.ok("proposed-a", good)
	number, _ := s.opened(g, "broken", files{web: failing("web", "image-pull"), other: configMap("b", "a", "2")})
	s.approve(g, number, "zoe")
	bad := s.merge(g, number)
	s.ok("proposed-b", bad)
	var brought entry // the record knows by which pull request it came, and who approved it
	if err := eventually(limit, func() error {
		for _, e := range s.recorded("proposed-b") {
			if e.Revision != nil && e.Revision.Commit.ID == bad && len(e.Revision.Pulls) > 0 {
				brought = e
				return nil
			}
		}
		return errNotYet("the record of proposed-b has no pull request")
	}); err != nil {
		t.Fatal(err)
	}
	if p := brought.Revision.Pulls[0]; p.Title != "change broken" || p.Author != g.User || len(p.Reviews) != 1 || p.Reviews[0].Verdict != "approved" || p.Reviews[0].User != "zoe" {
		t.Errorf("the record has pull request %+v", p)
	}
	s.says(s.plumbs(0, "history", "proposed-b").stdout, fmt.Sprintf("(#%d, approved by zoe)", number))
	pull, path := s.proposedRevert(g, "proposed-a")
	if head := pull["head"].(map[string]any)["ref"]; head != "plumb/revert/proposed-a-"+bad[:7] {
		t.Errorf("the branch is %v", head)
	}
	s.says(pull["title"].(string), "Revert of proposed-a", bad[:7], good[:7])
	s.says(pull["body"].(string), "Deployment web", "ImagePull", web)
	s.says(fmt.Sprint(pull["labels"]), "plumb-revert")
	if err := eventually(limit, func() error { // what it would do in the cluster is said there as of every pull request
		comments, err := g.ask(http.MethodGet, strings.Replace(path, "/pulls/", "/issues/", 1)+"/comments", nil)
		if err == nil && !strings.Contains(string(comments), "registry.example/web:1") {
			err = fmt.Errorf("the comments are %s", comments)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	changed, err := g.ask(http.MethodGet, path+"/files", nil)
	if err != nil || strings.Contains(string(changed), other) {
		t.Errorf("it changes another app: %s, %v", changed, err)
	}
	if err := eventually(limit, func() error {
		_, err := g.ask(http.MethodPost, path+"/merge", map[string]any{"Do": "merge"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	merge := g.must(t, http.MethodGet, path, nil)["merge_commit_sha"].(string)
	s.ok("proposed-a", merge)
	s.has("Deployment/proposed-a/web", "spec.template.spec.containers.0.image", "registry.example/web:1")
	s.has("ConfigMap/proposed-b/b", "data.a", "2")
	if n := s.openPulls(g); n != 0 {
		t.Errorf("%d pull requests are open", n)
	}
}

// A revert is proposed once, wherever the agent is killed meanwhile: with its commit made, its branch pushed, or its pull
// request opened and nothing written down.
func TestGiteaRevertSurvivesKills(t *testing.T) {
	g := forgeOf(t)
	w := lives(t)
	program := withFailpoints(t)
	s := newForgeScenario(t, w, g, "rekill")
	points := []string{"revert-made", "revert-pushed", "revert-opened"}
	s.restarted()
	good := files{}
	for _, point := range points {
		good["apps/"+point+"/plumb.yaml"] = "onFailure: {revert: pr}\n"
		good["apps/"+point+"/web.yaml"] = deployment("web", 1, "registry.example/web:1")
	}
	first := s.commitQuietly("good", good)
	s.makeRepo()
	for _, point := range points {
		s.ok(point, first)
	}
	for i, point := range points {
		s.kill()
		bad := s.pushUnseen("broken "+point, files{"apps/" + point + "/web.yaml": failing("web", "image-pull")})
		s.diesAt(t, program, point)
		s.restarted()
		pull, _ := s.proposedRevert(g, point)
		if head := pull["head"].(map[string]any)["ref"]; head != "plumb/revert/"+point+"-"+bad[:7] {
			t.Errorf("killed at %s: the branch is %v", point, head)
		}
		if n := s.openPulls(g); n != i+1 {
			t.Errorf("killed at %s: %d pull requests are open, want %d", point, n, i+1)
		}
	}
}

// asPeopleClone makes the clone as people have one: the password comes from a helper.
func (s *scenario) asPeopleClone(g *gitea) {
	s.Helper()
	s.git("remote", "set-url", "origin", g.URL+"/acme/"+s.name+".git")
	s.git("config", "credential.helper", "!f() { echo username="+g.User+"; echo password="+g.Password+"; }; f")
}

// plumb rollback pushes with the person's own credentials, and opens the pull request with their token; without one it says
// where that is done.
func TestGiteaRollback(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "rolledback")
	s.person()
	const web = "apps/rolledback/web.yaml"
	good := s.commitQuietly("good", files{web: deployment("web", 1, "registry.example/web:1")})
	s.makeRepo()
	s.ok("rolledback", good)
	bad := s.commitQuietly("bad", files{web: failing("web", "image-pull")})
	s.is("rolledback", "failed", "HealthDegraded")
	s.asPeopleClone(g)

	said := s.untouched(0, "rollback", "rolledback", "--yes")
	s.says(said.stdout, "pushed plumb/revert/rolledback-"+bad[:7], "next  open the pull request: ", "/acme/rolledback/compare/main...plumb/revert/rolledback-"+bad[:7])
	if n := s.openPulls(g); n != 0 {
		t.Errorf("%d pull requests are open", n)
	}
	r := s.commandWith(t, []string{"GITEA_TOKEN=" + g.Token}, s.repo.clone, "rollback", "rolledback", "--yes", "--now", "--reason", "no such image")
	if r.code != 0 {
		t.Fatalf("plumb rollback ends with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	s.says(r.stdout, "is there already", "pull request #", "rolledback is held at "+good[:7])
	s.heldAt("rolledback", good)
	s.has("Deployment/rolledback/web", "spec.template.spec.containers.0.image", "registry.example/web:1")
	data, err := g.ask(http.MethodGet, "/repos/acme/rolledback/pulls?state=open", nil)
	var open []struct {
		Number int
		Body   string
	}
	if err == nil {
		err = json.Unmarshal(data, &open)
	}
	if err != nil || len(open) != 1 {
		t.Fatalf("the pull requests are %s, %v", data, err)
	}
	s.says(open[0].Body, "no such image", web, "registry.example/web:1")
	s.merge(g, open[0].Number)
	s.until("rolledback", func(a appStatus) error {
		if a.State != "ok" || a.Target == good {
			return errNotYet("%s", a)
		}
		return nil
	})
}

// What was changed again in the same lines is not taken back by half: the pull request says what people have to mend and how, and
// bears a label for it.
func TestGiteaRevertThatConflicts(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "reclash")
	delete(s.spec, "webhook") // the agent is not to see the last commit before it proposes
	const web = "apps/reclash/web.yaml"
	good := s.commitQuietly("good", files{web: deployment("web", 1, "registry.example/web:1"), "apps/reclash/plumb.yaml": "onFailure: {revert: pr}\nwait: {timeout: 8s}\n"})
	s.makeRepo()
	s.ok("reclash", good)
	bad := s.commitQuietly("bad", files{web: failing("web", "never-ready")})
	s.sync("reclash")
	s.until("reclash", func(a appStatus) error {
		if a.Target != bad {
			return errNotYet("%s", a)
		}
		return nil
	})
	later := s.pushUnseen("later", files{web: strings.Replace(failing("web", "never-ready"), "registry.example/web:5", "registry.example/web:6", 1)})
	pull, path := s.proposedRevert(g, "reclash")
	s.says(fmt.Sprint(pull["labels"]), "plumb-revert", "plumb-conflicts")
	s.says(pull["body"].(string), "By hand, please", "git switch plumb/revert/reclash-"+bad[:7], web, "git apply --3way")
	if status := statusOf(s.live("App/" + system + "/reclash")); status.Revert.Conflicts != 1 {
		t.Errorf("the status has %+v", status.Revert)
	}
	if changed, err := g.ask(http.MethodGet, path+"/files", nil); err != nil || strings.Contains(string(changed), "filename") {
		t.Errorf("it changes something: %s, %v", changed, err)
	}
	// What it tells people to do is what mends it.
	s.git("fetch", "-q", "origin", "plumb/revert/reclash-"+bad[:7])
	s.git("checkout", "-q", "FETCH_HEAD")
	if parent := s.git("rev-parse", "HEAD^"); parent != later {
		t.Errorf("it is made on %s, not on the newest commit %s", parent, later)
	}
	apply := exec.Command("sh", "-c", fmt.Sprintf("git diff --binary %s %s -- %s | git apply --3way", bad, good, web))
	apply.Dir = s.repo.clone
	if out, _ := apply.CombinedOutput(); !strings.Contains(string(out), "with conflicts") {
		t.Errorf("the command of the pull request gives %s", out)
	}
	s.git("checkout", "-q", "-f", "main")
}

// A revert that fails is not reverted: nobody wants two automatons to undo each other. It is told why.
func TestGiteaRevertIsNotReverted(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "rerevert")
	const web = "apps/rerevert/web.yaml"
	s.commitQuietly("broken from the start", files{web: failing("web", "image-pull"), "apps/rerevert/plumb.yaml": "onFailure: {revert: pr}\n"})
	s.makeRepo()
	s.is("rerevert", "failed", "HealthDegraded")
	mended := s.commitQuietly("mended", files{web: deployment("web", 1, "registry.example/web:1")})
	s.ok("rerevert", mended)
	s.git("revert", "--no-edit", "HEAD")
	s.git("push", "-q", "origin", "HEAD:main")
	s.is("rerevert", "failed", "HealthDegraded")
	if err := eventually(limit, func() error {
		if text := s.said("a revert is not proposed", 5); !strings.Contains(text, "rerevert") || !strings.Contains(text, "is a revert itself") {
			return fmt.Errorf("nobody says why no revert is proposed: %s", text)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if n := s.openPulls(g); n != 0 {
		t.Errorf("%d pull requests are open", n)
	}
}
