package repos

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/ledger"
)

var (
	seenAt  = &v1alpha1.Observed{Revision: "bbbbbbbbbbbb", Ref: "refs/heads/main"}
	twoApps = &v1alpha1.AppCounts{Total: 2, OK: 2}
)

var descriptions = []struct {
	reason   string
	repo     *Repo
	revision string
	summary  string
	ready    metav1.ConditionStatus
	why      fault.Reason
	stalled  bool
}{
	{"before the first commit", &Repo{status: v1alpha1.RepoStatus{}}, "", "waiting for the first commit", metav1.ConditionUnknown, fault.Fetching, false},
	{"some apps have not decided: the revision stays", &Repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{}, pending: map[types.NamespacedName]bool{cart: true},
	}, "aaaaaaaaaaaa", "1 of 2 apps are deciding on bbbbbbb", metav1.ConditionTrue, fault.Healthy, false},
	{"all have decided", &Repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{},
	}, "bbbbbbbbbbbb", "2 apps at bbbbbbb", metav1.ConditionTrue, fault.Healthy, false},
	{"folders that are meant to be apps and are none are told, and hold nobody up", &Repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{},
		strays: []fleet.Fault{{App: "-x", Fault: fault.New(fault.NameInvalid, `"-x" cannot be the name of an app`)}, {App: "A", Fault: fault.New(fault.NameInvalid, "nor can A")}},
	}, "bbbbbbbbbbbb", `2 apps at bbbbbbb; "-x" cannot be the name of an app (and 1 more of this kind)`, metav1.ConditionTrue, fault.Healthy, false},
	{"after a restart nothing was asked yet", &Repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps},
	}, "aaaaaaaaaaaa", "2 apps at aaaaaaa", metav1.ConditionTrue, fault.Healthy, false},
	{"a discovery that is blocked", &Repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{}, fault: fault.New(fault.InvalidSettings, "plumb.yaml is wrong"),
	}, "aaaaaaaaaaaa", "plumb.yaml is wrong", metav1.ConditionFalse, fault.InvalidSettings, true},
	{"a server that cannot be read leaves what was decided", &Repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Apps: twoApps, StaleSince: &metav1.Time{Time: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}},
		result: &fleet.Result{}, unread: fault.New(fault.FetchFailed, "no answer"),
	}, "bbbbbbbbbbbb", "stale since 2026-01-02 03:04 UTC: no answer", metav1.ConditionFalse, fault.FetchFailed, false},
}

func TestDescribe(t *testing.T) {
	for _, d := range descriptions {
		t.Run(d.reason, func(t *testing.T) {
			r := &Repo{object: &v1alpha1.Repo{}, status: d.repo.status, result: d.repo.result, fault: d.repo.fault, strays: d.repo.strays, unread: d.repo.unread, pending: d.repo.pending}
			r.describe()
			if r.status.Revision != d.revision || r.status.Summary != d.summary {
				t.Errorf("revision %q, summary %q; want %q, %q", r.status.Revision, r.status.Summary, d.revision, d.summary)
			}
			if stray := apimeta.IsStatusConditionFalse(r.status.Conditions, v1alpha1.ConditionFoldersRead); stray != (len(d.repo.strays) > 0) {
				t.Errorf("that folders are none is told: %v, of %d", stray, len(d.repo.strays))
			}
			ready := apimeta.FindStatusCondition(r.status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Status != d.ready || ready.Reason != string(d.why) {
				t.Errorf("Ready is %+v", ready)
			}
			if stalled := apimeta.IsStatusConditionTrue(r.status.Conditions, v1alpha1.ConditionStalled); stalled != d.stalled {
				t.Errorf("Stalled is %v", stalled)
			}
		})
	}
}

// TestNothingIsDecidedBeforeAnybodyWasAsked is about the moment in which a new commit becomes known.
func TestNothingIsDecidedBeforeAnybodyWasAsked(t *testing.T) {
	r := &Repo{
		object: &v1alpha1.Repo{}, result: &fleet.Result{}, pending: map[types.NamespacedName]bool{},
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: seenAt.Revision, Apps: twoApps},
	}
	r.Discovered(Discovery{Result: &fleet.Result{}, Apps: []types.NamespacedName{cart}, Found: Commit{ID: "cccccccccccc", Ref: "refs/heads/main", By: "webhook"}})
	r.describe()
	if r.status.Observed.Revision != "cccccccccccc" || r.status.Observed.By != "webhook" || r.status.Revision != seenAt.Revision {
		t.Errorf("observed %+v, decided %s", r.status.Observed, r.status.Revision)
	}
	at := r.status.Observed
	r.Discovered(Discovery{Result: &fleet.Result{}, Found: Commit{ID: "cccccccccccc", Ref: "refs/heads/main", By: "poll"}})
	if r.status.Observed != at {
		t.Error("the same commit, looked at again, counts as seen anew")
	}
}

func TestTroubleOfARepo(t *testing.T) {
	status := func(s metav1.ConditionStatus, reason fault.Reason) v1alpha1.RepoStatus {
		return v1alpha1.RepoStatus{Summary: "5 apps", Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: s, Reason: string(reason), Message: "because"}}}
	}
	r := &Repo{}
	for _, row := range []struct {
		reason string
		status v1alpha1.RepoStatus
		want   fault.Reason
	}{
		{"nothing is known", v1alpha1.RepoStatus{}, ""},
		{"it begins", status(metav1.ConditionUnknown, fault.Fetching), ""},
		{"it is read", status(metav1.ConditionTrue, fault.Healthy), ""},
		{"its server is away", status(metav1.ConditionFalse, fault.FetchFailed), fault.FetchFailed},
		{"it still is", status(metav1.ConditionFalse, fault.FetchFailed), ""},
		{"its credential has expired", status(metav1.ConditionFalse, fault.CredentialsRefused), fault.CredentialsRefused},
		{"it is read again", status(metav1.ConditionTrue, fault.Healthy), fault.Healthy},
		{"and again", status(metav1.ConditionTrue, fault.Healthy), ""},
	} {
		got := fault.Reason("")
		if note := r.trouble(row.status); note != nil {
			got = note.Reason
			if note.Trouble != (got != fault.Healthy) || note.Message == "" {
				t.Errorf("%s: %+v", row.reason, note)
			}
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}

// The condition says what is wrong with the forge, the same whoever heard it first, and that nothing is.
func TestForgeReady(t *testing.T) {
	r := &Repo{object: &v1alpha1.Repo{Spec: v1alpha1.RepoSpec{Forge: &v1alpha1.Forge{Kind: "github"}}}}
	says := func() string {
		r.describeForge()
		c := apimeta.FindStatusCondition(r.status.Conditions, v1alpha1.ConditionForgeReady)
		if c == nil {
			return ""
		}
		return string(c.Status) + " " + c.Reason + " " + c.Message
	}
	refused := fault.New(fault.CredentialsRefused, "it may not").WithCode(forge.CodeRight)
	for _, step := range []struct {
		reason string
		heard  map[string]*fault.Fault
		want   string
	}{
		{"nothing was told yet", nil, ""},
		{"statuses are taken", map[string]*fault.Fault{"statuses": nil}, "True Healthy the forge takes what it is told"},
		{"one of two is refused", map[string]*fault.Fault{"statuses": nil, "pull requests": refused}, "False CredentialsRefused pull requests: it may not [FORGE_RIGHT]"},
		{"both are taken again", map[string]*fault.Fault{"statuses": nil, "pull requests": nil}, "True Healthy the forge takes what it is told"},
		{"a new life does not know yet", nil, "True Healthy the forge takes what it is told"},
	} {
		r.forge = step.heard
		if got := says(); got != step.want {
			t.Errorf("%s: %q, want %q", step.reason, got, step.want)
		}
	}
	r.object.Spec.Forge = nil
	if got := says(); got != "" {
		t.Errorf("without a forge: %q", got)
	}
}

// pages keeps what is written of Repos and told of them; fails is how often it refuses a status first.
type pages struct {
	mu       sync.Mutex
	fails    int
	statuses []v1alpha1.RepoStatus
	told     []ledger.Happening
}

func (p *pages) PutRepoStatus(_ context.Context, _, _ string, _ types.UID, status *v1alpha1.RepoStatus) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails > 0 {
		p.fails--
		return errors.New("the API server is away")
	}
	p.statuses = append(p.statuses, *status)
	return nil
}

func (p *pages) Tell(_ context.Context, _ ledger.Subject, what ledger.Happening) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, what)
	return nil
}

// after lets made time pass until nobody has anything to do any more, and gives what stands on the pages then.
func (p *pages) after(d time.Duration) (statuses []v1alpha1.RepoStatus, told []ledger.Happening) {
	time.Sleep(d)
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.statuses), slices.Clone(p.told)
}

// repoOn is a Repo whose status is written onto pages.
func repoOn(t *testing.T, p *pages) *Repo {
	o := &v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "fleet"}}
	return NewRepo(t.Context(), o, Clerk{
		Writes: p, Count: func(*v1alpha1.Repo) *v1alpha1.AppCounts { return &v1alpha1.AppCounts{Total: 2, OK: 2} },
		Shown: func(*v1alpha1.Repo, time.Time) {}, Log: slog.New(slog.DiscardHandler),
	})
}

// What the apps of a Repo decide, one after the other, costs two writes: one while they do, and one soon after the last.
func TestTransitionsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pages{}
		r := repoOn(t, p)
		var keys []types.NamespacedName
		for _, name := range []string{"a", "b", "c", "d"} {
			keys = append(keys, types.NamespacedName{Namespace: "plumb-system", Name: name})
		}
		r.Discovered(Discovery{Result: &fleet.Result{}, Apps: keys, Found: Commit{ID: "bbbbbbbbbbbb", Ref: "refs/heads/main", By: "poll"}})
		for _, key := range keys[:3] {
			r.Decided(key)
		}
		written, _ := p.after(busyFor + time.Second)
		if len(written) != 1 || written[0].DecidingCount != 1 || written[0].Revision != "" {
			t.Fatalf("written %+v while one app decides, want one status", written)
		}
		r.Decided(keys[3])
		written, _ = p.after(calmFor + time.Millisecond)
		if len(written) != 2 || written[1].Revision != "bbbbbbbbbbbb" {
			t.Fatalf("written %+v, want one more, soon after the last has decided", written)
		}
		r.Changed()
		if written, _ = p.after(time.Minute); len(written) != 2 {
			t.Error("a status that says the same is written again")
		}
		r.Unreadable(News{Fault: fault.New(fault.FetchFailed, "no answer"), Since: time.Now()})
		r.Drop()
		if written, _ = p.after(time.Minute); len(written) != 2 {
			t.Error("the status of a Repo is written that was deleted")
		}
	})
}

// A status that could not be written is written later, and only then is told what it says.
func TestAStatusIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pages{fails: 2}
		r := repoOn(t, p)
		r.Unreadable(News{Fault: fault.New(fault.FetchFailed, "no answer"), Since: time.Now()})
		if written, told := p.after(calmFor + time.Millisecond); len(written)+len(told) != 0 {
			t.Fatal("the first write was to fail")
		}
		if written, told := p.after(time.Minute); len(written) != 1 || len(told) != 1 || !told[0].Warning {
			t.Errorf("written %+v, told %+v after the API server is back", written, told)
		}
	})
}
