package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// lawful is a file of policies with one rule that denies.
const lawful = `
rules:
  - name: no-debug
    level: deny
    match: {kinds: [ConfigMap]}
    expression: object.?data.mode.orValue("") != "debug"
    messageExpression: '"ConfigMap " + object.metadata.name + " of " + app.name + " is in debug mode"'
`

// policy: enforce holds back a commit that a rule of its own repository denies, which a push brings without a pull request: what was
// applied is kept true, others go on, no sync overrides it, and a commit that mends it or brings an exception lets it through.
func TestPolicyEnforced(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "lawful")
	s.spec["policy"] = "enforce"
	first := s.commit("lawful", files{
		"plumb.yaml": "policies: [policies/*.yaml]\n", "policies/rules.yaml": lawful,
		"apps/lawful-a/a.yaml": documentsOf(configMap("settings", "mode", "normal"), configMap("kept", "a", "1")), "apps/lawful-b/b.yaml": configMap("settings", "mode", "normal"),
	})
	s.ok("lawful-a", first)
	s.ok("lawful-b", first)

	second := s.commit("debug", files{
		"apps/lawful-a/a.yaml": documentsOf(configMap("settings", "mode", "debug"), configMap("kept", "a", "1"), configMap("more", "a", "1")), "apps/lawful-b/b.yaml": configMap("settings", "mode", "quiet"),
	})
	status := s.is("lawful-a", "failed", "PolicyDenied")
	_, message := status.ready()
	s.says(message, "no-debug", "ConfigMap settings of lawful-a is in debug mode", "apps/lawful-a/a.yaml:1", "plumb check")
	if status.Revision != first || status.Target != second || status.Pending == nil || status.Pending.Count != 2 {
		t.Errorf("%s, pending %v", status, status.pending())
	}
	s.ok("lawful-b", second)
	s.gone("ConfigMap/lawful-a/more")

	s.patch("ConfigMap/lawful-a/kept", "kubectl-edit", "data: {a: by-hand}")
	s.has("ConfigMap/lawful-a/kept", "data.a", "1")
	s.has("ConfigMap/lawful-a/settings", "data.mode", "normal")
	s.plumbs(3, "sync", "lawful-a", "--watch")
	s.is("lawful-a", "failed", "PolicyDenied")
	s.gone("ConfigMap/lawful-a/more")

	third := s.commit("an exception", files{"policies/rules.yaml": lawful + `
exceptions:
  - {rule: no-debug, app: lawful-a, object: ConfigMap/settings, reason: we look for something, by: ann, expires: 2999-01-31}
`})
	s.decided(third)
	s.ok("lawful-a", second)
	s.has("ConfigMap/lawful-a/settings", "data.mode", "debug")
	s.live("ConfigMap/lawful-a/more")

	// Rules that cannot be read let nothing new through, and what runs stays.
	s.commit("broken rules", files{"policies/rules.yaml": "rules: [{name: x}]\n", "apps/lawful-b/b.yaml": configMap("settings", "mode", "loud")})
	status = s.is("lawful-b", "failed", "InvalidSettings")
	s.says(status.Summary, "rules[0].level")
	s.has("ConfigMap/lawful-b/settings", "data.mode", "quiet")
	s.ok("lawful-a", second)
	mended := s.commit("mended", files{"policies/rules.yaml": lawful, "apps/lawful-a/a.yaml": configMap("settings", "mode", "normal"), "apps/lawful-b/b.yaml": configMap("settings", "mode", "loud")})
	s.ok("lawful-b", s.git("rev-parse", "HEAD~1"))
	s.until("lawful-a", func(a appStatus) error {
		if a.Target != mended {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.has("ConfigMap/lawful-a/settings", "data.mode", "normal")
}

// What a commit drops is judged too, with what was applied before, and so is an App by hand that names the Repo.
func TestPolicyEnforcedOnDeletionsAndByHand(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "lawkeep")
	s.spec["policy"] = "enforce"
	rules := lawful + `
  - name: keep-marked
    level: deny
    match: {kinds: [ConfigMap], changes: [delete]}
    expression: before.?data.keep.orValue("") != "yes"
    message: it is marked to be kept
`
	first := s.commit("lawful", files{
		"plumb.yaml": "policies: [policies/*.yaml]\n", "policies/rules.yaml": rules,
		"apps/lawkeep/a.yaml": documentsOf(configMap("kept", "keep", "yes"), configMap("loose", "keep", "no"), configMap("stays", "a", "1")),
		"hand/a.yaml":         configMap("hand", "mode", "normal"),
	})
	s.ok("lawkeep", first)
	s.make("apiVersion: plumb.dev/v1alpha1\nkind: App\nmetadata: {name: lawkeep-hand, namespace: plumb-system}\nspec: {repo: lawkeep, path: hand}\n")
	s.ok("lawkeep-hand", first)

	loose := s.commit("drop what may go", files{"apps/lawkeep/a.yaml": documentsOf(configMap("kept", "keep", "yes"), configMap("stays", "a", "1"))})
	s.ok("lawkeep", loose)
	s.gone("ConfigMap/lawkeep/loose")

	s.commit("drop what may not", files{"apps/lawkeep/a.yaml": configMap("stays", "a", "2"), "hand/a.yaml": configMap("hand", "mode", "debug")})
	status := s.is("lawkeep", "failed", "PolicyDenied")
	_, message := status.ready()
	s.says(message, "apps/lawkeep/a.yaml:1", "keep-marked", "ConfigMap/kept", "it is marked to be kept")
	s.live("ConfigMap/lawkeep/kept")
	s.has("ConfigMap/lawkeep/stays", "data.a", "1")
	status = s.is("lawkeep-hand", "failed", "PolicyDenied")
	_, message = status.ready()
	s.says(message, "no-debug", "hand/a.yaml:1")
	s.has("ConfigMap/lawkeep-hand/hand", "data.mode", "normal")

	mended := s.commit("mended", files{"apps/lawkeep/a.yaml": documentsOf(configMap("kept", "keep", "no"), configMap("stays", "a", "2")), "hand/a.yaml": configMap("hand", "mode", "quiet")})
	s.ok("lawkeep", mended)
	s.ok("lawkeep-hand", mended)
	last := s.commit("it is marked no more", files{"apps/lawkeep/a.yaml": configMap("stays", "a", "2")})
	s.ok("lawkeep", last)
	s.gone("ConfigMap/lawkeep/kept")
}

// A rule that lets nothing be deleted does not deny a move: while the other app has not said what it wants, the commit waits.
func TestPolicyLetsAMoveThrough(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "lawmove")
	s.spec["policy"] = "enforce"
	const rules = `
rules:
  - name: no-deletions
    level: deny
    match: {kinds: [ConfigMap], changes: [delete]}
    expression: "false"
    message: nothing is deleted here
`
	moved := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: moved, namespace: lawmove-a}\ndata: {a: \"1\"}\n"
	const chart = "apiVersion: v2\nname: b\nversion: 1.0.0\n"
	slow := "{{ range until 1500000 }}{{ end }}\n" + configMap("stays", "b", "1") // so that the second app decides late
	put := func(in, out string) files {
		return files{
			"plumb.yaml": "policies: [policies/*.yaml]\n", "policies/rules.yaml": rules,
			"apps/lawmove-a/a.yaml": documentsOf(configMap("stays", "a", "1"), in), "apps/lawmove-b/Chart.yaml": chart, "apps/lawmove-b/templates/b.yaml": documentsOf(slow, out),
		}
	}
	first := s.commit("in the first", put(moved, ""))
	s.ok("lawmove-a", first)
	s.ok("lawmove-b", first)
	live := s.live("ConfigMap/lawmove-a/moved")
	there := s.commit("into the second", put("", moved))
	s.ok("lawmove-a", there)
	s.ok("lawmove-b", there)
	s.same(live)
	for _, app := range []string{"lawmove-a", "lawmove-b"} {
		for _, told := range s.events("App", app) {
			if strings.Contains(told, "PolicyDenied") {
				t.Errorf("%s was told as denied: %s", app, told)
			}
		}
	}
}

// A pull request is judged by the rules of its base: what it changes is denied though it changes the rule too, and what asks for
// approval waits until a member of the group, who is not its author, approves that head.
func TestGiteaPullIsJudged(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "judged")
	const password = "of-a-reviewer"
	people := map[string]*gitea{}
	for _, name := range []string{"judged-ann", "judged-eve"} {
		g.must(t, http.MethodPost, "/admin/users", map[string]any{"username": name, "email": name + "@example.com", "password": password, "must_change_password": false})
		if _, err := g.ask(http.MethodPut, "/repos/acme/"+s.name+"/collaborators/"+name, map[string]any{"permission": "write"}); err != nil {
			t.Fatal(err)
		}
		people[name] = &gitea{URL: g.URL, User: name, Password: password}
	}
	rules := lawful + `
  - name: second-look
    level: approve
    groups: [sre]
    match: {kinds: [ConfigMap], changes: [delete]}
    expression: "false"
    message: a ConfigMap goes
groups:
  - {name: sre, members: [judged-ann]}
`
	first := s.commitQuietly("one", files{
		"plumb.yaml": "policies: [policies/*.yaml]\n", "policies/rules.yaml": rules,
		"apps/judged/a.yaml": configMap("settings", "mode", "normal"), "apps/judged/b.yaml": configMap("goes", "a", "1"),
	})
	s.makeRepo()
	s.ok("judged", first)

	number, head := s.opened(g, "debug", files{
		"apps/judged/a.yaml": configMap("settings", "mode", "debug"), "policies/rules.yaml": strings.Replace(rules, "level: deny", "level: warn", 1),
	})
	s.told(g, head, "plumb/plan", "failure", "denied by no-debug", "is in debug mode")
	comments := string(mustAsk(t, g, fmt.Sprintf("/repos/acme/%s/issues/%d/comments", s.name, number)))
	s.says(comments, "no-debug", "plumb/policy-change", "changes from deny to warn")

	number, head = s.opened(g, "less", files{"apps/judged/b.yaml": ""})
	s.told(g, head, "plumb/plan", "pending", "second-look asks for an approval by sre")
	approve := func(who string) {
		people[who].must(t, http.MethodPost, fmt.Sprintf("/repos/acme/%s/pulls/%d/reviews", s.name, number), map[string]any{"event": "APPROVED", "body": "fine"})
	}
	approve("judged-eve")
	other, quiet := s.opened(g, "words", files{"README.md": "words\n"})
	s.told(g, quiet, "plumb/plan", "success", "no deployment affected")
	s.told(g, head, "plumb/plan", "pending", "second-look asks for an approval by sre")
	approve("judged-ann")
	s.told(g, head, "plumb/plan", "success", "1 app")
	if all := string(mustAsk(t, g, fmt.Sprintf("/repos/acme/%s/issues/%d/comments", s.name, other))); all != "[]\n" && all != "[]" {
		t.Errorf("a pull request that no rule is about has the comments %s", all)
	}
}

// mustAsk reads from the forge.
func mustAsk(t *testing.T, g *gitea, path string) []byte {
	t.Helper()
	data, err := g.ask(http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
