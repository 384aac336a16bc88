package preview

import (
	"errors"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// comparison holds the three sides of one app. It asks nobody.
type comparison struct {
	app                 App
	sight               *sight
	applied, base, tree side
}

// yours gives what the tree changes against the base.
func (c comparison) yours() []report.ObjectDiff {
	var out []report.ObjectDiff
	for _, step := range c.tree.plan.Steps {
		switch _, based := c.base.objects[step.ID]; {
		case step.Object != nil:
			out = append(out, c.between(c.base, c.tree, step)...)
		case based:
			out = append(out, c.removal(step)...)
		}
	}
	for id, o := range c.base.objects {
		_, planned := c.tree.steps[id]
		if _, exists := c.sight.live[id]; !planned && !exists && o.ID() != namespaceOf(c.app) {
			out = append(out, report.ObjectDiff{Change: report.ObjectDeleted, Object: id, Notes: []string{"it was not applied yet"}})
		}
	}
	return sorted(out)
}

// waiting gives what the base changes against what was applied last.
func (c comparison) waiting() []report.ObjectDiff {
	var out []report.ObjectDiff
	for _, step := range c.base.plan.Steps {
		switch {
		case step.Object != nil:
			out = append(out, c.between(c.applied, c.base, step)...)
		default:
			out = append(out, c.removal(step)...)
		}
	}
	return sorted(out)
}

// drift gives what the next pass would make good of the applied objects.
func (c comparison) drift() []report.ObjectDiff {
	var out []report.ObjectDiff
	for id, o := range c.applied.objects {
		answer, asked := c.sight.answers[question(o)]
		live, exists := c.sight.live[id]
		switch {
		case !asked || answer.local:
		case !exists:
			out = append(out, report.ObjectDiff{Change: report.ObjectAdded, Object: id, Notes: []string{"gone from the cluster: it is made again"}})
		default:
			fields := append(diff.Fields(diff.Bare(live), diff.Bare(answer.object)), c.foreign(o, live)...)
			if len(fields) > 0 {
				out = append(out, report.ObjectDiff{Change: report.ObjectChanged, Object: id, Fields: fields})
			}
		}
	}
	return sorted(out)
}

// foreign gives the fields that people's tools have added, as what goes.
func (c comparison) foreign(o, live object.Object) []diff.FieldChange {
	rules := plan.RulesFor(c.app.Settings.Ignore, o.ID())
	added := slices.DeleteFunc(diff.Foreign(o, c.sight.fields[o.ID()], c.sight.manager), func(a diff.Added) bool {
		return slices.ContainsFunc(rules, func(rule v1alpha1.IgnoreRule) bool { return plan.Ignores(rule, a.Manager, a.Path.String()) })
	})
	var out []diff.FieldChange
	for _, change := range diff.AddedChanges(live, added) {
		out = append(out, diff.FieldChange{Field: change.Field, Kind: diff.Removed, From: change.Live})
	}
	return out
}

// between gives what a step that applies changes from one side to another; nothing if it does not.
func (c comparison) between(from, to side, step plan.Step) []report.ObjectDiff {
	id := step.ID
	next := to.objects[id]
	before, had := from.objects[id]
	if had && question(before) == question(next) && sameFault(from.steps[id].Fault, step.Fault) {
		return nil
	}
	d := report.ObjectDiff{Change: report.ObjectChanged, Object: id}
	if step.Action == plan.Refuse && !c.sight.hidden[id] {
		d.Change, d.Notes = report.ObjectRefused, []string{step.Fault.Message}
		return []report.ObjectDiff{d}
	}
	asked := c.sight.answers[question(next)]
	if id.Kind == "Secret" && asked.err != nil {
		d.Change, d.Notes = report.ObjectRefused, []string{"the API server refuses it; its message may quote a value and is not shown"}
		return []report.ObjectDiff{d}
	}
	was, is, exists := c.pair(from, to, id)
	if !exists {
		d.Change = report.ObjectAdded
		note(&d, c.risks(pair{is: is}, from, to, id, asked)...)
		return c.refused(d, asked, step)
	}
	d.Fields = diff.Fields(diff.Bare(was), diff.Bare(is))
	taken := c.taken(id)
	if len(d.Fields) == 0 && (had || taken == "") {
		return nil
	}
	if !had && taken != "" {
		d.Change, d.Notes = report.ObjectMoved, []string{taken}
	}
	note(&d, c.risks(pair{was: was, is: is}, from, to, id, asked)...)
	d.Folded = len(d.Notes) == 0 && folded(d.Fields)
	return c.refused(d, asked, step)
}

// risks says what else happens. Of what the API server refuses only what Git itself tells.
func (c comparison) risks(p pair, from, to side, id object.ID, asked answer) []risk {
	if asked.err != nil {
		p.was, p.is = object.Object{}, object.Object{}
	}
	p.said = to.rendered[id]
	before, had := from.rendered[id]
	if !had {
		before = c.sight.live[id]
	}
	p.saidBefore = before
	found := risks(p, c.scalers(to))
	judged := asked.schema && p.was.Fields == nil // a new object that fits its schema: the app's notes say so once
	if asked.local && !judged && asked.err == nil {
		found = append(found, risk{word: report.RiskUnchecked})
	}
	return found
}

// scalers gives the autoscalers of the cluster and those that a side brings.
func (c comparison) scalers(of side) []plan.Autoscaler {
	all := slices.Clone(c.sight.picture.Autoscalers)
	for _, o := range of.rendered {
		if a, ok := plan.AutoscalerOf(o); ok && !slices.ContainsFunc(all, func(b plan.Autoscaler) bool { return b.ID == a.ID }) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b plan.Autoscaler) int { return a.ID.Compare(b.ID) })
	return all
}

// taken says from whom an object that exists comes to the app; "" if it is the app's own.
func (c comparison) taken(id object.ID) string {
	live := c.sight.picture.Live[id]
	switch {
	case live.Owner == c.app.Identity.Owner() || id == namespaceOf(c.app):
		return ""
	case c.sight.picture.GivenUp[id] != "":
		app, _, _ := strings.Cut(live.Owner, ":")
		return "handed over by " + app
	}
	return "exists already, and is taken over"
}

// pair gives an object before and after: both as the API server would have them, or both as they were rendered.
func (c comparison) pair(from, to side, id object.ID) (was, is object.Object, exists bool) {
	before, had := from.objects[id]
	next := to.objects[id]
	live, seen := c.sight.live[id]
	asked, asks := c.sight.answers[question(next)]
	if !had {
		if !asks || asked.local {
			return live, next, seen
		}
		return live, asked.object, seen
	}
	known, knows := c.sight.answers[question(before)]
	if !asks || !knows || asked.local || known.local {
		return from.rendered[id], to.rendered[id], true
	}
	return known.object, asked.object, true
}

// refused says what the API server said against an object.
func (c comparison) refused(d report.ObjectDiff, a answer, step plan.Step) []report.ObjectDiff {
	var f *fault.Fault
	said := ""
	switch {
	case a.err == nil || !errors.As(a.err, &f):
	case f.Reason == fault.ImmutableField && step.MayReplace:
		d.Change, said = report.ObjectRecreated, "is deleted and made anew: "
	case f.Reason == fault.ImmutableField:
		d.Change, said = report.ObjectRefused, "must be recreated: "
	default:
		d.Change = report.ObjectRefused
	}
	if step.Action == plan.Replace {
		d.Change = report.ObjectRecreated
	}
	if d.Change == report.ObjectRecreated {
		note(&d, loss(d.Object, c.sight.live[d.Object])...)
		note(&d, risk{word: report.RiskRecreate})
	}
	if f != nil {
		d.Notes, d.Quotes, d.Answer = append(d.Notes, said+f.Message), 1, said+withoutValues(f)
	}
	return []report.ObjectDiff{d}
}

// removal gives what happens to an object that a side does not have.
func (c comparison) removal(step plan.Step) []report.ObjectDiff {
	d := report.ObjectDiff{Object: step.ID, Notes: []string{step.Why}}
	switch {
	case step.Action == plan.Delete:
		d.Change, d.Notes = report.ObjectDeleted, nil
		if step.ID.Kind == "Namespace" {
			d.Notes = []string{"if nothing else is in it by then"}
		}
	case step.Action == plan.Hold:
		d.Change = report.ObjectHeld
	case step.Action == plan.Keep:
		d.Change = report.ObjectKept
	case step.Action == plan.Release, step.Action == plan.Wait && step.To != "":
		d.Change, d.Notes = report.ObjectMoved, []string{"handed over to " + step.To}
	case step.Action == plan.Wait && c.sight.hidden[step.ID]:
		d.Change, d.Notes = report.ObjectDeleted, []string{"it may not be read: what holds the deletion is not known"}
	default:
		return nil
	}
	if d.Change == report.ObjectDeleted || d.Change == report.ObjectHeld {
		note(&d, loss(step.ID, c.sight.live[step.ID])...)
	}
	return []report.ObjectDiff{d}
}

// allow gives the lines of consent that let go what the tree gives up and what is held.
func (c comparison) allow() []string {
	p := c.tree.plan
	p.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(s plan.Step) bool { return s.Action != plan.Hold })
	return plan.AllowLines(p)
}

func namespaceOf(app App) object.ID { return object.ID{Kind: "Namespace", Name: app.Identity.Target} }

func sameFault(a, b *fault.Fault) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Message == b.Message
}

func sorted(list []report.ObjectDiff) []report.ObjectDiff {
	slices.SortStableFunc(list, func(a, b report.ObjectDiff) int { return a.Object.Compare(b.Object) })
	return list
}
