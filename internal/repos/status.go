package repos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/ledger"
	"plumb.dev/plumb/internal/state"
)

// The transitions of a Repo's apps are gathered into one write of its status: for busyFor while apps decide, for calmFor when all
// have, since people wait for that.
const (
	busyFor = 2 * time.Second
	calmFor = 200 * time.Millisecond
)

// retryAfter is when a write of a status is tried again that failed.
const retryAfter = 5 * time.Second

// decidingShown is how many undecided apps a Repo's status names.
const decidingShown = 20

// Changed has the status written soon.
func (r *Repo) Changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	calm := len(r.pending) == 0
	if r.timer != nil && (r.calm || !calm || !r.timer.Stop()) {
		return // it is written soon enough
	}
	delay := busyFor
	if calm {
		delay = calmFor
	}
	r.calm = calm
	r.timer = time.AfterFunc(delay, func() {
		r.mu.Lock()
		r.timer = nil
		r.mu.Unlock()
		r.write(r.life)
	})
}

// write writes the status if it differs from what was written last.
func (r *Repo) write(ctx context.Context) {
	r.writing.Lock()
	defer r.writing.Unlock()
	counts := r.clerk.Count(r.Object())
	r.mu.Lock()
	o := r.object
	r.status.Apps = counts
	r.describe()
	status := *r.status.DeepCopy()
	text, _ := json.Marshal(status)
	same := r.gone || bytes.Equal(text, r.written)
	r.mu.Unlock()
	r.Show()
	if same {
		return
	}
	if err := r.clerk.Writes.PutRepoStatus(ctx, o.Namespace, o.Name, o.UID, &status); err != nil {
		if ctx.Err() == nil {
			r.log.Warn("the status of a Repo was not written", "repo", r.Key.String(), "error", err)
			time.AfterFunc(retryAfter, r.Changed)
		}
		return
	}
	r.mu.Lock()
	r.written = text
	r.mu.Unlock()
	r.tell(ctx, o, r.trouble(status))
}

// describe fills in revision, deciding, summary and conditions. The caller holds the lock.
func (r *Repo) describe() {
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
		ready.Message = fmt.Sprintf("deciding on %s", shown(s.Observed.Ref, s.Observed.Revision))
		s.Summary = fmt.Sprintf("%d of %d apps are deciding on %s", len(names), s.Apps.Total, shown(s.Observed.Ref, s.Observed.Revision))
	default:
		s.Summary = fmt.Sprintf("%s at %s", apps(s.Apps.Total), shown(s.Observed.Ref, s.Revision)) + strayText(r.strays)
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
	r.describeFolders()
	r.describeForge()
}

// describeFolders writes the condition of folders that no App can tell of. r.mu is held.
func (r *Repo) describeFolders() {
	switch {
	case len(r.strays) > 0:
		apimeta.SetStatusCondition(&r.status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionFoldersRead, Status: metav1.ConditionFalse, Reason: string(r.strays[0].Fault.Reason),
			Message: strings.TrimPrefix(strayText(r.strays), "; "), ObservedGeneration: r.object.Generation,
		})
	case r.result != nil: // before the first discovery of this life what the last one found stays
		apimeta.RemoveStatusCondition(&r.status.Conditions, v1alpha1.ConditionFoldersRead)
	}
}

// strayText tells of folders that are meant to be apps and are none; "" without any.
func strayText(strays []fleet.Fault) string {
	if len(strays) == 0 {
		return ""
	}
	text := "; " + strays[0].Fault.Error()
	if more := len(strays) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more of this kind)", more)
	}
	return text
}

func apps(n int) string {
	if n == 1 {
		return "1 app"
	}
	return fmt.Sprintf("%d apps", n)
}

// shown is a commit as a sentence names it: with its tag, if a tag led to it.
func shown(ref, commit string) string {
	short := commit[:min(len(commit), 7)]
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return tag + " (" + short + ")"
	}
	return short
}

// describeForge writes the condition of the forge: whether it takes all that it is told. r.mu is held.
func (r *Repo) describeForge() {
	s := &r.status
	if r.object.Spec.Forge == nil {
		apimeta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionForgeReady)
		r.forge = nil
		return
	}
	if len(r.forge) == 0 {
		return // nothing was told since the start: what the life before knew stays
	}
	ready := metav1.Condition{
		Type: v1alpha1.ConditionForgeReady, Status: metav1.ConditionTrue, Reason: string(fault.Healthy), ObservedGeneration: r.object.Generation,
		Message: "the forge takes what it is told",
	}
	for _, of := range slices.Sorted(maps.Keys(r.forge)) {
		if bad := r.forge[of]; bad != nil {
			ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(bad.Reason), of+": "+bad.Error()
			break
		}
	}
	apimeta.SetStatusCondition(&s.Conditions, ready)
}

// trouble gives what is to be told of a Repo whose status was written: that it came into trouble, or out of it. nil is nothing.
func (r *Repo) trouble(status v1alpha1.RepoStatus) *state.Note {
	ready := apimeta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionUnknown {
		return nil
	}
	before, now := r.told, fault.Reason("")
	if ready.Status == metav1.ConditionFalse {
		now = fault.Reason(ready.Reason)
	}
	if now == before {
		return nil
	}
	r.told = now
	if now == "" {
		return &state.Note{Reason: fault.Healthy, Message: status.Summary, About: "after " + string(before)}
	}
	return &state.Note{Reason: now, Message: ready.Message, Trouble: true, About: string(now)}
}

// tell logs what became of a Repo, and makes an Event of it.
func (r *Repo) tell(ctx context.Context, o *v1alpha1.Repo, note *state.Note) {
	if note == nil {
		return
	}
	log := r.log.With("repo", r.Key.String())
	if note.Trouble {
		log.Warn("a Repo is in trouble", "reason", note.Reason, "message", note.Message)
	} else {
		log.Info("a Repo is out of trouble", "reason", note.Reason)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := r.clerk.Writes.Tell(ctx, ledger.Subject{Kind: "Repo", Namespace: o.Namespace, Name: o.Name, UID: o.UID},
		ledger.Happening{Reason: string(note.Reason), Message: note.Message, Warning: note.Trouble, Key: note.About})
	if err != nil && ctx.Err() == nil {
		log.Warn("an Event was not written", "error", err)
	}
}
