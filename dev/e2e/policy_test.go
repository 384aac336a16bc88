package e2e

import "testing"

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
