package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/report"
)

// driftKept is how many corrections and differences an App's status shows.
const driftKept = 5

// A fight is recognised when one object had to be healed fightHeals times within fightWindow. From then on it is healed
// once per pause, which doubles from fightPause to fightLongest.
const (
	fightHeals   = 4
	fightWindow  = time.Minute
	fightPause   = 30 * time.Second
	fightLongest = 10 * time.Minute
)

// fight counts how often one object was healed, and against whom.
type fight struct {
	heals   []time.Time
	manager string
	pause   time.Duration
	until   time.Time
}

// on tells whether the object is fought over and left alone for now.
func (f *fight) on(now time.Time) bool { return f != nil && now.Before(f.until) }

// known tells whether the object is fought over at all, in a pause or not.
func (f *fight) known(now time.Time) bool {
	return f != nil && f.pause > 0 && now.Before(f.until.Add(f.pause))
}

// healed counts a correction and begins a pause when there were too many.
func (f *fight) healed(now time.Time, manager string) {
	f.manager = manager
	if f.pause > 0 && now.After(f.until.Add(2*f.pause)) {
		*f = fight{manager: manager}
	}
	f.heals = append(slices.DeleteFunc(f.heals, func(at time.Time) bool { return now.Sub(at) > fightWindow }), now)
	if len(f.heals) < fightHeals && f.pause == 0 {
		return
	}
	f.pause = min(max(2*f.pause, fightPause), fightLongest)
	f.until, f.heals = now.Add(f.pause), nil
}

// hideDrift takes the healing steps out of the Plan where the app's settings say that drift is shown, not undone, or
// where somebody fights for the object. What is shown stays in the app's status.
func (t *turn) hideDrift() {
	now := time.Now()
	t.app.shown = map[object.ID]string{}
	for i := range t.plan.Steps {
		s := &t.plan.Steps[i]
		if s.Drift == "" || s.Action != plan.Apply {
			continue
		}
		f := t.app.fights[s.ID]
		switch {
		case t.onlyShows() && t.exams[s.ID].same():
			s.Action, s.Drift, s.Why = plan.Unchanged, "", "as in Git, by another's hand"
			continue
		case t.onlyShows():
			t.app.shown[s.ID] = s.Why
		case f.on(now):
			t.app.shown[s.ID] = fmt.Sprintf("%s rewrites it again and again; the next try is at %s", orDefault(f.manager, "somebody"), f.until.Format("15:04:05"))
			t.agent.queue.AddAfter(t.app.key, time.Until(f.until)+time.Second)
		default:
			continue
		}
		t.hidden = append(t.hidden, *s)
		s.Action = plan.Unchanged
	}
}

// onlyShows tells whether drift is shown and not undone, by the settings or because the agent is read-only.
func (t *turn) onlyShows() bool {
	return t.agent.options.ReadOnly || !t.asked && (!t.heals() || t.manual())
}

// exam is one look at a drifted object, before it is healed: who wrote what when is gone afterwards.
type exam struct {
	live    object.Object
	gone    bool
	changes []diff.Change
	added   []diff.Added
}

// same tells whether all is as in Git, although others have written some of it: who is to show drift has none to show.
func (e exam) same() bool {
	return len(e.changes) > 0 && len(e.added) == 0 && !slices.ContainsFunc(e.changes, func(c diff.Change) bool { return !c.Same })
}

// examine looks once at each object that is about to be healed. What only seemed to be added is accepted from then on.
func (t *turn) examine(ctx context.Context) {
	t.exams = map[object.ID]exam{}
	for i := range t.plan.Steps {
		s := &t.plan.Steps[i]
		if s.Action != plan.Apply || s.First && s.Drift == "" || s.Drift == "" && len(s.Takes) == 0 {
			continue
		}
		if t.app.fights[s.ID].on(time.Now()) && t.app.shows(s.ID) {
			continue // what is written there again and again stands in the status
		}
		live, entries, err := t.client.Get(ctx, s.ID, s.Object.Version())
		if err != nil {
			t.exams[s.ID] = exam{gone: cluster.IsGone(err)}
			continue
		}
		e := exam{live: live, changes: diff.Drift(*s.Object, live, entries, t.manager())}
		e.added = slices.DeleteFunc(diff.Foreign(*s.Object, entries, t.manager()), func(a diff.Added) bool {
			return t.ignored(s.ID, a)
		})
		t.exams[s.ID] = e
		if !s.First {
			s.Takes = nil // additions are taken out one by one: what a tool wrote into metadata stays
		}
		if len(e.added) == 0 {
			t.app.accepted[s.ID] = diff.AddedDigest(entries, t.manager()) // of what was looked at, not of what came since
		}
		if s.Drift == "added" && len(e.added) == 0 {
			s.Action, s.Drift, s.Why = plan.Unchanged, "", "as in Git"
		}
	}
}

// ignored tells whether an ignore rule covers an addition.
func (t *turn) ignored(id object.ID, a diff.Added) bool {
	return slices.ContainsFunc(plan.RulesFor(t.offer.placement.Settings.Ignore, id), func(rule v1alpha1.IgnoreRule) bool {
		return plan.Ignores(rule, a.Manager, a.Path.String())
	})
}

// evidence keeps what was found in the app's status, for what is healed and for what is only shown.
func (t *turn) evidence() {
	now := time.Now()
	hide := sync.OnceValue(func() redact.Filter { return redact.NewFilter(redact.Needles(t.objects...)...) }) // most passes find no drift
	for _, s := range t.plan.Steps {
		if s.Drift == "" || s.Action != plan.Apply {
			continue
		}
		rows := t.rows(s, now, hide)
		for i := range rows {
			rows[i].Healed = stamp(now)
		}
		t.app.addDrift(rows)
		t.tally(s.ID, rows)
		t.healing(s.ID, rows, now)
	}
	for _, s := range t.hidden {
		if _, looked := t.exams[s.ID]; !looked {
			continue
		}
		rows := t.rows(s, now, hide)
		t.app.addDrift(t.app.since(rows))
		if t.onlyShows() && rows[0].Field != "" {
			t.app.shown[s.ID] = report.DriftOf(rows)
		}
	}
	for _, s := range t.plan.Steps {
		if _, shown := t.app.shown[s.ID]; s.Action == plan.Unchanged && !shown {
			t.app.endDrift(func(row v1alpha1.Drift) bool { return row.Object == s.ID.String() })
		}
	}
}

// endDrift takes rows out that say that an object differs: somebody has put it back. What Plumb undid stays.
func (a *app) endDrift(of func(v1alpha1.Drift) bool) {
	a.status.Drift = slices.DeleteFunc(slices.Clone(a.status.Drift), func(row v1alpha1.Drift) bool { return row.Healed == nil && of(row) })
}

// overwrite marks as undone what was only shown, where a revision was applied over it.
func (t *turn) overwrite(id object.ID, now time.Time) {
	rows := slices.Clone(t.app.status.Drift)
	for i, row := range rows {
		if row.Healed == nil && row.Object == id.String() {
			rows[i].Healed = stamp(now)
		}
	}
	t.app.status.Drift = rows
}

// shows tells whether the status has a row about an object.
func (a *app) shows(id object.ID) bool {
	return slices.ContainsFunc(a.status.Drift, func(row v1alpha1.Drift) bool { return row.Object == id.String() })
}

// since gives rows that say again what stands in the status already the time at which that was seen first.
func (a *app) since(rows []v1alpha1.Drift) []v1alpha1.Drift {
	for i, row := range rows {
		for _, old := range a.status.Drift {
			again := old
			again.Seen = row.Seen
			if equality.Semantic.DeepEqual(again, row) {
				rows[i].Seen = old.Seen
			}
		}
	}
	return rows
}

func (t *turn) healing(id object.ID, rows []v1alpha1.Drift, now time.Time) {
	f := t.app.fights[id]
	if f == nil {
		f = &fight{}
		t.app.fights[id] = f
	}
	manager := ""
	if len(rows) > 0 {
		manager = rows[0].Manager
	}
	f.healed(now, manager)
	t.agent.metrics.heals.Inc()
	t.log.Info("drift is undone", "object", id.String(), "by", manager, "fields", len(rows))
}

// rows tells what drifted. Values of Secrets never get in: package diff gives their marker, and where they stand in another
// object, as in a variable that somebody has set by hand, they are known by those of Git.
func (t *turn) rows(s plan.Step, now time.Time, hide func() redact.Filter) []v1alpha1.Drift {
	row := v1alpha1.Drift{Object: s.ID.String(), Kind: s.Drift, Seen: stamp(now)}
	e := t.exams[s.ID]
	if e.gone {
		row.Kind = "missing"
		return []v1alpha1.Drift{row}
	}
	var rows []v1alpha1.Drift
	for _, c := range append(slices.Clone(e.changes), diff.AddedChanges(e.live, e.added)...) {
		rows = append(rows, driftRow(row, c, hide()))
	}
	if len(rows) == 0 {
		return []v1alpha1.Drift{row}
	}
	return rows
}

func driftRow(row v1alpha1.Drift, c diff.Change, hide redact.Filter) v1alpha1.Drift {
	row.Kind, row.Field, row.Manager, row.Operation, row.Subresource = string(c.Kind), c.Field, c.Manager, c.Operation, c.Subresource
	row.Git, row.Live = hide.Short(c.Git), hide.Short(c.Live)
	if !c.Time.IsZero() {
		at := metav1.NewTime(c.Time)
		row.Time = &at
	}
	return row
}

// addDrift puts rows first; a row about the same field of the same object replaces an older one.
func (a *app) addDrift(rows []v1alpha1.Drift) {
	kept := slices.DeleteFunc(slices.Clone(a.status.Drift), func(old v1alpha1.Drift) bool {
		return slices.ContainsFunc(rows, func(row v1alpha1.Drift) bool { return row.Object == old.Object && row.Field == old.Field })
	})
	all := append(slices.Clone(rows), kept...)
	a.status.Drift = all[:min(len(all), driftKept)]
}

// strip removes what people's tools have added to drifted objects, before the apply restores the rest.
func (t *turn) strip(ctx context.Context) {
	for i := range t.plan.Steps {
		s := &t.plan.Steps[i]
		e := t.exams[s.ID]
		if s.Action != plan.Apply || len(e.added) == 0 {
			continue
		}
		if err := t.stripOne(ctx, *s, e); err != nil && !cluster.IsGone(err) {
			t.log.Warn("an addition was not removed; it is tried again", "object", s.ID.String(), "error", err)
		}
	}
}

// stripOne sends the patch that takes additions out. It holds only for the version that was read, so a controller that
// writes status at the same time makes it fail: then it is made anew.
func (t *turn) stripOne(ctx context.Context, s plan.Step, e exam) error {
	for try := 0; ; try++ {
		patch, err := diff.RemovalPatch(e.live, e.added)
		if err != nil || patch == nil {
			return err
		}
		applied, err := t.client.Patch(ctx, s.ID, s.Object.Version(), patch, t.manager())
		if err == nil {
			// what is still there came back by itself: a default of the API server, which nobody can take out
			t.app.accepted[s.ID] = diff.AddedDigest(applied.ManagedFields, t.manager())
		}
		if err == nil || try == 4 {
			return err
		}
		live, entries, readErr := t.client.Get(ctx, s.ID, s.Object.Version())
		if readErr != nil {
			return readErr
		}
		e.live = live
		e.added = slices.DeleteFunc(diff.Foreign(*s.Object, entries, t.manager()), func(a diff.Added) bool { return t.ignored(s.ID, a) })
		if len(e.added) == 0 {
			return nil
		}
	}
}

// ignore takes fields that are not ours out of what is applied. A field is released only after somebody else has
// written it: dropped earlier, the API server would set it to its default (an autoscaled Deployment to one replica).
func (t *turn) ignore(ctx context.Context) error {
	rules := t.offer.placement.Settings.Ignore
	if len(rules) == 0 {
		return nil
	}
	for i, o := range t.objects {
		matching := plan.RulesFor(rules, o.ID())
		if len(matching) == 0 || o.Name() == "" {
			continue
		}
		live, entries, err := t.client.Get(ctx, o.ID(), o.Version())
		if cluster.IsGone(err) {
			continue
		}
		if err != nil {
			return err
		}
		released, err := plan.Released(o, live, entries, t.manager(), matching)
		if err != nil {
			return err
		}
		t.objects[i] = released
	}
	return nil
}
