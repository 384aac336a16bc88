package revert_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/revert"
)

const (
	bad   = "9f31c2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	good  = "77ab410aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	older = "0be4411aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func rows(pairs ...string) []v1alpha1.HistoryRow {
	var out []v1alpha1.HistoryRow
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, v1alpha1.HistoryRow{Revision: pairs[i], Result: pairs[i+1]})
	}
	return out
}

func TestChoose(t *testing.T) {
	for _, row := range []struct {
		reason    string
		status    v1alpha1.AppStatus
		to        string
		bad, good string // "" is refused
	}{
		{"back to the last that was ok", v1alpha1.AppStatus{Target: bad, History: rows(bad, "failed", good, "ok", older, "ok")}, "", bad, good},
		{"not to one that failed", v1alpha1.AppStatus{Target: bad, History: rows(bad, "failed", good, "failed", older, "ok")}, "", bad, older},
		{"not to one that was superseded", v1alpha1.AppStatus{Target: bad, History: rows(bad, "ok", good, "superseded", older, "ok")}, "", bad, older},
		{"the newest may have been ok", v1alpha1.AppStatus{Target: bad, History: rows(bad, "ok", good, "ok")}, "", bad, good},
		{"as named", v1alpha1.AppStatus{Target: bad, History: rows(bad, "failed", good, "ok")}, older, bad, older},
		{"held at the one before", v1alpha1.AppStatus{Target: good, Held: &v1alpha1.Held{At: good, Newest: bad}, History: rows(good, "ok", bad, "failed", older, "ok")}, "", bad, good},
		{"no other is known", v1alpha1.AppStatus{Target: bad, History: rows(bad, "failed")}, "", "", ""},
		{"it is there already", v1alpha1.AppStatus{Target: bad}, bad, "", ""},
		{"nothing was applied", v1alpha1.AppStatus{}, "", "", ""},
	} {
		c, err := revert.Choose("cart-prod", "cart/prod", row.status, row.to)
		switch {
		case row.bad == "" && !fault.Is(err, fault.NothingToRevert):
			t.Errorf("%s: %+v, %v", row.reason, c, err)
		case row.bad != "" && (err != nil || c.Bad != row.bad || c.Good != row.good):
			t.Errorf("%s: %+v, %v", row.reason, c, err)
		}
	}
	c, err := revert.Choose("a", "a", v1alpha1.AppStatus{Target: bad, ChangedBy: []string{bad, "config@" + older}, History: rows(bad, "failed", good, "ok")}, "")
	if err != nil || len(c.ChangedBy) != 1 {
		t.Errorf("the commit of another repository is left out: %+v, %v", c, err)
	}
}

func TestDue(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	policy := &v1alpha1.OnFailure{Revert: v1alpha1.RevertByPull}
	failing := func() v1alpha1.AppStatus {
		applied := metav1.NewMicroTime(noon)
		s := v1alpha1.AppStatus{State: v1alpha1.StateFailed, AsOf: &metav1.Time{Time: noon.Add(time.Minute)}, Target: bad, History: rows(bad, "failed", good, "ok")}
		s.History[0].Applied = &applied
		s.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: string(fault.HealthDegraded)}}
		return s
	}
	for _, row := range []struct {
		reason string
		given  func(*v1alpha1.AppStatus)
		policy *v1alpha1.OnFailure
		want   bool
	}{
		{"it fails at a commit", func(*v1alpha1.AppStatus) {}, policy, true},
		{"nobody asked for it", func(*v1alpha1.AppStatus) {}, nil, false},
		{"it is switched off", func(*v1alpha1.AppStatus) {}, &v1alpha1.OnFailure{Revert: v1alpha1.RevertNone}, false},
		{"it is not failed", func(s *v1alpha1.AppStatus) { s.State = v1alpha1.StateRolling }, policy, false},
		{"too late to be the commit's", func(s *v1alpha1.AppStatus) { s.AsOf.Time = noon.Add(11 * time.Minute) }, policy, false},
		{"in a longer window", func(s *v1alpha1.AppStatus) { s.AsOf.Time = noon.Add(11 * time.Minute) }, &v1alpha1.OnFailure{Revert: "pr", Within: "1h"}, true},
		{"after it was healthy", func(s *v1alpha1.AppStatus) { s.History[0].Result = "ok" }, policy, true},
		{"a right is missing: no commit did that", func(s *v1alpha1.AppStatus) { s.Conditions[0].Reason = string(fault.Forbidden) }, policy, false},
		{"a revert of it was proposed", func(s *v1alpha1.AppStatus) { s.Revert = &v1alpha1.ProposedRevert{Of: bad} }, policy, false},
		{"another was proposed within the window", func(s *v1alpha1.AppStatus) {
			s.Revert = &v1alpha1.ProposedRevert{Of: older, At: &metav1.Time{Time: noon.Add(-time.Minute)}}
		}, policy, false},
		{"another was proposed long ago", func(s *v1alpha1.AppStatus) {
			s.Revert = &v1alpha1.ProposedRevert{Of: older, At: &metav1.Time{Time: noon.Add(-time.Hour)}}
		}, policy, true},
		{"it failed before, too", func(s *v1alpha1.AppStatus) { s.History[1].Result = "failed" }, policy, false},
		{"the one between was superseded", func(s *v1alpha1.AppStatus) {
			s.History = append(s.History[:1:1], rows(older, "superseded", good, "ok")...)
		}, policy, true},
		{"its first commit", func(s *v1alpha1.AppStatus) { s.History = s.History[:1] }, policy, false},
		{"in a Hold", func(s *v1alpha1.AppStatus) { s.Held = &v1alpha1.Held{At: bad} }, policy, false},
		{"the row of the target is not there yet", func(s *v1alpha1.AppStatus) { s.Target = older }, policy, false},
	} {
		status := failing()
		row.given(&status)
		c, due := revert.Due("cart-prod", "cart/prod", status, row.policy)
		if due != row.want || due && (c.Bad != bad || c.Good != good) {
			t.Errorf("%s: due %v, %+v", row.reason, due, c)
		}
	}
}

func TestIs(t *testing.T) {
	own := revert.Change{App: "cart-prod", Address: "cart/prod", Bad: bad, Good: good}
	message := own.Message("Deployment/cart: boom", nil)
	subject, body, _ := strings.Cut(message, "\n")
	for _, row := range []struct {
		reason, subject, body string
		want                  bool
	}{
		{"our own", subject, body, true},
		{"our own, squashed to its title", own.Title() + " (#12)", "", true},
		{"our own, in a merge", "Merge pull request 'x' from y", "Plumb-Reverts: " + bad, true},
		{"git's", `Revert "more"`, "This reverts commit " + bad + ".", true},
		{"git's with another subject", "undo", "This reverts commit " + bad + ".", true},
		{"a change", "more of it", "why not", false},
		{"a change that speaks of reverts", "Revert to sender: mail", "We said: This reverts commit x", false},
	} {
		if got := revert.Is(row.subject, row.body); got != row.want {
			t.Errorf("%s: %v", row.reason, got)
		}
	}
}

// What others wrote cannot end a block, mention a person or bring HTML.
func TestBodyIsSafe(t *testing.T) {
	evil := "x\n```\n@everyone <img src=x> `\n# title"
	text := revert.Facts{
		Change: revert.Change{App: "cart", Address: "cart`@a", Bad: bad, Good: good}, Why: evil, Paths: []string{evil}, Conflicts: []string{evil},
		Others: []string{"`@b"}, Preview: []string{evil}, Base: "main",
	}.Body()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "@everyone") && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "git diff") {
			t.Errorf("it stands outside of code: %q", line)
		}
	}
	if strings.Count(text, "\n```") != 2 {
		t.Errorf("another fence than our own:\n%s", text)
	}
}

func TestBranch(t *testing.T) {
	if got := (revert.Change{App: "cart-prod", Bad: bad}).Branch(); got != "plumb/revert/cart-prod-9f31c2a" {
		t.Error(got)
	}
	if got := (revert.Change{App: strings.Repeat("a", 300), Bad: bad}).Branch(); len(got) > 110 {
		t.Error(got)
	}
}
