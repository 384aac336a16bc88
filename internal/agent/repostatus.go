package agent

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
)

// The transitions of a Repo's apps are gathered into one write of its status: for repoBusy while apps decide, for
// repoCalm when all have, since people wait for that.
const (
	repoBusy = 2 * time.Second
	repoCalm = 200 * time.Millisecond
)

// decidingShown is how many undecided apps a Repo's status names.
const decidingShown = 20

// repoChanged has the status of a Repo written soon.
func (ag *Agent) repoChanged(r *repo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	calm := len(r.pending) == 0
	if r.timer != nil && (r.calm || !calm || !r.timer.Stop()) {
		return // it is written soon enough
	}
	delay := repoBusy
	if calm {
		delay = repoCalm
	}
	r.calm = calm
	r.timer = time.AfterFunc(delay, func() {
		r.mu.Lock()
		r.timer = nil
		r.mu.Unlock()
		ag.writeRepo(ag.life, r)
	})
}

// decided notes that an app of a Repo has decided on the observed commit.
func (ag *Agent) decided(key, app types.NamespacedName) {
	ag.mu.Lock()
	r := ag.repos[key]
	ag.mu.Unlock()
	if r == nil {
		return
	}
	r.mu.Lock()
	delete(r.pending, app)
	if len(r.pending) == 0 {
		r.holdTrace(nil)
	}
	r.mu.Unlock()
	ag.repoChanged(r)
}

// writeRepo writes the status of a Repo if it differs from what was written last.
func (ag *Agent) writeRepo(ctx context.Context, r *repo) {
	r.writing.Lock()
	defer r.writing.Unlock()
	counts := ag.count(r)
	r.mu.Lock()
	o := r.object
	r.status.Apps = counts
	r.describe()
	status := *r.status.DeepCopy()
	canonical := object.Canonical(toJSON(status))
	same := r.gone || bytes.Equal(canonical, r.written)
	r.mu.Unlock()
	ag.showRepo(r)
	if same {
		return
	}
	if err := ag.ledger.PutRepoStatus(ctx, o.Namespace, o.Name, o.UID, &status); err != nil {
		if ctx.Err() == nil {
			ag.log.Warn("the status of a Repo was not written", "repo", r.key.String(), "error", err)
			time.AfterFunc(5*time.Second, func() { ag.repoChanged(r) })
		}
		return
	}
	r.mu.Lock()
	r.written = canonical
	r.mu.Unlock()
	ag.tellRepo(ctx, o, r.trouble(status))
}

// describe fills in revision, deciding, summary and conditions. The caller holds the lock.
func (r *repo) describe() {
	s := &r.status
	names := make([]string, 0, len(r.pending))
	for key := range r.pending {
		names = append(names, key.Name)
	}
	slices.Sort(names)
	s.DecidingCount = len(names)
	s.Deciding = names[:min(len(names), decidingShown)]
	if s.Observed != nil && len(names) == 0 && r.fault == nil && r.result != nil {
		s.Revision = s.Observed.Revision
	}
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: string(fault.Healthy), ObservedGeneration: r.object.Generation}
	bad := r.fault
	if r.unread != nil {
		bad = r.unread
	}
	switch {
	case bad != nil:
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(bad.Reason), bad.Error()
		s.Summary = bad.Error()
	case s.Observed == nil:
		ready.Status, ready.Reason = metav1.ConditionUnknown, string(fault.Fetching)
		s.Summary = "waiting for the first commit"
	case len(names) > 0:
		ready.Message = fmt.Sprintf("deciding on %s", shownCommit(s.Observed.Ref, s.Observed.Revision))
		s.Summary = fmt.Sprintf("%d of %d apps are deciding on %s", len(names), s.Apps.Total, shownCommit(s.Observed.Ref, s.Observed.Revision))
	default:
		s.Summary = fmt.Sprintf("%s at %s", plural(s.Apps.Total, "app"), shownCommit(s.Observed.Ref, s.Revision))
		ready.Message = s.Summary
	}
	if s.StaleSince != nil {
		s.Summary = fmt.Sprintf("stale since %s: %s", s.StaleSince.UTC().Format("2006-01-02 15:04 UTC"), s.Summary)
	}
	apimeta.SetStatusCondition(&s.Conditions, ready)
	stalled := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, ObservedGeneration: r.object.Generation}
	if bad != nil && bad.Reason.Stalled() {
		stalled.Reason, stalled.Message = string(bad.Reason), bad.Error()
		apimeta.SetStatusCondition(&s.Conditions, stalled)
	} else {
		apimeta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionStalled)
	}
	r.describeForge()
}

// count counts the apps of a Repo by state; the parts add up.
func (ag *Agent) count(r *repo) *v1alpha1.AppCounts {
	o, _ := r.bound()
	ag.mu.Lock()
	apps := slices.Collect(maps.Values(ag.apps))
	ag.mu.Unlock()
	c := &v1alpha1.AppCounts{}
	for _, a := range apps {
		known, _, _ := a.mailbox()
		if known == nil || known.Namespace != o.Namespace || makerOf(known) != o.Name {
			continue
		}
		c.Total++
		*c.Of(a.shownState())++
	}
	return c
}

// nothingFound is the fault of a commit in which there is no app, with the way out.
func nothingFound(result fleet.Result) *fault.Fault {
	f := fault.New(fault.PathNotFound, "no folder of this repository is an app")
	if len(result.Suggested) == 0 {
		return f.WithNext("put an app into apps/<name>/")
	}
	var lines []string
	for _, p := range result.Suggested {
		lines = append(lines, patternText(p))
	}
	return f.WithNext("set spec.apps of the Repo to [%s]", strings.Join(lines, ", "))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func short(commit string) string { return commit[:min(len(commit), 7)] }

// shownCommit is a commit as a sentence names it: with its tag, if a tag led to it.
func shownCommit(ref, commit string) string {
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return tag + " (" + short(commit) + ")"
	}
	return short(commit)
}

// patternText is a pattern as it is written in YAML on one line.
func patternText(p v1alpha1.Pattern) string {
	text := fmt.Sprintf("{path: %q", p.Path)
	if p.App != "" {
		text += fmt.Sprintf(", app: %q", p.App)
	}
	if p.Exclude {
		text += ", exclude: true"
	}
	return text + "}"
}
