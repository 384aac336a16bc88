package record

import (
	"cmp"
	"maps"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/redact"
)

// The words for what happened to an object.
const (
	created   = "created"
	changed   = "changed"
	deleted   = "deleted"
	replaced  = "replaced"
	takenOver = "taken-over"
	released  = "released"
	kept      = "kept"
	held      = "held"
	failed    = "failed"
)

// Done is what became of one step of a plan.
type Done struct {
	Step    plan.Step
	Done    bool
	Tried   bool // a request was sent
	Created bool // the object did not exist before
	Took    []string
	Fault   *fault.Fault
}

// Chapter gathers what a revision does to an app, over all passes that it takes.
type Chapter struct {
	Previous  string // the revision that was applied before; "" on the first
	By        string // how the commit came to be known
	Message   string // of the state as it was last, redacted
	Blocking  *v1alpha1.Blocking
	ChangedBy []v1alpha1.CommitLine // newest first; the revision itself is among them
	Removed   bool                  // the app's folder is gone

	changes    map[object.ID]v1alpha1.ObjectChange
	incomplete bool
}

// Renders are the rendered objects before and after, as they are in Git. Known tells whether those before are known; on an
// app's first revision there are none.
type Renders struct {
	Before, After map[object.ID]object.Object
	Known         bool
}

// Gather takes in what became of a plan. What was healed is no change of the revision.
func (c *Chapter) Gather(steps []Done, renders Renders) {
	if c.changes == nil {
		c.changes = map[object.ID]v1alpha1.ObjectChange{}
	}
	c.incomplete = c.Previous != "" && !renders.Known
	hide := renders.hides()
	planned := map[object.ID]bool{}
	for _, d := range steps {
		id := d.Step.ID
		planned[id] = true
		if d.Step.Drift != "" {
			continue
		}
		change, sure := c.change(d, renders, hide)
		if _, known := c.changes[id]; change.Change != "" && (sure || !known) {
			c.changes[id] = change
		}
	}
	if !renders.Known {
		return
	}
	for id := range renders.Before { // gone in an earlier life of the agent
		_, wanted := renders.After[id]
		if _, known := c.changes[id]; !wanted && !planned[id] && !known {
			c.changes[id] = v1alpha1.ObjectChange{Object: text(id.String(), maxName), Change: deleted}
		}
	}
}

// change tells of one step. sure is false where nothing was sent: then an earlier pass knows better.
func (c *Chapter) change(d Done, renders Renders, hide redact.Filter) (out v1alpha1.ObjectChange, sure bool) {
	s := d.Step
	out = v1alpha1.ObjectChange{Object: text(s.ID.String(), maxName), From: texts(d.Took, 5)}
	before, was := renders.Before[s.ID]
	after, is := renders.After[s.ID]
	fields := func() {
		if was && is {
			out.Fields = lines(diff.Fields(before, after), hide)
		}
	}
	switch {
	case d.Fault != nil && d.Fault.Reason == fault.Superseded:
		return v1alpha1.ObjectChange{}, false
	case d.Fault != nil:
		out.Change, out.Why = failed, text(string(d.Fault.Reason)+": "+d.Fault.Message, maxText)
		fields()
		return out, true
	}
	switch s.Action {
	case plan.Unchanged:
		fields()
		switch {
		case c.Previous == "" && s.Created, c.Previous != "" && renders.Known && is && !was:
			out.Change = created
		case c.Previous == "" && s.Object != nil:
			out.Change = takenOver
		case len(out.Fields) > 0:
			out.Change = changed
		}
		return out, false
	case plan.Apply:
		fields()
		switch {
		case !d.Done:
			return v1alpha1.ObjectChange{}, false
		case d.Created:
			out.Change = created
		case s.UID == "" || s.First || len(d.Took) > 0:
			out.Change = takenOver
		default:
			out.Change = changed
		}
	case plan.Replace:
		fields()
		out.Change = replaced
	case plan.Delete:
		out.Change = deleted
		if !d.Done {
			out.Why = "asked for; finalizers hold it"
		}
	case plan.Forget:
		if !was && renders.Known {
			return v1alpha1.ObjectChange{}, false // it never came to be: an earlier commit's apply of it was refused
		}
		out.Change, out.Why = deleted, "it was gone already"
	case plan.Release:
		out.Change, out.From = released, texts([]string{s.To}, 1)
	case plan.Hold:
		out.Change, out.Why = held, text(cmp.Or(string(s.Hold), s.Why), maxText)
	case plan.Keep:
		out.Change, out.Why = kept, text(s.Why, maxText)
	}
	return out, true
}

// hides knows the values of the Secrets of both.
func (r Renders) hides() redact.Filter {
	var known []redact.Secret
	for _, objects := range []map[object.ID]object.Object{r.Before, r.After} {
		for _, o := range objects {
			known = append(known, redact.Needles(o)...)
		}
	}
	return redact.NewFilter(known...)
}

// lines makes fields short. Values of Secrets are a marker already; where they stand in other objects too, hide knows them.
func lines(fields []diff.FieldChange, hide redact.Filter) []v1alpha1.FieldLine {
	var out []v1alpha1.FieldLine
	for _, f := range fields {
		out = append(out, v1alpha1.FieldLine{Field: text(f.Field, maxName), Kind: f.Kind, From: text(hide.Short(f.From), maxName), To: text(hide.Short(f.To), maxName)})
	}
	return out
}

// tell writes the chapter into the Entry of its revision.
func (c *Chapter) tell(e *v1alpha1.Entry) {
	r := e.Revision
	r.Previous, r.By, r.Incomplete = text(c.Previous, maxName), text(c.By, maxName), c.incomplete
	for _, line := range c.ChangedBy[:min(len(c.ChangedBy), maxCommits)] {
		line.Author, line.Subject = text(line.Author, 100), text(line.Subject, maxName)
		if line.ID == r.Commit.ID {
			r.Commit = line
		}
		r.ChangedBy = append(r.ChangedBy, line)
	}
	if len(r.ChangedBy) == 1 && r.ChangedBy[0].ID == r.Commit.ID {
		r.ChangedBy = nil
	}
	if e.Result == v1alpha1.ResultFailed || e.Result == v1alpha1.ResultHeld {
		r.Message, r.Blocking = text(c.Message, maxText), short3(c.Blocking)
	}
	if c.Removed {
		e.Labels[v1alpha1.LabelRemoval] = "true"
	}
	if len(c.changes) > 0 {
		r.Counts = map[string]int{}
	}
	ids := slices.SortedFunc(maps.Keys(c.changes), func(a, b object.ID) int {
		return cmp.Or(cmp.Compare(rank(c.changes[a].Change), rank(c.changes[b].Change)), a.Compare(b))
	})
	for _, id := range ids {
		change := c.changes[id]
		r.Counts[change.Change]++
		r.Changes = append(r.Changes, change)
	}
}

// rank orders changes by how much people want to know of them, for where not all have room.
func rank(change string) int {
	return slices.Index([]string{failed, deleted, replaced, held, takenOver, released, changed, kept, created}, change)
}

func short3(b *v1alpha1.Blocking) *v1alpha1.Blocking {
	if b == nil {
		return nil
	}
	return &v1alpha1.Blocking{
		Kind: text(b.Kind, maxName), Namespace: text(b.Namespace, maxName), Name: text(b.Name, maxName),
		Message: text(b.Message, maxText), LastEvent: text(b.LastEvent, maxText),
	}
}

// Rendered lists the objects of a render by identity; those that name no namespace are in the app's, if they have one.
func Rendered(objects []object.Object, app plan.App, namespaced func(object.Object) bool) map[object.ID]object.Object {
	out := make(map[object.ID]object.Object, len(objects))
	for _, o := range objects {
		id := o.ID()
		if id.Namespace == "" && namespaced(o) {
			id.Namespace = app.Target
		}
		out[id] = o
	}
	return out
}
