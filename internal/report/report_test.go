package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/state"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 11, 20, 14, 10, 0, 0, time.UTC)

func at(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }

// target makes an App object in a state, with an applied and a wanted commit.
func target(app, env, cluster string, state v1alpha1.State, revision string) v1alpha1.App {
	name := strings.Trim(app+"-"+env+"-"+cluster, "-")
	return v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: name},
		Spec:       v1alpha1.AppSpec{Repo: "fleet", Path: "apps/" + app, App: app, Env: env, Cluster: cluster},
		Status: v1alpha1.AppStatus{
			State: state, Summary: revision + " is " + Word(state), AsOf: at(3 * time.Minute),
			Revision: revision + "000000", Target: revision + "000000", Health: v1alpha1.Healthy,
			Objects: v1alpha1.Counts{Total: 9},
			History: []v1alpha1.HistoryRow{{Revision: revision + "000000", Applied: &metav1.MicroTime{Time: now.Add(-3 * time.Minute)}}},
		},
	}
}

func condition(reason fault.Reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: string(reason), Message: message}}
}

// fleet is the fleet of the golden files: every state once, trouble with causes, and twelve apps.
func fleet() Fleet {
	cart := target("cart", "prod", "us-1", v1alpha1.StateWaiting, "77ab410")
	cart.Status.WaitingFor = []v1alpha1.WaitingFor{{Kind: "App", Name: "cart-prod"}}
	rolling := target("cart", "prod", "", v1alpha1.StateRolling, "77ab410")
	rolling.Status.Target, rolling.Status.Summary = "9f31c2a000", "9f31c2a is rolling out: Deployment/cart 3/5 ready"
	ledger := target("ledger", "prod", "", v1alpha1.StateDrifted, "41d0aa7")
	ledger.Status.Objects.Drifted = 1
	ledger.Status.Drift = []v1alpha1.Drift{{
		Object: "Deployment/ledger/ledger", Field: "spec.replicas", Kind: "changed", Git: "3", Live: "9",
		Manager: "kubectl", Operation: "Update", Subresource: "scale", Time: at(time.Minute), Seen: at(59 * time.Second),
	}}
	ledger.Status.Conditions = condition(fault.Drifted, "spec.replicas of Deployment/ledger differs from Git and healing is off (apps/ledger/plumb.yaml:6)")
	search := target("search", "staging", "", v1alpha1.StateFailed, "5c2e910")
	search.Status.Health = v1alpha1.Degraded
	search.Status.Summary = "5c2e910 is not healthy: Deployment/search-api cannot pull its image"
	search.Status.Blocking = &v1alpha1.Blocking{
		Kind: "Deployment", Namespace: "search-staging", Name: "search-api",
		Message: "ImagePullBackOff registry/search:5.0.l", LastEvent: "Failed to pull image \"registry/search:5.0.l\": not found",
	}
	search.Status.Conditions = condition(fault.HealthDegraded, search.Status.Summary)
	search.Status.History[0].Result = "failed"
	search.Status.History = append(search.Status.History, v1alpha1.HistoryRow{Revision: "18b7f03000", Result: "ok"})
	web := target("web", "prod", "", v1alpha1.StatePaused, "0be4411")
	web.Spec.Pause = &v1alpha1.Pause{Reason: "black friday", By: "lena@acme.io", Until: at(-51 * time.Hour)}
	held := target("wiki", "prod", "", v1alpha1.StateWaiting, "c0ffee0")
	held.Status.HeldDeletions = []v1alpha1.HeldDeletion{
		{Object: "PersistentVolumeClaim/wiki-prod/data", Reason: "ProtectedKind"}, {Object: "Namespace/wiki-old", Reason: "ProtectedKind"},
	}
	held.Status.HeldCount = 3
	held.Status.Warnings = []string{"Deployment/wiki: duplicate env \"A\" in container wiki, the last one counts (apps/wiki/base/deploy.yaml:21)"}
	held.Status.Conditions = condition(fault.DeletionHeld, "3 objects are no longer in Git")
	unknown := target("zoo", "dev", "", "", "")
	unknown.Status = v1alpha1.AppStatus{}
	apps := []v1alpha1.App{cart, rolling, ledger, search, web, held, unknown, target("cart", "dev", "", v1alpha1.StateOK, "9f31c2a")}
	for i := range 6 {
		apps = append(apps, target(fmt.Sprintf("quiet-%d", i), "dev", "", v1alpha1.StateOK, "0be4411"))
	}
	return Fleet{Repos: repos(), Apps: apps, Agent: Agent{Heard: now.Add(-5 * time.Second)}, Now: now}
}

func repos() []v1alpha1.Repo {
	good := v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "fleet"}}
	good.Status = v1alpha1.RepoStatus{
		Revision: "77ab410000", Deciding: []string{"cart/prod"}, DecidingCount: 1,
		Observed: &v1alpha1.Observed{Revision: "9f31c2a000", Ref: "refs/heads/main", Time: *at(3 * time.Minute), By: "webhook"},
	}
	stale := v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "apps"}, Spec: v1alpha1.RepoSpec{Revision: "main"}}
	stale.Status = v1alpha1.RepoStatus{
		Revision: "1111111000", StaleSince: at(26 * time.Hour),
		Observed:   &v1alpha1.Observed{Revision: "1111111000", Ref: "refs/heads/main", Time: *at(26 * time.Hour), By: "poll"},
		Conditions: condition(fault.FetchFailed, "the server answered 502"),
	}
	return []v1alpha1.Repo{good, stale}
}

func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

var styles = map[string]Style{
	"80": {Width: 80}, "140": {Width: 140}, "80-ascii": {Width: 80, ASCII: true}, "pipe": {}, "140-colour": {Width: 140, Color: true},
}

func TestStatus(t *testing.T) {
	silent := fleet()
	silent.Agent.Heard = now.Add(-5 * time.Minute)
	for name, style := range styles {
		golden(t, "status-"+name, style.Status(fleet(), false))
		golden(t, "status-silent-"+name, style.Status(silent, false))
		golden(t, "status-all-"+name, style.Status(fleet(), true))
	}
	looking := fleet()
	looking.Agent.ReadOnly = true
	golden(t, "status-read-only", Style{Width: 80}.Status(looking, false))
	golden(t, "status-empty", Style{}.Status(Fleet{Now: now}, false))
	golden(t, "status-40", Style{Width: 40}.Status(fleet(), false))
}

func TestStatusNeverWrapsARow(t *testing.T) {
	hostile := fleet()
	hostile.Apps[0].Status.Summary = strings.Repeat("長い", 200)
	hostile.Apps[0].Status.WaitingFor = nil
	hostile.Apps[3].Status.Blocking.Message = strings.Repeat("x", 500)
	for _, columns := range []int{20, 40, 80, 97, 140, 200} {
		for _, ascii := range []bool{false, true} {
			for _, line := range (Style{Width: columns, ASCII: ascii, Color: true}).Status(hostile, true) {
				if w := textWidth(line); w > columns && !strings.Contains(line, "targets:") {
					t.Errorf("at %d columns a line takes %d: %q", columns, w, line)
				}
			}
		}
	}
}

// The parts of the summary line add up to its total, whatever the fleet.
func TestCountsAddUp(t *testing.T) {
	number := regexp.MustCompile(`\d+`)
	for _, heard := range []time.Duration{time.Second, time.Hour} {
		f := fleet()
		f.Agent.Heard = now.Add(-heard)
		line := Style{}.Counts(f.Targets())
		_, parts, _ := strings.Cut(line, ": ")
		sum := 0
		for _, n := range number.FindAllString(parts, -1) {
			i, _ := strconv.Atoi(n)
			sum += i
		}
		total := number.FindAllString(line, 2)[1]
		if want := strconv.Itoa(sum); total != want || sum != len(f.Apps) {
			t.Errorf("%q: parts give %d, total says %s, there are %d", line, sum, total, len(f.Apps))
		}
	}
}

// A Hold says at which commit, why, for how long and what it keeps away; once it is over that is said, and nothing else.
func TestHold(t *testing.T) {
	app := target("web", "prod", "", v1alpha1.StatePaused, "0be4411")
	app.Spec.Pause = &v1alpha1.Pause{Reason: "bad", By: "lena@acme.io", At: "0be4411000", Until: at(-2 * time.Hour)}
	app.Status.Held = &v1alpha1.Held{At: "0be4411000", Newest: "9f31c2a000"}
	why := func() string {
		return strings.Join(Style{}.Why(Target{App: app, State: app.Status.State}, nil, Agent{Heard: now}, now), "\n")
	}
	for _, part := range []string{`held      at 0be4411, "bad" by lena@acme.io, 2h left; 9f31c2a is not applied meanwhile`, "ends by itself when the branch renders the same as 0be4411"} {
		if text := why(); !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	if trouble := strings.Join(Style{}.Status(Fleet{Apps: []v1alpha1.App{app}, Agent: Agent{Heard: now}, Now: now}, true), "\n"); !strings.Contains(trouble, `held at 0be4411, "bad" by lena@acme.io`) {
		t.Errorf("the status does not tell of it:\n%s", trouble)
	}
	app.Status.State, app.Status.Held = v1alpha1.StateOK, nil
	app.Status.Handled.Hold = state.HoldName(app.Spec.Pause)
	if text := why(); !strings.Contains(text, `"bad" by lena@acme.io; that is over`) || strings.Contains(text, "held ") {
		t.Errorf("it does not say that it is over:\n%s", text)
	}
}

// A revert that is proposed is shown with the commit that it takes back, and is the next step; once that is gone it is not.
func TestProposedRevert(t *testing.T) {
	app := target("web", "prod", "", v1alpha1.StateFailed, "0be4411")
	app.Status.Target, app.Status.Revert = "9f31c2a000", &v1alpha1.ProposedRevert{Of: "9f31c2a000", To: "0be4411000", Pull: 7, URL: "https://git.example.com/pulls/7", Conflicts: 2}
	what := Target{App: app, State: v1alpha1.StateFailed}
	text := strings.Join(Style{}.Why(what, nil, Agent{Heard: now}, now), "\n")
	if want := "#7 takes 9f31c2a back to 0be4411: https://git.example.com/pulls/7; 2 files must be mended"; !strings.Contains(text, want) || !strings.HasPrefix(what.Next(), "review and merge pull request #7") {
		t.Errorf("next %q:\n%s", what.Next(), text)
	}
	app.Status.Target = "aaaaaaa000"
	what.App = app
	if text := strings.Join(Style{}.Why(what, nil, Agent{Heard: now}, now), "\n"); strings.Contains(text, "#7") {
		t.Errorf("it is told of a commit that is gone:\n%s", text)
	}
}

// changeOf is the commit that the golden files know of search/staging, and of nobody else.
func changeOf(t Target) *v1alpha1.CommitLine {
	if t.Address() != "search/staging" {
		return nil
	}
	return &v1alpha1.CommitLine{ID: t.App.Status.Target, Subject: "search: 5.0.1 in staging", Author: "Lena Ito <lena@acme.io>"}
}

func TestWhy(t *testing.T) {
	f := fleet()
	silent := Agent{Heard: now.Add(-2*time.Minute - time.Second)}
	for _, target := range f.Targets() {
		name := strings.NewReplacer("/", "-", "@", "-").Replace(target.Address())
		if target.State != v1alpha1.StateOK || name == "cart-dev" {
			golden(t, "why-"+name, Style{Width: 80}.Why(target, changeOf(target), f.Agent, now))
			golden(t, "why-"+name+"-pipe", Style{ASCII: true}.Why(target, changeOf(target), f.Agent, now))
		}
	}
	f.Agent = silent
	golden(t, "why-silent", Style{Width: 100}.Why(f.Targets()[0], nil, silent, now))
}

// What would be done, and what is waited for, is told with its objects.
func TestWhyPending(t *testing.T) {
	app := v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "cart-prod"}, Spec: v1alpha1.AppSpec{App: "cart", Env: "prod"}}
	app.Status = v1alpha1.AppStatus{
		State: v1alpha1.StateWaiting, Summary: "9f31c2a waits for ledger/prod, which failed: no such image", AsOf: at(time.Minute), Revision: "77ab410000", Target: "9f31c2a000",
		WaitingFor: []v1alpha1.WaitingFor{{Kind: "App", Name: "ledger-prod"}}, Conditions: condition(fault.WaitingForApp, "9f31c2a waits for ledger/prod, which failed: no such image"),
		Pending: &v1alpha1.Pending{Count: 23, Steps: []v1alpha1.PendingStep{
			{Action: "create", Object: "ConfigMap/cart-prod/new", Why: "not in the cluster"},
			{Action: "take over", Object: "Deployment/cart-prod/web", Why: "exists and belongs to nobody: taken over; would change spec.replicas"},
		}},
	}
	f := Fleet{Apps: []v1alpha1.App{app}, Agent: Agent{Heard: now}, Now: now}
	golden(t, "why-pending", append(Style{Width: 80}.Why(f.Targets()[0], nil, f.Agent, now), Style{Width: 120}.Status(f, false)...))
}

// The next step mends what is wrong: a failure comes before consent to deletions, and what the fault itself advises before
// what is known of its kind.
func TestNext(t *testing.T) {
	const said = "Service/nowhere/a: its namespace does not exist"
	cases := []struct {
		reason string
		state  v1alpha1.State
		why    fault.Reason
		change func(*v1alpha1.AppStatus)
		want   string
	}{
		{
			"a failure with held deletions: consent would delete, and mend nothing", v1alpha1.StateFailed, fault.ApplyFailed,
			func(s *v1alpha1.AppStatus) {
				s.Summary, s.Conditions = said, condition(fault.ApplyFailed, said+"; put the Namespace into Git")
				s.HeldDeletions = []v1alpha1.HeldDeletion{{Object: "Service/a-dev/a", Reason: "AppFailing"}}
			},
			"put the Namespace into Git",
		},
		{
			"the same without advice: it is tried again", v1alpha1.StateFailed, fault.ApplyFailed,
			func(s *v1alpha1.AppStatus) {
				s.HeldDeletions = []v1alpha1.HeldDeletion{{Object: "Service/a-dev/a", Reason: "AppFailing"}}
			},
			"plumb sync a/dev tries again now",
		},
		{
			"held deletions alone wait for consent", v1alpha1.StateWaiting, fault.DeletionHeld,
			func(s *v1alpha1.AppStatus) {
				s.HeldDeletions = []v1alpha1.HeldDeletion{{Object: "Service/a-dev/a", Reason: "Limit"}}
			},
			"commit to the branch (an empty commit will do) with the line:  Plumb-Allow-Delete: a/dev",
		},
		{
			"a namespace needs a line of its own, so that the next step names no single one", v1alpha1.StateWaiting, fault.DeletionHeld,
			func(s *v1alpha1.AppStatus) {
				s.HeldDeletions = []v1alpha1.HeldDeletion{{Object: "Service/a-dev/a", Reason: "WholeApp"}, {Object: "Namespace/a-dev", Reason: "ProtectedKind"}}
			},
			"commit to the branch (an empty commit will do) with the 2 lines that plumb why a/dev names as consent",
		},
		{
			"a pod that crashes has said why", v1alpha1.StateFailed, fault.HealthDegraded,
			func(s *v1alpha1.AppStatus) {
				s.Blocking = &v1alpha1.Blocking{Kind: "Deployment", Namespace: "a-dev", Name: "a", Message: "pod a-7b-x2: CrashLoopBackOff: container web exited with 137 (OOMKilled), 3 restarts"}
			},
			"kubectl -n a-dev logs a-7b-x2 -c web --previous",
		},
		{
			"a pod without its image has events; what was ok before may come back", v1alpha1.StateFailed, fault.HealthDegraded,
			func(s *v1alpha1.AppStatus) {
				s.Blocking = &v1alpha1.Blocking{Kind: "Deployment", Namespace: "a-dev", Name: "a", Message: "pod a-7b-x2: ImagePullBackOff: container web: not found"}
				s.History = []v1alpha1.HistoryRow{{Revision: "1234567000", Result: "failed"}, {Revision: "abcdef1000", Result: "ok"}}
			},
			"kubectl -n a-dev describe pod a-7b-x2; or back to abcdef1: plumb rollback a/dev",
		},
	}
	for _, c := range cases {
		app := target("a", "dev", "", c.state, "1234567")
		app.Status.Conditions = condition(c.why, "m")
		c.change(&app.Status)
		if got := (Target{App: app, State: c.state}).Next(); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}

// Whoever looks must know what to do: every target that is not ok has a next step, and every trouble line too.
func TestEveryTroubleHasANextStep(t *testing.T) {
	reasons := []fault.Reason{
		fault.FetchFailed, fault.RevisionNotFound, fault.CredentialsRefused, fault.SourceStale, fault.UnsafeURL, fault.Unsupported,
		fault.PathNotFound, fault.Ambiguous, fault.RenderFailed, fault.InvalidObject, fault.DependencyCycle, fault.WaitingForApp,
		fault.DeletionHeld, fault.OwnedByOther, fault.ImmutableField, fault.KindUnknown, fault.NeedsSync, fault.Forbidden,
		fault.ServiceAccountMissing, fault.Rejected, fault.ApplyFailed, fault.HealthDegraded, fault.HealthTimeout, fault.Drifted,
		fault.Fight, fault.Paused, fault.Unreachable, fault.Stale, "",
	}
	for _, state := range v1alpha1.States {
		for _, reason := range reasons {
			app := target("a", "dev", "", state, "1234567")
			app.Status.Conditions = condition(reason, "m")
			next := Target{App: app, State: state}.Next()
			if (next == "") != (state == v1alpha1.StateOK) {
				t.Errorf("%s because of %q: next step %q", state, reason, next)
			}
		}
	}
	for _, trouble := range fleet().Troubles() {
		if trouble.Next == "" {
			t.Errorf("%s %s has no next step", trouble.State, trouble.Who)
		}
	}
}

func TestUnknownWhenTheAgentIsSilent(t *testing.T) {
	cases := map[string]struct {
		agent Agent
		want  v1alpha1.State
	}{
		"heard now":                   {Agent{Heard: now}, v1alpha1.StateOK},
		"exactly at the limit":        {Agent{Heard: now.Add(-Silence)}, v1alpha1.StateOK},
		"its clock is ahead of ours":  {Agent{Heard: now.Add(time.Minute)}, v1alpha1.StateOK},
		"just beyond the limit":       {Agent{Heard: now.Add(-Silence - time.Millisecond)}, v1alpha1.StateUnknown},
		"never":                       {Agent{}, v1alpha1.StateUnknown},
		"the Lease may not be looked": {Agent{Why: "forbidden"}, v1alpha1.StateUnknown},
	}
	for reason, c := range cases {
		f := Fleet{Apps: []v1alpha1.App{target("a", "", "", v1alpha1.StateOK, "1234567")}, Agent: c.agent, Now: now}
		if got := f.Targets()[0].State; got != c.want {
			t.Errorf("%s: state %s, want %s", reason, got, c.want)
		}
		if silent := c.agent.Silent(now); (silent == "") != (c.want == v1alpha1.StateOK) {
			t.Errorf("%s: said %q", reason, silent)
		}
	}
}

func TestClean(t *testing.T) {
	cases := map[string]string{
		"a\x1b[31mred\x1b[0m": "a [31mred [0m", "two\nlines\r\n": "two lines", "\u202eevil\u2066": "evil",
		"tab\tand  space ": "tab and space", "naïve 長い": "naïve 長い", "\x9b2J": "\ufffd2J", "a\u2028b": "a b",
	}
	for in, want := range cases {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	cases := map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m", 119 * time.Minute: "1h", 47 * time.Hour: "47h", 50 * time.Hour: "2d",
	}
	for d, want := range cases {
		if got := Age(d); got != want {
			t.Errorf("Age(%s) = %s, want %s", d, got, want)
		}
	}
}

// A forge that does not take what it is told is trouble of its Repo, also while all apps are ok.
func TestTroubleWithAForge(t *testing.T) {
	r := repos()[0]
	r.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionForgeReady, Status: metav1.ConditionTrue}}
	if got := troubleOfRepo(r, now); got != nil {
		t.Errorf("%+v", got)
	}
	r.Status.Conditions[0].Status, r.Status.Conditions[0].Message = metav1.ConditionFalse, "statuses: it may not"
	if got := troubleOfRepo(r, now); got == nil || got.Text != "forge: statuses: it may not" || got.Next != "plumb doctor" {
		t.Errorf("%+v", got)
	}
}

// A folder that is meant to be an app and is none has no App that fails: its Repo tells of it, or nobody would.
func TestTroubleWithAFolder(t *testing.T) {
	r := repos()[0]
	r.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionFoldersRead, Status: metav1.ConditionFalse, Reason: string(fault.NameInvalid), Message: `apps/Cart: "Cart" cannot be the name of an app`,
	}}
	if got := troubleOfRepo(r, now); got == nil || got.Text != r.Status.Conditions[0].Message || got.Next != "plumb apps --explain" {
		t.Errorf("%+v", got)
	}
}

func TestTroubleText(t *testing.T) {
	f := fault.New(fault.RenderFailed, "patch target Deployment/carts does not exist").
		At(fault.Place{File: "apps/cart/kustomization.yaml", Line: 7}).WithNext("did you mean cart?")
	golden(t, "trouble", []string{Style{}.Trouble(f), Style{ASCII: true}.Trouble(f)})
}

// Two objects that claim one cell are both shown.
func TestMatrixHidesNothing(t *testing.T) {
	a, b := target("a", "dev", "", v1alpha1.StateOK, "1"), target("a", "dev", "", v1alpha1.StateFailed, "2")
	b.Name = "other"
	m := MatrixOf(Fleet{Apps: []v1alpha1.App{a, b}, Agent: Agent{Heard: now}, Now: now}.Targets())
	if len(m.Rows) != 2 || len(m.Columns) != 1 {
		t.Errorf("%d rows, %d columns", len(m.Rows), len(m.Columns))
	}
}

// An App that was deleted, and that no agent takes care of, says so and how to let it go.
func TestAnAppThatCannotGo(t *testing.T) {
	f := fleet()
	deleted := metav1.NewTime(now.Add(-time.Hour))
	f.Apps[0].DeletionTimestamp, f.Apps[0].Finalizers = &deleted, []string{v1alpha1.FinalizerPrune}
	named := func() (texts []string) {
		for _, trouble := range f.Troubles() {
			if trouble.Name == f.Apps[0].Name {
				texts = append(texts, trouble.Text+"\n"+trouble.Next)
			}
		}
		return texts
	}
	if texts := strings.Join(named(), ""); strings.Contains(texts, "until an agent") {
		t.Errorf("the agent is there: %q", texts)
	}
	f.Agent.Heard = now.Add(-5 * time.Minute)
	if texts := strings.Join(named(), ""); !strings.Contains(texts, "until an agent has taken its objects away") || !strings.Contains(texts, `{"metadata":{"finalizers":null}}`) {
		t.Errorf("it says %q", texts)
	}
}

func TestDriftOf(t *testing.T) {
	replicas := v1alpha1.Drift{Object: "Deployment/shop/ui", Field: "spec.replicas", Kind: "changed", Git: "3", Live: "9", Manager: "kubectl"}
	taken := v1alpha1.Drift{Object: "Deployment/shop/ui", Field: "metadata.labels.team", Kind: "removed"}
	cases := []struct {
		reason string
		rows   []v1alpha1.Drift
		want   string
	}{
		{"both values and who wrote", []v1alpha1.Drift{replicas}, "spec.replicas 3 in Git, 9 live, by kubectl"},
		{"the first field speaks for one more", []v1alpha1.Drift{replicas, taken}, "spec.replicas 3 in Git, 9 live, by kubectl, and 1 more field"},
		{"and for several", []v1alpha1.Drift{taken, replicas, replicas}, "metadata.labels.team removed, and 2 more fields"},
		{"an object that is gone has no field", []v1alpha1.Drift{{Object: "Deployment/shop/ui", Kind: "missing"}}, "Deployment/shop/ui deleted"},
		{"nothing differs", nil, ""},
	}
	for _, c := range cases {
		if got := DriftOf(c.rows); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
