package board

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

func at2(minutes int) *metav1.MicroTime {
	t := metav1.NewMicroTime(now.Add(time.Duration(minutes) * time.Minute))
	return &t
}

// went makes an App with a history, the newest first.
func went(namespace, address string, state v1alpha1.State, rows ...v1alpha1.HistoryRow) *v1alpha1.App {
	o := target(namespace, address, state, 0)
	o.Status.History = rows
	o.Status.Target, o.Status.Revision = rows[0].Revision, rows[0].Revision
	return o
}

func history3() *Board {
	b := New("life")
	ok := func(id string, seen, healthy int) v1alpha1.HistoryRow {
		return v1alpha1.HistoryRow{Revision: id, Seen: at2(seen), Applied: at2(seen), Healthy: at2(healthy), Result: "ok", Changed: 1}
	}
	b.Put(went("a", "cart/dev", v1alpha1.StateOK, ok("c2", -20, -19), ok("c1", -60, -58)))
	b.Put(went("a", "cart/prod", v1alpha1.StateFailed, v1alpha1.HistoryRow{Revision: "c2", Seen: at2(-20), Applied: at2(-19), Result: "failed", Reason: "HealthDegraded"}, ok("c1", -60, -50)))
	b.Put(went("b", "wiki/dev", v1alpha1.StateOK,
		ok("w3", -5, -4), v1alpha1.HistoryRow{Revision: "w2", Seen: at2(-30), Applied: at2(-30), Result: "failed", Reason: "HealthDegraded"}, ok("w1", -90, -89)))
	b.PutCommit("a/fleet", v1alpha1.CommitLine{ID: "c2", Author: "dana", Subject: "cart: 2.8.1", Time: &metav1.Time{Time: now.Add(-21 * time.Minute)}})
	b.PutCommit("b/fleet", v1alpha1.CommitLine{ID: "w3", Author: "omar", Subject: "wiki: back", Time: &metav1.Time{Time: now.Add(-6 * time.Minute)}})
	return b
}

func TestChanges(t *testing.T) {
	one := Sight{Namespaces: map[string]bool{"b": true}}
	for _, row := range []struct {
		reason string
		sight  Sight
		query  ChangeQuery
		want   string
	}{
		{"what was seen last first, with the worst of its targets", all, ChangeQuery{}, "w3:ok/1 c2:failed/2 w2:failed/1 c1:ok/2 w1:ok/1"},
		{"a person sees the commits of their apps", one, ChangeQuery{}, "w3:ok/1 w2:failed/1 w1:ok/1"},
		{"those in trouble first", all, ChangeQuery{Sort: ByTrouble}, "c2:failed/2 w2:failed/1 w3:ok/1 c1:ok/2 w1:ok/1"},
		{"by author", all, ChangeQuery{Author: []string{"dana"}}, "c2:failed/2"},
		{"by a word of the subject", all, ChangeQuery{Text: "WIKI back"}, "w3:ok/1"},
		{"by the name of an app", all, ChangeQuery{Text: "cart"}, "c2:failed/2 c1:ok/2"},
		{"by state and environment", all, ChangeQuery{State: []string{"failed"}, Env: []string{"prod"}}, "c2:failed/2"},
		{"of an App object", all, ChangeQuery{App: []string{"b/wiki-dev"}}, "w3:ok/1 w2:failed/1 w1:ok/1"},
	} {
		var got string
		for cursor, rounds := "", 0; rounds < 10; rounds++ { // in pages of one
			row.query.Limit, row.query.Cursor = 1, cursor
			page, err := history3().Changes(row.sight, row.query)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Items {
				got += fmt.Sprintf(" %s:%s/%d", c.ID, c.State, len(c.Targets))
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if got != " "+row.want && got+row.want != "" {
			t.Errorf("%s: %q", row.reason, got)
		}
	}
}

// When a commit was seen is told as those of its apps have seen it that a person may see: Apps by hand of two namespaces may share it.
func TestWhenAChangeWasSeen(t *testing.T) {
	b := New("life")
	for namespace, seen := range map[string]int{"a": -60, "b": -10} {
		o := went(namespace, "cart/dev", v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: "c1", Seen: at2(seen), Applied: at2(seen), Result: "ok"})
		o.Labels, o.OwnerReferences = nil, nil
		b.Put(o)
	}
	for namespace, seen := range map[string]int{"a": -60, "b": -10} {
		c, ok := b.Change(Sight{Namespaces: map[string]bool{namespace: true}}, "", "c1")
		if want := now.Add(time.Duration(seen) * time.Minute); !ok || c.Seen == nil || !c.Seen.Equal(want) {
			t.Errorf("whoever sees %s: seen %v, want %v", namespace, c.Seen, want)
		}
	}
}

// A commit that changed more apps than are told of it is still found by each of them, and counted in each of its environments.
func TestAWideChangeIsFoundByEachOfItsApps(t *testing.T) {
	b := New("life")
	for i := range maxTargets + 20 {
		env := "prod"
		if i == maxTargets+10 {
			env = "qa"
		}
		b.Put(went("a", fmt.Sprintf("app-%03d/%s", i, env), v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: "c1", Seen: at2(-20), Applied: at2(-19), Result: "ok"}))
	}
	for reason, q := range map[string]ChangeQuery{
		"by a name": {App: []string{"app-115"}}, "by an App object": {App: []string{"a/app-115-prod"}}, "by a word": {Text: "app-115"}, "by an environment": {Env: []string{"qa"}},
	} {
		page, err := b.Changes(all, q)
		if err != nil || len(page.Items) != 1 || len(page.Items[0].Targets) != maxTargets || counts(page.Facets.Env) != "prod:1 qa:1" {
			t.Errorf("%s: %d, environments %s, %v", reason, len(page.Items), counts(page.Facets.Env), err)
		}
	}
}

// One commit may be of several Repos, where they follow one repository: a person finds it where they see an app of it.
func TestACommitOfSeveralReposIsFoundWhereItIsSeen(t *testing.T) {
	b := New("life")
	for i, namespace := range []string{"a", "b", "c"} { // b is neither the first nor the last
		b.Put(went(namespace, "cart/dev", v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: "c1c1c1c", Seen: at2([]int{-10, -30, -20}[i]), Result: "ok"}))
	}
	for _, namespace := range []string{"a", "b", "c"} {
		c, ok := b.Change(Sight{Namespaces: map[string]bool{namespace: true}}, "", "c1c1c1c")
		if !ok || c.Repo != namespace+"/fleet" || len(c.Targets) != 1 {
			t.Errorf("in %s it is %+v, %v", namespace, c, ok)
		}
	}
	if c, ok := b.Change(Sight{Namespaces: map[string]bool{"d": true}}, "", "c1c1c1c"); ok {
		t.Errorf("who sees none of them is told %+v", c)
	}
}

func TestOneChange(t *testing.T) {
	b := history3()
	c, ok := b.Change(all, "a/fleet", "c2")
	if !ok || c.Subject != "cart: 2.8.1" || len(c.Targets) != 2 || c.Targets[0].Env != "dev" || *c.Targets[0].Took != 60 || c.Targets[1].State != "failed" || c.Targets[1].Why != "it is failed" {
		t.Errorf("%+v", c)
	}
	if _, ok := b.Change(Sight{Namespaces: map[string]bool{"b": true}}, "", "c2"); ok {
		t.Error("a commit is seen by whoever sees none of its apps")
	}
	if row, _ := b.Row(all, "a/cart-dev"); row.Change == nil || row.Change.Author != "dana" {
		t.Errorf("the row does not tell its newest change: %+v", row.Change)
	}
	b.PutEntry("a/fleet", &v1alpha1.Entry{ObjectMeta: metav1.ObjectMeta{Namespace: "a"}, App: "cart-dev", Result: v1alpha1.ResultOK, Revision: &v1alpha1.RevisionEntry{
		Commit: v1alpha1.CommitLine{ID: "c2", Author: "dana", Subject: "cart: 2.8.1"}, Seen: at2(-20), Pulls: []v1alpha1.PullLine{{Number: 482, Author: "dana", Reviews: []v1alpha1.ReviewLine{{User: "ilya", Verdict: "approved"}}}},
	}})
	c, _ = b.Change(all, "", "c2")
	if c.Pull == nil || c.Pull.Number != 482 || len(c.Pull.Reviews) != 1 || *c.Targets[0].Took != 60 {
		t.Errorf("an Entry adds who reviewed, and takes nothing: %+v", c)
	}
	if row, _ := b.Row(all, "a/cart-prod"); row.Change.Pull == nil || row.Change.Pull.Number != 482 {
		t.Error("the row does not lead to the pull request")
	}
}

// Only so many commits are remembered; those that are forgotten do not come back, and the row keeps what it knows.
func TestHistoryIsBounded(t *testing.T) {
	b := New("life")
	for n := range 2 * maxCommits {
		id := commitID(n)
		b.PutCommit("a/fleet", v1alpha1.CommitLine{ID: id, Subject: "number", Time: at3(n)})
		b.Put(went("a", fmt.Sprintf("app%d/dev", n), v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: id, Seen: at2(n), Applied: at2(n), Healthy: at2(n), Result: "ok"}))
	}
	if n := len(b.history.commits); n > maxCommits {
		t.Errorf("%d commits", n)
	}
	at, _ := b.Now()
	again := went("a", "app0/dev", v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: commitID(0), Seen: at2(0), Applied: at2(0), Healthy: at2(0), Result: "ok"})
	again.Status.Objects.Total = 3
	b.Put(again)
	if d := b.Since(all, at); d.Changes || len(d.Rows) != 1 || d.Rows[0].Change == nil {
		t.Errorf("an old commit is news again: %+v", d)
	}
}

func at3(minutes int) *metav1.Time {
	return &metav1.Time{Time: now.Add(time.Duration(minutes) * time.Minute)}
}

func driftOf(t *testing.T, b *Board, sight Sight, q ListQuery) DriftPage {
	t.Helper()
	page, err := b.Drift(sight, q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestDriftByManager(t *testing.T) {
	b := New("life")
	drifted := func(namespace, address string, rows ...v1alpha1.Drift) {
		o := target(namespace, address, v1alpha1.StateDrifted, 1)
		o.Status.Drift = rows
		b.Put(o)
	}
	healed := at3(-3)
	drifted("a", "cart/dev", v1alpha1.Drift{Object: "Deployment/a/x", Field: "spec.replicas", Manager: "vpa", Seen: at3(-9), Healed: healed}, v1alpha1.Drift{Object: "Deployment/a/x", Field: "spec.paused", Manager: "kubectl", Seen: at3(-1)})
	drifted("b", "wiki/dev", v1alpha1.Drift{Object: "Deployment/b/x", Field: "spec.replicas", Manager: "vpa", Seen: at3(-2), Healed: at3(-1)}, v1alpha1.Drift{Object: "Deployment/b/y", Field: "spec.replicas", Manager: "vpa", Seen: at3(-2), Healed: at3(-2)})
	page := driftOf(t, b, all, ListQuery{})
	if page.Open != 1 || page.Healed != 3 || len(page.Groups) != 2 || page.Groups[0].Manager != "kubectl" || page.Groups[1].Fields != 3 || page.Groups[1].Apps != 2 {
		t.Errorf("%+v", page)
	}
	if first := page.Groups[1].Items[0]; first.Object != "Deployment/b/x" {
		t.Errorf("the newest is not first: %+v", first)
	}
	for _, row := range []struct {
		reason string
		q      ListQuery
		fields []string // object and field of the page, in its order
		open   int
		groups int
	}{
		{"what differs now first, then the newest", ListQuery{}, []string{"a/x paused", "b/x replicas", "b/y replicas", "a/x replicas"}, 1, 2},
		{"by app", ListQuery{Sort: "app"}, []string{"a/x paused", "a/x replicas", "b/x replicas", "b/y replicas"}, 1, 2},
		{"by who did it", ListQuery{Chosen: map[string][]string{"manager": {"vpa"}}}, []string{"b/x replicas", "b/y replicas", "a/x replicas"}, 0, 1},
		{"what was undone, in one namespace", ListQuery{Chosen: map[string][]string{"state": {"healed"}, "namespace": {"a"}}}, []string{"a/x replicas"}, 0, 1},
		{"words", ListQuery{Text: "PAUSED cart"}, []string{"a/x paused"}, 1, 1},
	} {
		page := driftOf(t, b, all, row.q)
		var fields []string
		for _, i := range page.Items {
			fields = append(fields, strings.TrimPrefix(i.Object, "Deployment/")+" "+strings.TrimPrefix(i.Field, "spec."))
		}
		if !slices.Equal(fields, row.fields) || page.Open != row.open || len(page.Groups) != row.groups || page.Total != len(fields) {
			t.Errorf("%s: %v, %d open, %d groups, %d in all", row.reason, fields, page.Open, len(page.Groups), page.Total)
		}
	}
	if narrow := driftOf(t, b, Sight{Namespaces: map[string]bool{"b": true}}, ListQuery{}); narrow.Open != 0 || narrow.Healed != 2 {
		t.Errorf("whoever sees one namespace: %+v", narrow)
	}
	drifted("a", "cart/dev")
	if page := driftOf(t, b, all, ListQuery{}); page.Open != 0 || page.Healed != 2 {
		t.Errorf("what is over is still told: %+v", page)
	}
}

func TestFigures(t *testing.T) {
	f := history3().Figures(all, FiguresQuery{Days: 2}, now)
	if f.Deploys != 7 || f.Failed != 2 || f.Recovered != 1 || *f.Recovery != 26*60 || *f.LeadP50 != 120 || f.PerDay != 3.5 || len(f.Buckets) != 2 || f.Buckets[1].Deploys != 7 {
		t.Errorf("%+v", f)
	}
	if f := history3().Figures(all, FiguresQuery{Days: 2, Env: "prod"}, now); f.Deploys != 2 || *f.Rate != 0.5 {
		t.Errorf("prod: %+v", f)
	}
	if f := history3().Figures(Sight{}, FiguresQuery{Days: 2}, now); f.Deploys != 0 || f.Rate != nil || f.LeadP50 != nil {
		t.Errorf("who sees nothing: %+v", f)
	}
}

// A change that was taken back has failed, also one that was healthy; the one that took it back ends that.
func TestFiguresOfReverts(t *testing.T) {
	ok := func(id string, seen, healthy int) v1alpha1.HistoryRow {
		return v1alpha1.HistoryRow{Revision: id, Seen: at2(seen), Applied: at2(seen), Healthy: at2(healthy), Result: "ok"}
	}
	bad := func(id string, seen int) v1alpha1.HistoryRow {
		return v1alpha1.HistoryRow{Revision: id, Seen: at2(seen), Applied: at2(seen), Result: "failed", Reason: "HealthDegraded"}
	}
	for _, row := range []struct {
		reason                               string
		rows                                 []v1alpha1.HistoryRow
		subjects                             map[string]string
		deploys, failed, reverted, recovered int
		recovery                             float64 // minutes; 0 is none
	}{
		{"nothing is wrong", []v1alpha1.HistoryRow{ok("c2000000", -10, -9), ok("c1000000", -20, -19)}, nil, 2, 0, 0, 0, 0},
		{"healthy, and taken back by git", []v1alpha1.HistoryRow{ok("c2000000", -10, -8), ok("c1000000", -20, -19)}, map[string]string{"c1000000": "cart: 2", "c2000000": `Revert "cart: 2"`}, 2, 1, 1, 1, 12},
		{"by a forge's squash, with the number of the pull request", []v1alpha1.HistoryRow{ok("c2000000", -10, -8), ok("c1000000", -20, -19)}, map[string]string{"c1000000": "cart: 2", "c2000000": `Revert "cart: 2" (#12)`}, 2, 1, 1, 1, 12},
		{"failed, and taken back by plumb", []v1alpha1.HistoryRow{ok("c2000000", -10, -8), bad("c1000000", -20)}, map[string]string{"c2000000": "Revert of cart/dev: c100000 back to c000000"}, 2, 1, 1, 1, 12},
		{"taken back, and that is not healthy yet", []v1alpha1.HistoryRow{{Revision: "c2000000", Seen: at2(-10), Applied: at2(-10)}, ok("c1000000", -20, -19)}, map[string]string{"c2000000": "Revert of cart/dev: c100000 back to c000000"}, 2, 1, 1, 0, 0},
		{"what the revert names was not of this app", []v1alpha1.HistoryRow{ok("c2000000", -10, -8), ok("c1000000", -20, -19)}, map[string]string{"c2000000": `Revert "pay: 3"`}, 2, 0, 0, 0, 0},
		{"a failure that comes right by itself is none that was taken back", []v1alpha1.HistoryRow{ok("c2000000", -10, -8), bad("c1000000", -20)}, nil, 2, 1, 0, 1, 12},
	} {
		b := New("life")
		b.Put(went("a", "cart/dev", v1alpha1.StateOK, row.rows...))
		for id, subject := range row.subjects {
			b.PutCommit("a/fleet", v1alpha1.CommitLine{ID: id, Subject: subject})
		}
		f := b.Figures(all, FiguresQuery{Days: 2}, now)
		recovery := 0.0
		if f.Recovery != nil {
			recovery = *f.Recovery / 60
		}
		if f.Deploys != row.deploys || f.Failed != row.failed || f.Reverted != row.reverted || f.Recovered != row.recovered || recovery != row.recovery {
			t.Errorf("%s: %+v, recovery %v min", row.reason, f, recovery)
		}
	}
}

// Figures go back further than the commits that are remembered, whichever way those were heard of, and each deploy counts once.
func TestFiguresGoBackFurther(t *testing.T) {
	b := New("life")
	const commits = 3 * maxCommits
	row := func(n int) v1alpha1.HistoryRow {
		return v1alpha1.HistoryRow{Revision: commitID(n), Seen: at2(n - commits), Applied: at2(n - commits), Healthy: at2(n - commits + 1), Result: "ok"}
	}
	for n := range commits {
		b.PutCommit("a/fleet", v1alpha1.CommitLine{ID: commitID(n), Subject: "number", Time: at3(n - commits - 1)})
		b.Put(went("a", fmt.Sprintf("app%d/dev", n%50), v1alpha1.StateOK, row(n)))
	}
	b.Put(went("a", "app1/dev", v1alpha1.StateOK, row(commits-49), row(1))) // it is told again
	b.RecallEntry("a/fleet", &v1alpha1.Entry{ObjectMeta: metav1.ObjectMeta{Namespace: "a"}, App: "app7-dev", Result: v1alpha1.ResultFailed, Revision: &v1alpha1.RevisionEntry{
		Commit: v1alpha1.CommitLine{ID: "ffffffff", Subject: "older"}, Seen: at2(-commits - 5), Applied: at2(-commits - 5),
	}})
	f := b.Figures(all, FiguresQuery{Days: 30}, now)
	if f.Deploys != commits+1 || f.Failed != 1 || f.LeftOut || !f.Since.Equal(now.Add((-commits-5)*time.Minute)) || *f.LeadP50 != 120 {
		t.Errorf("%d deploys, %d failed, lead %v, since %s, left out %v", f.Deploys, f.Failed, *f.LeadP50, f.Since, f.LeftOut)
	}
}

// What is kept for figures is bounded, and they say that something is left out.
func TestThePastIsBounded(t *testing.T) {
	h := newHistory()
	for n := range maxDeploys + 1 {
		h.past.put(newCommit(commitKey{"a/fleet", commitID(n)}), "a/cart-dev", step{app: "cart", env: "dev", seen: now.UnixMicro() + int64(n), applied: 1})
	}
	if n := len(h.past.apps[0].deploys); n > maxDeploys || n < maxDeploys*3/4 || len(h.past.known) != n {
		t.Errorf("%d deploys, %d counted", n, len(h.past.known))
	}
	b := New("life")
	b.history = h
	if f := b.Figures(all, FiguresQuery{Days: 30}, now.Add(time.Hour)); !f.LeftOut || f.Deploys != len(h.past.known) {
		t.Errorf("%d deploys, left out %v", f.Deploys, f.LeftOut)
	}
	h.past.put(newCommit(commitKey{"a/fleet", "old"}), "a/cart-dev", step{app: "cart", seen: now.UnixMicro(), applied: 1})
	if h.past.apps[0].deploys[0].seen <= h.past.floor {
		t.Error("what was forgotten comes back")
	}
}

func TestRepoRow(t *testing.T) {
	ready := func(status metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: "m"}}
	}
	seen := &v1alpha1.Observed{Revision: "c1", Time: metav1.NewTime(now), By: "poll"}
	for _, row := range []struct {
		reason string
		status v1alpha1.RepoStatus
		want   string
	}{
		{"nothing was read yet", v1alpha1.RepoStatus{}, "new"},
		{"read and decided", v1alpha1.RepoStatus{Observed: seen, Conditions: ready("True", "Healthy")}, "ok"},
		{"its apps are in trouble, it is not", v1alpha1.RepoStatus{Observed: seen, Conditions: ready("False", "HealthDegraded")}, "ok"},
		{"some apps are not decided", v1alpha1.RepoStatus{Observed: seen, DecidingCount: 2, Conditions: ready("Unknown", "Planning")}, "deciding"},
		{"it cannot be read", v1alpha1.RepoStatus{Observed: seen, StaleSince: at3(-5), Conditions: ready("False", "FetchFailed")}, "failed"},
		{"a folder in it is no app", v1alpha1.RepoStatus{Observed: seen, Conditions: append(ready("True", "Healthy"), metav1.Condition{Type: v1alpha1.ConditionFoldersRead, Status: metav1.ConditionFalse, Reason: "NameInvalid", Message: "apps/Cart"})}, "failed"},
		{"it could never be read", v1alpha1.RepoStatus{Conditions: ready("False", "CredentialsRefused")}, "failed"},
	} {
		if got := repoRow(&v1alpha1.Repo{Status: row.status}, time.Time{}); got.State != row.want || (got.State == "failed") != (got.Message != "") {
			t.Errorf("%s: %s, %q", row.reason, got.State, got.Message)
		}
	}
}

func TestNoCredentialOfAnAddressIsShown(t *testing.T) {
	for address, want := range map[string]string{
		"https://git.example/a.git":             "https://git.example/a.git",
		"https://lena:planted@git.example/a":    "https://***@git.example/a",
		"HTTPS://planted@git.example/a":         "HTTPS://***@git.example/a",
		"https://lena:plan@ted@git.example/a":   "https://***@git.example/a",
		"ssh://git@git.example/a":               "ssh://git@git.example/a",
		"ssh://git:planted@git.example/a":       "ssh://git:***@git.example/a",
		"git@git.example:a/b.git":               "git@git.example:a/b.git",
		"https://git.example/people/lena@a.git": "https://git.example/people/lena@a.git",
	} {
		r := v1alpha1.Repo{Spec: v1alpha1.RepoSpec{URL: address, Forge: &v1alpha1.Forge{URL: address}}}
		if got := repoRow(&r, time.Time{}); got.URL != want || got.Forge.URL != want {
			t.Errorf("%s is shown as %s, %s", address, got.URL, got.Forge.URL)
		}
	}
}
