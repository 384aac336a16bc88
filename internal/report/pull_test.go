package report

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// told makes what may be told of a difference as it is: its values are of the manifests.
func told(d ObjectDiff) PublicObject { return PublicObject{d} }

func pullPlan() PullPlan {
	web := ObjectDiff{Change: ObjectChanged, Object: object.ID{Group: "apps", Kind: "Deployment", Namespace: "cart", Name: "web"}, Notes: []string{"rolling restart of 3 pods"}, Risks: []Risk{RiskRestart},
		Fields: []diff.FieldChange{{Field: "spec.template.spec.containers[name=web].image", Kind: diff.Changed, From: "registry.example/web:2.8.1", To: "registry.example/web:2.9.0"}}}
	secret := ObjectDiff{Change: ObjectChanged, Object: object.ID{Kind: "Secret", Namespace: "cart", Name: "keys"}, Fields: []diff.FieldChange{{Field: "data.token", Kind: diff.Changed, From: redact.Marker, To: redact.Marker}}}
	claim := ObjectDiff{Change: ObjectDeleted, Object: object.ID{Kind: "PersistentVolumeClaim", Namespace: "ledger", Name: "data"}, Notes: []string{"DELETES DATA"}, Risks: []Risk{RiskDataLoss}}
	drift := ObjectDiff{Change: ObjectChanged, Object: object.ID{Group: "apps", Kind: "Deployment", Namespace: "ledger", Name: "ledger"}, Fields: []diff.FieldChange{{Field: "spec.replicas", Kind: diff.Changed, From: int64(9), To: int64(3)}}}
	image := []ImageChange{{From: "registry.example/web:2.8.1", To: "registry.example/web:2.9.0"}}
	return PullPlan{
		Repo: "fleet", Number: 482, Branch: "main", Head: "a81d004c6e", Tip: "9f31c2a77b", MergeBase: "77ab410d01", URL: "https://plumb.example.com/pr/fleet/482", Unaffected: 209,
		Apps: []PullApp{
			{Address: "cart/prod", Environment: "prod", Change: []PublicObject{told(web), told(secret)}, Images: image},
			{Address: "cart/staging", Environment: "staging", Change: []PublicObject{told(web), told(secret)}, Images: image},
			{Address: "ledger/prod", Environment: "prod", Change: []PublicObject{told(claim)}, Drift: []PublicObject{told(drift)}},
		},
	}
}

// TestPullComment: the comment of a pull request as people read it. The example of docs/pull-requests.md is the same.
func TestPullComment(t *testing.T) {
	const file = "testdata/comment.md"
	got := PullComment(pullPlan())
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if docs, err := os.ReadFile("../../docs/pull-requests.md"); err != nil || !strings.Contains(string(docs), "<!-- comment -->\n"+got+"\n<!-- end -->") {
		t.Errorf("docs/pull-requests.md does not have the comment as it is: %v", err)
	}
	want, err := os.ReadFile(file)
	if err != nil || cmp.Diff(string(want), got) != "" {
		t.Errorf("the comment has changed; look at it and run the test with UPDATE=1: %v\n%s", err, cmp.Diff(string(want), got))
	}
}

// TestPullStatus: the state that a branch protection sees, and the line beside it.
func TestPullStatus(t *testing.T) {
	fails := fault.New(fault.RenderFailed, "patch target Deployment/carts does not exist").At(fault.Place{File: "apps/cart/kustomization.yaml", Line: 7})
	broken := PullApp{Address: "cart/prod", Fault: fails}
	refused := PullApp{Address: "cart", Change: []PublicObject{told(ObjectDiff{Change: ObjectRefused, Object: object.ID{Kind: "Service", Name: "web"}, Notes: []string{"spec.clusterIP: field is immutable"}})}}
	unasked := PullApp{Address: "cart/prod@eu", NotAsked: "the cluster eu does not answer"}
	for _, row := range []struct {
		reason      string
		plan        PullPlan
		state, line string
	}{
		{"nothing is affected", PullPlan{Unaffected: 12}, PullSuccess, "no deployment affected"},
		{"being made", PullPlan{Pending: "the plan of a81d004 is being made"}, PullPending, "the plan of a81d004 is being made"},
		{"the worst first", pullPlan(), PullSuccess, "deletes data in ledger/prod; 3 apps: 4 changed, 1 deleted"},
		{"a render error, with its place", PullPlan{Apps: []PullApp{broken}}, PullFailure, "cart/prod cannot be rendered: apps/cart/kustomization.yaml:7: patch target Deployment/carts does not exist"},
		{"one that the change brings before one that was there", PullPlan{Apps: []PullApp{{Address: "old", Fault: fails, Before: fails}, broken}}, PullFailure, "cart/prod cannot be rendered: apps/cart/kustomization.yaml:7: patch target Deployment/carts does not exist"},
		{"no app can be told", PullPlan{Fault: fault.New(fault.InvalidSettings, "no").At(fault.Place{File: "plumb.yaml"})}, PullFailure, "plumb.yaml: no"},
		{"it cannot be merged", PullPlan{Branch: "main", Conflicts: []string{"a.yaml", "b.yaml"}, Apps: []PullApp{broken}}, PullFailure, "conflicts with main in 2 files: a.yaml"},
		{"what the API server would refuse", PullPlan{Apps: []PullApp{refused}}, PullFailure, "1 object of 1 app would be refused: Service/web spec.clusterIP: field is immutable"},
		{"a rule denies it", PullPlan{Apps: pullPlan().Apps, Findings: []PullFinding{{Level: FindingWarn, Rule: "w"}, {Level: FindingDeny, Rule: "no-latest", Message: "the tag latest"}}}, PullFailure, "denied by no-latest: the tag latest"},
		{"an exception excuses it", PullPlan{Findings: []PullFinding{{Level: FindingDeny, Rule: "no-latest", Excused: "until tomorrow"}}}, PullSuccess, "no deployment affected"},
		{"an approval is missing", PullPlan{Findings: []PullFinding{{Level: FindingApprove, Rule: "rights", Groups: []string{"security", "ops"}}}}, PullPending, "rights asks for an approval by security or ops"},
		{"a cluster does not answer", PullPlan{Apps: []PullApp{unasked}}, PullPending, "cart/prod@eu: the cluster eu does not answer"},
		{"a new app, of which the API server cannot say all", PullPlan{Apps: []PullApp{{Address: "a", Change: []PublicObject{told(ObjectDiff{Change: ObjectAdded, Risks: []Risk{RiskUnchecked}})}}}}, PullSuccess, "1 app: 1 added"},
		{"and the repository lets that pass", PullPlan{Apps: []PullApp{unasked}, Lenient: true}, PullSuccess, "1 app: nothing changes; 1 cluster could not be asked"},
		{"what merging does counts, not the change by itself", PullPlan{Apps: []PullApp{{Address: "a", Change: refused.Change, Differs: true}}}, PullSuccess, "1 app: nothing changes"},
	} {
		state, line := PullStatus(row.plan)
		if state != row.state || line != row.line {
			t.Errorf("%s: %s %q, want %s %q", row.reason, state, line, row.state, row.line)
		}
	}
	if _, line := PullStatus(PullPlan{Pending: strings.Repeat("ä\n", 500)}); len(line) > maxStatus || strings.Contains(line, "\n") {
		t.Errorf("the line is too long, or more than one: %q", line)
	}
}

// TestPullCommentOfTrouble: what cannot be rendered or merged stands above everything else.
func TestPullCommentOfTrouble(t *testing.T) {
	p := pullPlan()
	p.Conflicts = []string{"apps/cart/a.yaml"}
	p.Apps[0].Fault = fault.New(fault.RenderFailed, "the field `x` is unknown").At(fault.Place{File: "apps/cart/a.yaml", Line: 3}).WithNext("remove it")
	p.Apps[1].NotAsked, p.Notes = "ServiceAccount cart may not read", []string{"rules of policy change"}
	p.Findings = []PullFinding{{Level: FindingDeny, Rule: "no-latest", App: "cart/prod", Object: "Deployment/cart/web", Place: "apps/cart/a.yaml:9", Message: "the tag is latest"}}
	p.Apps[2].Differs, p.Apps[2].Allow = true, []string{"Plumb-Allow-Delete: ledger/prod PersistentVolumeClaim/ledger/data"}
	got := PullComment(p)
	for _, want := range []string{"cannot be merged", "```text\nconflicts with main:\n  apps/cart/a.yaml\ncart/prod: apps/cart/a.yaml:3: the field `x` is unknown\n  remove it", "rules of policy change",
		"not checked against the cluster: ServiceAccount cart may not read (`cart/staging`)", "**denied** by `no-latest` `cart/prod` `Deployment/cart/web` `apps/cart/a.yaml:9`: the tag is latest", "# by itself the pull request changes:", "#   Plumb-Allow-Delete: ledger/prod"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the comment:\n%s", want, got)
		}
	}
	if got := PullComment(PullPlan{Pending: "waits for somebody", Apps: p.Apps}); strings.Contains(got, "ledger") {
		t.Errorf("a plan that is not to be told is told:\n%s", got)
	}
	if got := PullComment(PullPlan{URL: "https://x/) [click](https://evil", Branch: "main"}); strings.Contains(got, "evil") {
		t.Errorf("the address breaks out of its link:\n%s", got)
	}
}

// TestPullCommentFoldsTheSame: one change in many objects and apps is told once.
func TestPullCommentFoldsTheSame(t *testing.T) {
	var apps []PullApp
	for i := range 20 {
		app := PullApp{Address: fmt.Sprintf("web/%c", 'a'+i)}
		for j := range 30 {
			app.Change = append(app.Change, told(ObjectDiff{Change: ObjectChanged, Object: object.ID{Kind: "ConfigMap", Name: fmt.Sprint("c", j)},
				Fields: []diff.FieldChange{{Field: "metadata.labels.team", Kind: diff.Changed, From: "old-team", To: "new-team"}}}))
		}
		apps = append(apps, app)
	}
	got := PullComment(PullPlan{Apps: apps})
	if n := strings.Count(got, "new-team"); n != 1 || !strings.Contains(got, "and 22 more") || !strings.Contains(got, "16 more: 30 changed") {
		t.Errorf("the change is told %d times:\n%s", n, got)
	}
}

// TestPullCommentIsBounded: the gravest stays, what was left out is counted and linked.
func TestPullCommentIsBounded(t *testing.T) {
	p := pullPlan()
	for i := range 400 {
		app := PullApp{Address: fmt.Sprintf("filler-%03d/prod", i)}
		for j := range 40 {
			app.Change = append(app.Change, told(ObjectDiff{Change: ObjectChanged, Object: object.ID{Kind: "ConfigMap", Name: fmt.Sprintf("c-%d-%d", i, j)}, Notes: []string{fmt.Sprintf("note %d of %d", j, i)},
				Risks: []Risk{RiskAutoscaler}, Fields: []diff.FieldChange{{Field: "data.a", Kind: diff.Changed, From: strings.Repeat("x", 3000), To: fmt.Sprint(i, j)}}}))
		}
		p.Apps = append([]PullApp{app}, p.Apps...)
	}
	got := PullComment(p)
	if len(got) > MaxComment || !strings.Contains(got, "PersistentVolumeClaim/ledger/data") || !strings.Contains(got, "are left out: they are in [the whole plan](https://plumb.example.com/pr/fleet/482)") {
		t.Errorf("%d bytes:\n%s", len(got), got[:min(len(got), 3000)])
	}
	if !strings.HasPrefix(got, "### Plumb: deletes data in ledger/prod; 403 of 612 apps") {
		t.Errorf("the verdict is %q", got[:80])
	}
}

var tags = regexp.MustCompile(`</?(details|summary)>|<code>[^<>]*</code>`)

// outside gives what of a comment is not code: as CommonMark reads it, blocks first.
func outside(text string) string {
	var rest []string
	fence := ""
	for _, line := range strings.Split(text, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3 && !strings.Contains(line[len(ticks):], "`"):
			fence = ticks
		case fence != "" && len(ticks) >= len(fence) && strings.TrimSpace(line[len(ticks):]) == "":
			fence = ""
		case fence == "":
			rest = append(rest, line)
		}
	}
	var out strings.Builder
	for _, line := range rest {
		out.WriteString(withoutSpans(line) + "\n")
	}
	return tags.ReplaceAllString(out.String(), "")
}

// withoutSpans takes out what lies between two runs of backticks of the same length.
func withoutSpans(line string) string {
	var out strings.Builder
	for line != "" {
		i := strings.IndexByte(line, '`')
		if i < 0 {
			break
		}
		out.WriteString(line[:i])
		line = line[i:]
		run := len(line) - len(strings.TrimLeft(line, "`"))
		end := closing(line[run:], run)
		if end < 0 {
			out.WriteString(line[:run])
			line = line[run:]
			continue
		}
		line = line[run+end+run:]
	}
	return out.String() + line
}

// closing finds a run of exactly n backticks.
func closing(text string, n int) int {
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		if run == n {
			return i
		}
		i += run
	}
	return -1
}

// TestPullCommentIsSafe: whatever names, values and messages hold, it stays code: nobody is mentioned, no HTML is closed, no
// command is given, and no value of a Secret is told.
func TestPullCommentIsSafe(t *testing.T) {
	hostile := rapid.OneOf(
		rapid.SampledFrom([]string{"@everyone", "`@everyone`", "``` \n@everyone", "</details>@everyone", "</code></summary>@everyone", "\n/close\n", "| @everyone |", "````\n/merge", "#1 @everyone", "<!-- @everyone -->", "![x](https://evil/@everyone)", "\u202e@everyone", "`", "``", "a`b``c```d", "https://evil/@everyone", "GH-1 www.evil @everyone", "~~~\n@everyone", "\r\n\r\n@everyone", "\\`@everyone", "<img src=x>"}),
		rapid.StringOf(rapid.RuneFrom([]rune("`@<>|\\\n\r#~/*_[]()!&;: ab1-.\t"))),
	)
	rapid.Check(t, func(t *rapid.T) {
		h := func() string { return hostile.Draw(t, "text") }
		d := ObjectDiff{Change: rapid.SampledFrom([]string{ObjectChanged, ObjectAdded, ObjectRefused, ObjectHeld}).Draw(t, "change"), Object: object.ID{Group: h(), Kind: h(), Namespace: h(), Name: h()}, Notes: []string{h(), h()},
			Risks: []Risk{RiskDataLoss}, Fields: []diff.FieldChange{{Field: h(), Kind: diff.Changed, From: h(), To: h()}, {Field: h(), Kind: diff.Addition, To: map[string]any{h(): []any{h()}}}, {Field: h(), Kind: FieldUnsaid}}}
		app := PullApp{Address: h(), Environment: h(), Cluster: h(), Change: []PublicObject{told(d)}, Waiting: []PublicObject{told(d)}, Drift: []PublicObject{told(d)}, Notes: []string{h()}, Allow: []string{h()}, NotAsked: h(),
			Images: []ImageChange{{From: h(), To: h()}}}
		bad := PullApp{Address: h(), Fault: fault.New(fault.RenderFailed, "%s", h()).At(fault.Place{File: h(), Line: 1}).WithNext("%s", h()), Differs: true, Merged: []PublicObject{told(d)}}
		p := PullPlan{Repo: h(), Branch: h(), Head: h(), Tip: h(), MergeBase: h(), Apps: []PullApp{app, bad}, Conflicts: []string{h()}, Notes: []string{h()},
			Findings: []PullFinding{{Level: FindingDeny, Rule: h(), App: h(), Object: h(), Place: h(), Message: h(), Groups: []string{h()}, Excused: h()}}}
		if rapid.Bool().Draw(t, "whole") {
			p.Conflicts, p.Apps = nil, []PullApp{app}
		}
		for _, p := range []PullPlan{p, {Pending: h(), Branch: h()}} {
			text := PullComment(p)
			rest := outside(text)
			if strings.ContainsAny(rest, "@<>") || strings.Contains(rest, "://") || regexp.MustCompile(`(?m)^\s*/|#\d|!\[`).MatchString(rest) {
				t.Fatalf("not all of it is code:\n%s\n--- outside of code:\n%s", text, rest)
			}
			if _, line := PullStatus(p); len(line) > maxStatus || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("the status line is %q", line)
			}
		}
	})
}
