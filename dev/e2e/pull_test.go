package e2e

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// comments gives the bodies of the comments on a pull request that are the agent's.
func (g *gitea) comments(repo string, number int) ([]string, error) {
	data, err := g.ask(http.MethodGet, fmt.Sprintf("/repos/acme/%s/issues/%d/comments", repo, number), nil)
	if err != nil {
		return nil, err
	}
	var all []struct{ Body string }
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	var ours []string
	for _, c := range all {
		if strings.HasPrefix(c.Body, "<!-- plumb:") {
			ours = append(ours, c.Body)
		}
	}
	return ours, nil
}

// commented waits until the agent's one comment on a pull request has all of some words, and gives it.
func (s *scenario) commented(g *gitea, number int, words ...string) (body string) {
	s.Helper()
	err := eventually(limit, func() error {
		all, err := g.comments(s.name, number)
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("there are %d comments", len(all))
		}
		for _, w := range words {
			if !strings.Contains(all[0], w) {
				return fmt.Errorf("%q is not in the comment:\n%s", w, all[0])
			}
		}
		body = all[0]
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return body
}

// A pull request gets a status and one comment, which says what merging it does on the cluster; a push to it edits the comment, and
// another merge makes the plan anew.
func TestGiteaPullIsReviewed(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pulled")
	first := s.commitQuietly("one", files{
		"apps/pulled/web.yaml": deployment("web", 1, "registry.example/web:1"),
		"apps/other/a.yaml":    configMap("other", "a", "1"),
		"README.md":            "one\n",
	})
	s.makeRepo()
	s.ok("pulled", first)
	s.ok("other", first)

	number, head := s.opened(g, "more", files{"apps/pulled/web.yaml": deployment("web", 3, "registry.example/web:2")})
	s.told(g, head, "plumb/plan", "success", "1 app", "1 changed")
	s.commented(g, number, "pulled", "registry.example/web:2", "spec.replicas")

	head = s.branched(g, "more", files{"apps/pulled/web.yaml": deployment("web", 2, "registry.example/web:3"), "apps/pulled/b.yaml": configMap("extra", "b", "1")})
	s.told(g, head, "plumb/plan", "success", "1 added", "1 changed")
	s.commented(g, number, "registry.example/web:3", "extra")

	quiet, head := s.opened(g, "words", files{"README.md": "two\n"})
	s.told(g, head, "plumb/plan", "success", "no deployment affected")
	if all, err := g.comments(s.name, quiet); err != nil || len(all) != 0 {
		t.Errorf("a pull request that affects nothing has the comments %q, %v", all, err)
	}

	s.merged(g, "elsewhere", files{"apps/other/a.yaml": configMap("other", "a", "2")})
	s.commented(g, number, "registry.example/web:3", "extra")
	commit := s.merge(g, number)
	s.told(g, commit, "plumb/deploy", "success", "pulled is ok")
	s.told(g, commit, "plumb/plan", "success", fmt.Sprintf("as reviewed in pull request %d", number))
}

// Two commits of a request are compared as one change, however they come to the branch.
func TestGiteaPullIsAsReviewedHoweverItIsMerged(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pull-ways")
	first := s.commitQuietly("one", files{"apps/pull-ways/a.yaml": configMap("settings", "a", "0"), "apps/pull-ways-b/a.yaml": configMap("settings", "a", "0")})
	s.makeRepo()
	s.ok("pull-ways", first)
	for _, way := range []string{"squash", "rebase"} {
		s.branched(g, way, files{"apps/pull-ways/a.yaml": configMap("settings", "a", way)})
		number, head := s.opened(g, way, files{"apps/pull-ways-b/a.yaml": configMap("settings", "a", way)})
		s.told(g, head, "plumb/plan", "success", "2 apps")
		commit := s.mergeBy(g, number, way)
		s.told(g, commit, "plumb/plan", "success", fmt.Sprintf("as reviewed in pull request %d", number))
		if all, err := g.comments(s.name, number); err != nil || len(all) != 1 {
			t.Errorf("%s: the comments are %q, %v", way, all, err)
		}
	}
}

// Who merges something else than what was reviewed is told so, on the commit and on the pull request, with the apps that differ.
func TestGiteaPullIsNotWhatWasReviewed(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	own := g.withOwnDoor(t)
	s := newForgeScenario(t, shared(t), own, "pull-unlike")
	first := s.commitQuietly("one", files{"apps/pull-unlike/a.yaml": configMap("settings", "a", "1"), "apps/pull-like/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.ok("pull-unlike", first)
	number, head := s.opened(g, "more", files{"apps/pull-unlike/a.yaml": configMap("settings", "a", "2"), "apps/pull-like/a.yaml": configMap("settings", "a", "2")})
	s.told(g, head, "plumb/plan", "success", "2 apps")
	s.commented(g, number, "pull-unlike")

	own.shut.Store(true) // the agent cannot see the head that is merged
	s.branched(g, "more", files{"apps/pull-unlike/a.yaml": configMap("settings", "a", "3")})
	commit := s.merge(g, number)
	own.shut.Store(false)
	s.told(g, commit, "plumb/plan", "failure", fmt.Sprintf("not as reviewed in pull request %d: pull-unlike", number))
	err := eventually(limit, func() error {
		all, err := g.comments(s.name, number)
		if err == nil && (len(all) != 2 || !strings.Contains(all[1], "is not what was reviewed") || !strings.Contains(all[1], "pull-unlike") || strings.Contains(all[1], "pull-like")) {
			err = errNotYet("the comments are %q", all)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	s.ok("pull-unlike", commit)
}

// What cannot be rendered or merged fails, with its place.
func TestGiteaPullThatCannotBe(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pull-bad")
	first := s.commitQuietly("one", files{
		"apps/pull-bad/kustomization.yaml": "resources: [a.yaml]\n",
		"apps/pull-bad/a.yaml":             configMap("settings", "a", "1"),
	})
	s.makeRepo()
	s.ok("pull-bad", first)

	broken, head := s.opened(g, "broken", files{"apps/pull-bad/kustomization.yaml": "resources:\n- a.yaml\n- nowhere.yaml\n"})
	s.told(g, head, "plumb/plan", "failure", "pull-bad cannot be rendered", "nowhere.yaml")
	s.commented(g, broken, "nowhere.yaml", "apps/pull-bad")
	head = s.branched(g, "broken", files{"apps/pull-bad/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n"})
	s.told(g, head, "plumb/plan", "success", "1 app")

	clash, head := s.opened(g, "clash", files{"apps/pull-bad/a.yaml": configMap("settings", "a", "mine")})
	s.told(g, head, "plumb/plan", "success", "1 changed")
	s.merged(g, "sooner", files{"apps/pull-bad/a.yaml": configMap("settings", "a", "theirs")})
	s.told(g, head, "plumb/plan", "failure", "conflicts with main", "apps/pull-bad/a.yaml")
	s.commented(g, clash, "apps/pull-bad/a.yaml")
}

// What a fork proposes is not rendered before somebody who may push asks for that very commit, and then without the cluster.
func TestGiteaPullFromAFork(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pull-fork")
	first := s.commitQuietly("one", files{"apps/pull-fork/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.ok("pull-fork", first)
	const password = "of-everybody"
	g.must(t, http.MethodPost, "/admin/users", map[string]any{"username": "fork-eve", "email": "eve@example.com", "password": password, "must_change_password": false})
	eve := &gitea{URL: g.URL, User: "fork-eve", Password: password}
	eve.must(t, http.MethodPost, "/repos/acme/"+s.name+"/forks", map[string]any{})
	s.git("checkout", "-q", "-B", "theirs", "origin/main")
	s.write(files{"apps/pull-fork/a.yaml": configMap("settings", "a", "theirs")})
	s.git("commit", "-q", "-m", "theirs")
	head := s.git("rev-parse", "HEAD")
	s.git("push", "-q", strings.Replace(g.URL, "://", "://fork-eve:"+password+"@", 1)+"/fork-eve/"+s.name+".git", "theirs")
	s.git("checkout", "-q", "main")
	var number int
	if err := eventually(limit, func() error { // it takes Gitea a moment to know what was pushed
		data, err := eve.ask(http.MethodPost, "/repos/acme/"+s.name+"/pulls", map[string]any{"head": "fork-eve:theirs", "base": "main", "title": "theirs"})
		var pull struct{ Number int }
		if err == nil {
			err = json.Unmarshal(data, &pull)
		}
		number = pull.Number
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.told(g, head, "plumb/plan", "pending", "fork", "/plumb plan "+head)
	say := func(as *gitea, text string) {
		t.Helper()
		as.must(t, http.MethodPost, fmt.Sprintf("/repos/acme/%s/issues/%d/comments", s.name, number), map[string]any{"body": text})
	}
	say(eve, "/plumb plan "+head)     // who may not push
	say(g, "/plumb plan "+head[:7])   // and who does not say which commit
	say(g, "/plumb plan now please!") // or says nothing of the kind
	quiet, other := s.opened(g, "own", files{"README.md": "own\n"})
	s.told(g, other, "plumb/plan", "success", "no deployment affected")
	if all, err := g.comments(s.name, number); err != nil || len(all) != 0 {
		t.Errorf("without consent (and pull request %d came later) there are the comments %q, %v", quiet, all, err)
	}
	say(g, "looks fine\n/plumb plan "+head+"\n")
	s.told(g, head, "plumb/plan", "success", "1 changed")
	s.commented(g, number, "theirs")
}

// While the forge is down nothing else waits; when it is up again the pull request is found by the sweep. Hints that come again and
// again, and a new life of the agent, say nothing twice.
func TestGiteaPullIsToldOnce(t *testing.T) {
	g := forgeOf(t)
	w := lives(t)
	own := g.withOwnDoor(t)
	s := newForgeScenario(t, w, own, "pull-once")
	first := s.commitQuietly("one", files{"apps/pull-once/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.ok("pull-once", first)
	s.told(g, first, "plumb/deploy", "success", "pull-once is ok")

	own.shut.Store(true)
	number, head := s.opened(g, "more", files{"apps/pull-once/a.yaml": configMap("settings", "a", "2")})
	if err := eventually(limit, func() error {
		if text := s.said("pull requests are not reviewed", 5); !strings.Contains(text, "pull-once") {
			return fmt.Errorf("nobody says that the forge is down: %s", text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	own.shut.Store(false)
	s.told(g, head, "plumb/plan", "success", "1 changed")
	s.commented(g, number, "settings")

	statuses, talks := own.writes.Load(), own.talks.Load()
	hint := func(number, i int) (code int, said string) {
		body := fmt.Sprintf(`{"action":"edited","number":%d,"pull_request":{"number":%d},"storm":%d}`, number, number, i)
		return s.deliver(s.name, map[string]string{"X-Gitea-Event": "pull_request", "X-Gitea-Signature": hex.EncodeToString(macOf("of-gitea", body))}, body)
	}
	for i := range 50 { // a storm: each is a delivery of its own
		if code, said := hint(number, i); code != http.StatusAccepted {
			t.Fatalf("delivery %d: %d %s", i, code, said)
		}
	}
	if code, said := hint(number, 0); code != http.StatusOK {
		t.Errorf("a repetition: %d %s", code, said)
	}
	s.restarted()
	next, head := s.opened(g, "later", files{"apps/pull-once/b.yaml": configMap("more", "b", "1")})
	if code, said := hint(next, 0); code != http.StatusAccepted { // Gitea knows the address of the life before
		t.Errorf("%d %s", code, said)
	}
	s.told(g, head, "plumb/plan", "success", "1 added")
	s.commented(g, next, "more")
	s.commented(g, number, "settings")
	if now, was := own.talks.Load(), talks; now != was+1 {
		t.Errorf("one pull request came, and %d comments were written", now-was)
	}
	if now, was := own.writes.Load(), statuses; now != was+2 { // pending, and success
		t.Errorf("one pull request came, and %d statuses were written", now-was)
	}
}

// The cluster's own admission policies judge a pull request by the dry run; a new namespace and a new kind in the same request are
// checked against the schemas that are there.
func TestGiteaPullIsJudgedByTheCluster(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pull-law")
	first := s.commitQuietly("one", files{"apps/pull-law/a.yaml": configMap("settings", "mode", "calm")})
	s.makeRepo()
	s.ok("pull-law", first)
	for _, text := range []string{`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: pull-law}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pull-law}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "object.data.mode != 'wild'", message: this cluster is calm}]
`, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: pull-law}
spec: {policyName: pull-law, validationActions: [Deny]}
`} {
		s.make(text)
	}
	defer func() {
		s.remove("ValidatingAdmissionPolicyBinding/pull-law")
		s.remove("ValidatingAdmissionPolicy/pull-law")
	}()
	s.asPeopleClone(g)
	wild := files{"apps/pull-law/a.yaml": configMap("settings", "mode", "wild")}
	s.write(wild)
	if err := eventually(limit, func() error { // the API server takes a policy up by and by
		if r := s.commandWith(t, nil, s.repo.clone, "diff"); !strings.Contains(r.stdout, "this cluster is calm") {
			return fmt.Errorf("plumb diff says %s%s", r.stdout, r.stderr)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.git("reset", "-q", "--hard")
	number, head := s.opened(g, "wild", wild)
	s.told(g, head, "plumb/plan", "failure", "pull-law")
	s.commented(g, number, "this cluster is calm", "ConfigMap/pull-law/settings")

	fresh, head := s.opened(g, "fresh", files{"apps/pull-law-new/a.yaml": documentsOf(configMap("a", "a", "1"),
		strings.NewReplacer("gadgets", "levers", "gadget", "lever", "Gadget", "Lever").Replace(gadgets), "apiVersion: pre.example.com/v1\nkind: Lever\nmetadata: {name: l}\nspec: {size: 1}\n")})
	s.told(g, head, "plumb/plan", "success", "1 app", "added")
	s.commented(g, fresh, "Lever/pull-law-new/l", "the namespace does not exist yet", "the kind is not served yet")
}
