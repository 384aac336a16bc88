package agent

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/record"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/state"
)

// patience is how long health may stay without progress before the revision counts as failed (resources.md §6.2).
const patience = 10 * time.Minute

// The pods of an unhealthy workload are asked again after troublePause, which grows with how long the trouble lasts.
const (
	troublePause   = 2 * time.Second
	troubleLongest = 5 * time.Minute
)

// grace is how long a status is held back that is likely to be another soon.
const grace = 1500 * time.Millisecond

// historyKept is how many revisions an App's status shows.
const historyKept = 10

// later has the app tried again, after a pause that grows with every attempt.
func (t *turn) later() {
	a := t.app
	pause := state.Backoff(a.attempts, jitter())
	a.attempts++
	a.retryAt = time.Now().Add(pause)
	t.agent.queue.AddAfter(a.key, pause+time.Millisecond)
}

// judge says how the app is: at once to whoever asks the agent, and then, when its turn for that comes, in its books.
func (t *turn) judge(ctx context.Context) {
	t.agent.metrics.passes.Inc()
	before := t.app.status
	t.assess(ctx)
	if !t.writeBooks(ctx) {
		t.assess(ctx) // that it cannot be recorded is how it is now
	}
	status, now := t.app.status, time.Now()
	t.write(ctx, &status)
	t.tell(ctx, before, status)
	t.traceJudged(status, now)
}

// assess works out the state and keeps it in memory.
func (t *turn) assess(ctx context.Context) {
	a := t.app
	now := time.Now()
	facts := t.facts(ctx, now)
	status := state.Judge(facts, a.status, now)
	t.fill(&status, facts, now)
	if state.Transition(a.status, status) {
		status.AsOf = stamp(now)
	}
	a.status = status
	a.mu.Lock()
	news := a.state != status.State
	a.state, a.summary, a.delivered = status.State, status.Summary, state.Delivered(facts, status)
	a.held, a.judged = status.HeldCount, status.DeepCopy()
	a.mu.Unlock()
	t.agent.show(a)
	if news && t.offer != nil {
		t.agent.touched(t.offer.repo)
	}
	t.wakeAt(facts, now)
}

// facts gathers what the state is judged by.
func (t *turn) facts(ctx context.Context, now time.Time) state.Facts {
	a := t.app
	f := state.Facts{
		Fault: t.fault, Faults: a.faults, Revision: a.status.Revision, Target: a.target,
		Generation: t.object.Generation, Shown: a.shown, Attempts: a.attempts, Manual: t.needsSync,
		ReadOnly: t.readOnly, After: t.after, AfterSince: a.awaitingSince, Ending: t.ending,
		Transient: a.broken != nil && t.fault == a.broken,
	}
	switch p := t.inForce(); {
	case p == nil:
	case t.hold != nil:
		f.Hold, f.Newest = p, a.hold.newest
	case p.At == "":
		f.Pause = p
	}
	if t.offer == nil {
		return f
	}
	if f.Wanting = t.offer.lacks && t.fault == t.offer.fault; f.Wanting {
		f.Transient = true // it is asked for again
	}
	if a.planned != nil {
		f.Plan = a.planned
	}
	if t.pending != nil {
		f.Pending = plan.PendingText(*t.plan)
	}
	f.Verdicts, f.Hooks = t.verdicts(ctx, now)
	f.Logs = t.logs()
	f.Timeout = t.patience()
	a.progress.observe(state.Fingerprint(f.Verdicts)+state.Fingerprint(f.Hooks), now)
	f.ProgressSince = a.progress.since
	f.Fights = t.fights(now)
	if t.plan == nil && f.Fault == t.unread && len(f.Faults) == 0 && a.planned == nil && a.wishes != nil && !a.course.open() && t.moved() == "" {
		f.Quiet = true
	}
	return f
}

func (t *turn) fights(now time.Time) map[object.ID]string {
	fights := map[object.ID]string{}
	for id, f := range t.app.fights {
		if f.known(now) {
			fights[id] = f.manager
		}
	}
	return fights
}

// verdicts gives the health of every object that the app wants, and of the hooks that run.
func (t *turn) verdicts(ctx context.Context, now time.Time) (objects, hooks map[object.ID]health.Verdict) {
	a := t.app
	objects = make(map[object.ID]health.Verdict, len(a.wishes))
	for id, w := range a.wishes {
		objects[id] = t.verdict(ctx, id, w)
	}
	hooks = t.hookVerdicts(ctx)
	t.askPods(ctx, now, objects, hooks)
	return objects, hooks
}

func (t *turn) verdict(ctx context.Context, id object.ID, w wish) health.Verdict {
	fact, ok := t.agent.facts.Get(id)
	if ok && !w.ignored && t.needsStatus(id) && fact.Rules != t.app.rulesFor(id).Text {
		fact = t.judgeAgain(ctx, id, w, fact)
	}
	switch {
	case w.ignored:
		return health.Verdict{Health: v1alpha1.Healthy}
	case !ok && t.app.left[id]:
		return health.Verdict{Health: v1alpha1.Healthy}
	case !ok && t.agent.facts.Blind(id):
		return health.Verdict{Health: v1alpha1.Unknown, Message: "the API server does not list objects of its kind"}
	case !ok:
		return health.Verdict{Health: v1alpha1.Missing, Message: "not in the cluster"}
	case fact.Stale() && t.needsStatus(id):
		return health.Verdict{Health: v1alpha1.Progressing, Message: "applied; its controller has not answered yet"}
	}
	return fact.Health
}

// judgeAgain has an object judged by the rules of now: the watch may have told of it before the app's rules were known,
// or before they changed.
func (t *turn) judgeAgain(ctx context.Context, id object.ID, w wish, fact cluster.Fact) cluster.Fact {
	if t.client == nil {
		return fact
	}
	live, _, err := t.client.Get(ctx, id, w.version)
	if err != nil {
		t.log.Warn("an object cannot be judged by its own rule", "object", id.String(), "error", err)
		return fact
	}
	t.agent.facts.Judge(live)
	if judged, ok := t.agent.facts.Get(id); ok {
		return judged
	}
	return fact
}

// askPods puts what the pods say in the place of what their workload says, for workloads that are not healthy: a pod
// that gets no image or crashes is trouble now, not when the workload's deadline is over. They are asked with growing
// pauses.
func (t *turn) askPods(ctx context.Context, now time.Time, kinds ...map[object.ID]health.Verdict) {
	a := t.app
	var bad []object.ID
	for _, verdicts := range kinds {
		for id, v := range verdicts {
			if ownsPods(id) && (v.Health == v1alpha1.Progressing || v.Health == v1alpha1.Degraded) {
				bad = append(bad, id)
			}
		}
	}
	if len(bad) == 0 {
		a.troubles, a.troubleAt, a.troubleSince = nil, time.Time{}, time.Time{}
		return
	}
	slices.SortFunc(bad, object.ID.Compare)
	if a.troubleSince.IsZero() {
		a.troubleSince, a.troubleAt = now, now // most are healthy before the first pause is over
	}
	if now.Sub(a.troubleAt) >= t.troublePause(now) {
		a.troubleAt, a.troubles = now, map[object.ID]string{}
		for _, id := range bad[:min(len(bad), 3)] {
			a.troubles[id] = t.trouble(ctx, id, a.versionOf(id))
		}
	}
	for id, message := range a.troubles {
		for _, verdicts := range kinds {
			if v, ok := verdicts[id]; ok && message != "" {
				v.Health, v.Message = v1alpha1.Degraded, message
				verdicts[id] = v
			}
		}
	}
	t.agent.queue.AddAfter(a.key, t.troublePause(now))
}

// versionOf gives the API version of an object that the app wants, or of a hook.
func (a *app) versionOf(id object.ID) string {
	if w, ok := a.wishes[id]; ok {
		return w.version
	}
	return a.inventory[id].Version
}

func (t *turn) troublePause(now time.Time) time.Duration {
	return min(max(now.Sub(t.app.troubleSince)/4, troublePause), troubleLongest)
}

func (t *turn) patience() time.Duration {
	if t.offer == nil {
		return patience
	}
	wait := t.offer.placement.Settings.Wait
	if wait == nil {
		return patience
	}
	d, err := time.ParseDuration(wait.Timeout)
	if err != nil || d <= 0 {
		return patience
	}
	return d
}

// observe notes whether health moved.
func (p *progress) observe(print string, now time.Time) {
	if p.print == print && !p.since.IsZero() {
		return
	}
	p.print, p.since = print, now
}

// fill adds what is not judged but known.
func (t *turn) fill(s *v1alpha1.AppStatus, f state.Facts, now time.Time) {
	a := t.app
	if t.offer == nil {
		return
	}
	if t.complete(f) {
		s.Revision = a.target
		t.fillEnd(s)
	}
	s.ConsentBase = t.consentBase(t.complete(f))
	if s.Objects.Changed == 0 && a.status.Target == a.target {
		s.Objects.Changed = a.status.Objects.Changed // of the last plan that changed anything at this target
	}
	s.ShortRevision = short(s.Revision)
	s.Target, s.ChangedBy = a.target, a.changedBy
	if a.recorded != nil {
		s.Verified = a.verified
	}
	if t.offer.fault == nil {
		s.Charts = t.offer.charts()
	}
	if s.Sources = a.status.Sources; a.used != nil && t.complete(f) && a.planned != nil && a.planned.Settled() {
		s.Sources = a.used // while something is held, what it is held against stays
	}
	s.Handled = v1alpha1.AppHandled{Sync: a.synced, Adopt: a.adopted, GiveBack: a.returned, Revert: a.handledRevert(), Hold: a.hold.over}
	s.Held = t.heldBack()
	s.Revert = a.lastRevert()
	s.Inventory = nil
	for _, n := range slices.Sorted(maps.Keys(a.layout.written)) {
		s.Inventory = append(s.Inventory, inventoryName(t.object.Name, n))
	}
	if t.plan != nil || f.Quiet || f.Fault != t.unread {
		s.Pending = t.pending // else nobody has planned, as in a pause: what was told holds
	}
	s.Warnings = limitTexts(slices.Concat(t.unsupported(), t.unmet(), t.offer.warnings, a.renderWarnings, a.loadWarnings, a.planWarnings), 10)
	t.history(s, now)
}

// consentBase is the commit after which lines of consent count. It moves to the offered commit when nothing is held there,
// but only if that makes a difference, so that an unrelated commit writes no status: when something was held or applied
// since it moved last, when the new commits may bear such lines, or when the branch was moved by force.
func (t *turn) consentBase(complete bool) string {
	a := t.app
	before := a.status.ConsentBase
	settled := complete && a.planned != nil && a.planned.Settled()
	a.rebase = a.rebase || !settled || t.offer.marks || before == "" || a.status.Revision != a.target
	if settled && a.rebase {
		a.rebase = false
		return t.offer.commit
	}
	if complete && before == "" {
		return a.target
	}
	return before
}

// unsupported names what people asked for and what is not done, or not as they may think: it must not be ignored in silence.
func (t *turn) unsupported() []string {
	var texts []string
	if t.app.adoptNote != "" {
		texts = append(texts, t.app.adoptNote)
	}
	for _, text := range []string{t.app.noteOnRevert(), t.endNote(), t.secretsNote()} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// complete tells whether the target is applied with nothing left to do.
func (t *turn) complete(f state.Facts) bool {
	a := t.app
	if f.Fault != t.unread || len(a.faults) > 0 || a.target == "" || t.paused() {
		return false
	}
	if a.status.Revision == "" && a.planned != nil && heldForFailing(a.planned) {
		return false // with this commit as the first base, whoever fails would look as if it always had
	}
	return t.applied || f.Quiet || a.status.Revision == a.target
}

// history keeps one row per revision, newest first.
func (t *turn) history(s *v1alpha1.AppStatus, now time.Time) {
	a := t.app
	if a.times.revision != a.target && s.State == v1alpha1.StateFailed && s.Revision != a.target {
		a.times = timesOf(s.History, a.target) // it came as far as a render or a plan, and no further
		if a.times.seen.IsZero() {
			a.times.seen = t.offer.seen
		}
	}
	if a.times.revision == "" || a.times.revision != a.target {
		return
	}
	if s.State == v1alpha1.StateOK && a.times.healthy.IsZero() {
		a.times.healthy = now
		t.becameHealthy(now)
	}
	row := v1alpha1.HistoryRow{
		Revision: a.times.revision, Seen: exact(a.times.seen), Planned: exact(a.times.planned), Applied: exact(a.times.applied),
		Healthy: exact(a.times.healthy), Result: string(s.State), Reason: reasonOf(s), Changed: a.times.changed, Took: limitTexts(a.times.took, 10),
	}
	rows := slices.Clone(s.History)
	if len(rows) > 0 && rows[0].Revision == row.Revision {
		rows[0] = settledRow(rows[0], row)
	} else {
		if len(rows) > 0 && !record.Settled(rows[0]) {
			rows[0].Result, rows[0].Reason = string(v1alpha1.ResultSuperseded), ""
		}
		rows = slices.Insert(rows, 0, row)
	}
	s.History = rows[:min(len(rows), historyKept)]
}

// settledRow keeps what was said of a revision that was ok once, which what comes later does not change; what was said of one
// that failed, or is held, while that is tried again; and anything while nobody can say how it is.
func settledRow(before, now v1alpha1.HistoryRow) v1alpha1.HistoryRow {
	again := record.Settled(before) && !record.Settled(now)
	if before.Result == string(v1alpha1.StateOK) || again || now.Result == string(v1alpha1.StateUnknown) && before.Result != "" {
		now.Result, now.Reason = before.Result, before.Reason
	}
	return now
}

// write writes the status if it differs from what was written last.
func (t *turn) write(ctx context.Context, status *v1alpha1.AppStatus) {
	a := t.app
	canonical := object.Canonical(toJSON(status))
	if a.statusWritten == "" && bytes.Equal(canonical, object.Canonical(toJSON(t.object.Status))) {
		a.statusWritten = string(canonical)
	}
	if a.reported = string(canonical) == a.statusWritten; a.reported || t.soon(status) {
		return
	}
	station := t.stage(stageRecord)
	err := t.agent.mayWrite(ctx)
	if err == nil {
		err = t.agent.ledger.PutAppStatus(ctx, t.object.Namespace, t.object.Name, t.object.UID, status)
	}
	station.end(err, "state", string(status.State))
	if err != nil {
		if ctx.Err() == nil {
			t.log.Warn("the status was not written", "error", err)
			t.agent.queue.AddAfter(a.key, 2*time.Second)
		}
		return
	}
	a.statusWritten, a.told, a.reported = string(canonical), status.Target, true
}

// soon holds a status back for a moment that says "rolling", or waits for the word of other apps on a commit that they
// all were offered: what comes of it meanwhile is one transition, and one write.
func (t *turn) soon(status *v1alpha1.AppStatus) bool {
	a := t.app
	ready := apimeta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	waits := status.State == v1alpha1.StateWaiting && ready != nil && ready.Reason == string(fault.WaitingForApp)
	if status.State != v1alpha1.StateRolling && !waits {
		a.soonSince = time.Time{}
		return false
	}
	if a.soonSince.IsZero() {
		a.soonSince = time.Now()
	}
	left := grace - time.Since(a.soonSince)
	if left > 0 {
		t.agent.queue.AddAfter(a.key, left+time.Millisecond)
	}
	return left > 0
}

func limitTexts(texts []string, n int) []string {
	return texts[:min(len(texts), n)]
}

// verified is the digest of everything that a render read.
func verified(recorded *render.Recorded) string {
	return object.DigestBytes(object.Canonical(toJSON(map[string]any{
		"key":   recorded.Key, // an empty list is one, whether it comes from a render or from the cache
		"reads": append([]render.Read{}, recorded.Manifest.Reads...), "questions": append([]render.Question{}, recorded.Manifest.Questions...),
	})))
}
