package review

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source/sourcetest"
)

const rules = `rules:
- name: no-debug
  level: deny
  match: {kinds: [ConfigMap]}
  expression: object.?data.a.orValue("") != "debug"
  message: no debug mode
`

// A pull request is judged by the policies of the branch, also where it changes them.
func TestPlanIsJudged(t *testing.T) {
	s := newStudy(t)
	base := s.repo.Commit("main", "base", file("one", config("one", "1")), file("two", config("two", "debug")),
		sourcetest.File("plumb.yaml", "policies: [policies/*.yaml]\n"), sourcetest.File("policies/rules.yaml", rules))
	commit := func(name string, changes ...sourcetest.Change) string {
		return s.repo.CommitOn(base, name, name, changes...)
	}
	milder := sourcetest.File("policies/rules.yaml", strings.Replace(rules, "deny", "warn", 1))
	for _, tt := range []struct {
		reason, commit string
		fork           bool
		findings       []string
		state          string
	}{
		{"what is there already is not the change's", commit("fine", file("one", config("one", "2"))), true, nil, report.PullSuccess},
		{"what it changes is denied", commit("bad", file("one", config("one", "debug"))), false, []string{"deny no-debug one ConfigMap/one apps/one/a.yaml:1"}, report.PullFailure},
		{"of a fork too", commit("theirs", file("one", config("one", "debug"))), true, []string{"deny no-debug one ConfigMap/one apps/one/a.yaml:1"}, report.PullFailure},
		{"it cannot excuse itself", commit("milder", milder, file("one", config("one", "debug"))), false,
			[]string{"deny no-debug one ConfigMap/one apps/one/a.yaml:1", "warn plumb/policy-change   policies/rules.yaml:2:3"}, report.PullFailure},
		{"a change of the policies alone is told", commit("rules", milder), false, []string{"warn plumb/policy-change   policies/rules.yaml:2:3"}, report.PullSuccess},
		{"one that leaves none that can be read is denied", commit("broken", sourcetest.File("policies/rules.yaml", "rules: 1\n")), false, []string{"deny plumb/unreadable   policies/rules.yaml:1:8"}, report.PullFailure},
	} {
		plan := s.plan(tt.commit, tt.fork)
		var got []string
		for _, f := range plan.Findings {
			got = append(got, fmt.Sprintf("%s %s %s %s %s", f.Level, f.Rule, f.App, f.Object, f.Place))
		}
		if state, line := report.PullStatus(plan); !slices.Equal(got, tt.findings) || state != tt.state {
			t.Errorf("%s: %q, %s: %s", tt.reason, got, state, line)
		}
	}
}

// reviewed is a forge that knows reviews of one pull request.
type reviewed struct {
	forge.Pulls
	reviews []forge.Review
}

func (r reviewed) Reviews(context.Context, int) ([]forge.Review, error) { return r.reviews, nil }

func TestWhoApproved(t *testing.T) {
	pull := forge.Pull{Number: 1, Head: forge.Branch{Commit: head}}
	forgeOf := reviewed{reviews: []forge.Review{
		{User: "zoe", Verdict: forge.Approved, Commit: head},
		{User: "ann", Verdict: forge.Approved},
		{User: "old", Verdict: forge.Approved, Commit: strings.Repeat("a", 40)},
		{User: "bob", Verdict: forge.Objected, Commit: head},
	}}
	names, err := approversOf(t.Context(), forgeOf, pull)
	if err != nil || !slices.Equal(names, []string{"ann", "zoe"}) {
		t.Errorf("%q, %v", names, err)
	}
	for _, tt := range []struct {
		reason string
		said   said
		same   bool
	}{
		{"no rule asks", said{}, true},
		{"nobody had approved", said{Approval: approvalOf(nil)}, false},
		{"the same had", said{Approval: approvalOf(names)}, true},
	} {
		if same, err := tt.said.sameApproval(t.Context(), forgeOf, pull); same != tt.same || err != nil {
			t.Errorf("%s: %v, %v", tt.reason, same, err)
		}
	}
	if (said{Head: head, Tip: "tip", Approval: approvalOf(names)}).holds(pull, &Desk{Tip: "tip"}) {
		t.Error("who approved is not asked again")
	}
}
