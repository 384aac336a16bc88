package agent

import (
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
)

var (
	seenAt  = &v1alpha1.Observed{Revision: "bbbbbbbbbbbb", Ref: "refs/heads/main"}
	twoApps = &v1alpha1.AppCounts{Total: 2, OK: 2}
)

var descriptions = []struct {
	reason   string
	repo     *repo
	revision string
	summary  string
	ready    metav1.ConditionStatus
	why      fault.Reason
	stalled  bool
}{
	{"before the first commit", &repo{status: v1alpha1.RepoStatus{}}, "", "waiting for the first commit", metav1.ConditionUnknown, fault.Fetching, false},
	{"some apps have not decided: the revision stays", &repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{}, pending: map[types.NamespacedName]bool{cart: true},
	}, "aaaaaaaaaaaa", "1 of 2 apps are deciding on bbbbbbb", metav1.ConditionTrue, fault.Healthy, false},
	{"all have decided", &repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{},
	}, "bbbbbbbbbbbb", "2 apps at bbbbbbb", metav1.ConditionTrue, fault.Healthy, false},
	{"after a restart nothing was asked yet", &repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps},
	}, "aaaaaaaaaaaa", "2 apps at aaaaaaa", metav1.ConditionTrue, fault.Healthy, false},
	{"a discovery that is blocked", &repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: "aaaaaaaaaaaa", Apps: twoApps}, result: &fleet.Result{}, fault: fault.New(fault.InvalidSettings, "plumb.yaml is wrong"),
	}, "aaaaaaaaaaaa", "plumb.yaml is wrong", metav1.ConditionFalse, fault.InvalidSettings, true},
	{"a server that cannot be read leaves what was decided", &repo{
		status: v1alpha1.RepoStatus{Observed: seenAt, Apps: twoApps, StaleSince: &metav1.Time{Time: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}},
		result: &fleet.Result{}, unread: fault.New(fault.FetchFailed, "no answer"),
	}, "bbbbbbbbbbbb", "stale since 2026-01-02 03:04 UTC: no answer", metav1.ConditionFalse, fault.FetchFailed, false},
}

func TestDescribe(t *testing.T) {
	for _, d := range descriptions {
		t.Run(d.reason, func(t *testing.T) {
			r := &repo{object: &v1alpha1.Repo{}, status: d.repo.status, result: d.repo.result, fault: d.repo.fault, unread: d.repo.unread, pending: d.repo.pending}
			r.describe()
			if r.status.Revision != d.revision || r.status.Summary != d.summary {
				t.Errorf("revision %q, summary %q; want %q, %q", r.status.Revision, r.status.Summary, d.revision, d.summary)
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
	r := &repo{
		object: &v1alpha1.Repo{}, result: &fleet.Result{}, pending: map[types.NamespacedName]bool{},
		status: v1alpha1.RepoStatus{Observed: seenAt, Revision: seenAt.Revision, Apps: twoApps},
	}
	r.discovered(&fleet.Result{}, map[types.NamespacedName]*offer{cart: {}}, offer{commit: "cccccccccccc", ref: "refs/heads/main", by: "webhook"}, nil)
	r.describe()
	if r.status.Observed.Revision != "cccccccccccc" || r.status.Observed.By != "webhook" || r.status.Revision != seenAt.Revision {
		t.Errorf("observed %+v, decided %s", r.status.Observed, r.status.Revision)
	}
	at := r.status.Observed
	r.discovered(&fleet.Result{}, nil, offer{commit: "cccccccccccc", ref: "refs/heads/main", by: "poll"}, nil)
	if r.status.Observed != at {
		t.Error("the same commit, looked at again, counts as seen anew")
	}
}

func TestWhoMadeAnApp(t *testing.T) {
	yes := true
	owner := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
	}
	labels := map[string]string{v1alpha1.LabelRepo: "fleet"}
	for _, row := range []struct {
		reason string
		meta   metav1.ObjectMeta
		want   string
	}{
		{"made by a Repo", metav1.ObjectMeta{Labels: labels, OwnerReferences: owner("Repo", "fleet")}, "fleet"},
		{"by hand, with a copied label", metav1.ObjectMeta{Labels: labels}, ""},
		{"by hand, owned by something else", metav1.ObjectMeta{Labels: labels, OwnerReferences: owner("Deployment", "fleet")}, ""},
		{"label and owner differ", metav1.ObjectMeta{Labels: labels, OwnerReferences: owner("Repo", "other")}, ""},
		{"by hand", metav1.ObjectMeta{}, ""},
	} {
		if got := makerOf(&v1alpha1.App{ObjectMeta: row.meta}); got != row.want {
			t.Errorf("%s: %q", row.reason, got)
		}
	}
}
