package record

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/plan"
)

// driftSpan is how long one Entry of drift is written on: a fight that lasts for weeks leaves one Entry a day.
const driftSpan = 24 * time.Hour

// Healed puts corrections into the Entry of drift that is open, and gives the one that they are in: the same, or a new one
// if that is nil, a day old, or full. The same field of the same object, changed by the same manager, is one Correction
// however often it is undone. What was given is left as it is.
func Healed(app plan.App, open *v1alpha1.Entry, rows []v1alpha1.Drift, now time.Time) *v1alpha1.Entry {
	if len(rows) == 0 {
		return open
	}
	if open == nil || len(open.Corrections) == 0 || now.Sub(begun(open)) >= driftSpan || full(open, rows) {
		at := metav1.NewMicroTime(now)
		fresh := entry(app, name(app, &at, driftName), v1alpha1.ResultHealed)
		open = &fresh
	} else {
		open = open.DeepCopy()
	}
	for i := len(rows) - 1; i >= 0; i-- {
		add(open, rows[i])
	}
	if latest := open.Corrections[0]; latest.Object != "" {
		open.Summary = correctionLine(latest)
	}
	e := fit(*open)
	return &e
}

// add counts a correction, and puts it first.
func add(e *v1alpha1.Entry, row v1alpha1.Drift) {
	c := v1alpha1.Correction{Drift: trimmed(row), Count: 1}
	for i, old := range e.Corrections {
		if same(old.Drift, c.Drift) {
			c.Count, c.Seen = old.Count+1, old.Seen
			e.Corrections = slices.Delete(e.Corrections, i, i+1)
			break
		}
	}
	e.Corrections = slices.Insert(e.Corrections, 0, c)
}

func same(a, b v1alpha1.Drift) bool {
	return a.Object == b.Object && a.Field == b.Field && a.Kind == b.Kind && a.Manager == b.Manager
}

// full tells whether there is no room for one more row, and this is not about what is in there already.
func full(e *v1alpha1.Entry, rows []v1alpha1.Drift) bool {
	return len(e.Corrections) >= maxCorrections && !slices.ContainsFunc(e.Corrections, func(c v1alpha1.Correction) bool { return same(c.Drift, trimmed(rows[0])) })
}

// begun is when the first correction was seen.
func begun(e *v1alpha1.Entry) time.Time {
	first := time.Time{}
	for _, c := range e.Corrections {
		if c.Seen != nil && (first.IsZero() || c.Seen.Time.Before(first)) {
			first = c.Seen.Time
		}
	}
	return first
}

// LastHealed is when the newest of the corrections was made.
func LastHealed(e *v1alpha1.Entry) time.Time {
	last := time.Time{}
	for _, c := range e.Corrections {
		if c.Healed != nil && c.Healed.After(last) {
			last = c.Healed.Time
		}
	}
	return last
}

func trimmed(d v1alpha1.Drift) v1alpha1.Drift {
	for _, s := range []*string{&d.Object, &d.Field, &d.Kind, &d.Manager, &d.Operation, &d.Subresource, &d.Git, &d.Live} {
		*s = text(*s, maxName)
	}
	return d
}

// correctionLine says what was undone.
func correctionLine(c v1alpha1.Correction) string {
	line := c.Object
	if c.Field != "" {
		line += " " + c.Field
	}
	if c.Kind == "missing" {
		line += " was deleted"
	} else {
		line += " was " + orDefault(c.Kind, changed)
	}
	if c.Manager != "" {
		line += " by " + c.Manager
	}
	return text(line, maxText)
}

// Older orders the names of Entries by their time, of whatever App they are.
func Older(a, b string) int {
	return cmp.Or(strings.Compare(whenOf(a), whenOf(b)), strings.Compare(a, b))
}

// whenOf gives what stands behind the App in a name.
func whenOf(name string) string {
	parts := strings.Split(name, "-")
	return strings.Join(parts[max(0, len(parts)-4):], "-")
}

// Surplus gives the names that go so that of an App's Entries at most keep are left, half of them of drift: the oldest of
// its kind first. A fight drives no revision out of the record.
func Surplus(names []string, keep int) []string {
	var drift, revisions []string
	for _, n := range slices.SortedFunc(slices.Values(names), Older) {
		if IsDrift(n) {
			drift = append(drift, n)
		} else {
			revisions = append(revisions, n)
		}
	}
	var gone []string
	if n := len(drift) - keep/2; n > 0 && len(names) > keep {
		n = min(n, len(names)-keep)
		gone, drift = append(gone, drift[:n]...), drift[n:]
	}
	if n := len(drift) + len(revisions) - keep; n > 0 {
		gone = append(gone, revisions[:min(n, len(revisions))]...)
	}
	return gone
}
