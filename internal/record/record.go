// Package record writes an app's record: from what a pass knows (the status' row, the steps and what became of them, the
// renders before and after) it makes Entries, and from Entries and status it makes the history that people read.
//
// It is pure: it never reads a cluster, Git or a clock, never decides when an Entry is written, and never lets a Secret's
// value in: fields come from package diff, which gives a marker. Whatever goes in, an Entry has at most MaxBytes.
//
// Start at Revision and Healed, which make an Entry; Chapter gathers what a revision did; History joins Entries and status.
package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// The bounds of an Entry. MaxBytes is that of its JSON without metadata: 200 of them are 2.4 MB at the very most, and about
// a tenth of that in practice.
const (
	MaxBytes       = 12 << 10
	maxChanges     = 60
	maxFields      = 20
	maxCorrections = 20
	maxText        = 300 // bytes of a message
	maxName        = 160 // bytes of a name or a path
	maxCommits     = 10
)

// Results of a row that are not settled: more is to come.
func resultOf(row v1alpha1.HistoryRow) v1alpha1.Result {
	switch {
	case row.Result == string(v1alpha1.StateOK):
		return v1alpha1.ResultOK
	case row.Result == string(v1alpha1.StateFailed):
		return v1alpha1.ResultFailed
	case row.Result == string(v1alpha1.ResultSuperseded):
		return v1alpha1.ResultSuperseded
	case row.Result == string(v1alpha1.StateWaiting) && row.Reason == string(fault.DeletionHeld):
		return v1alpha1.ResultHeld
	}
	return ""
}

// Settled tells whether a row of the status is worth an Entry: the revision is ok, failed, held or superseded.
func Settled(row v1alpha1.HistoryRow) bool { return resultOf(row) != "" }

// Name gives the name of the Entry of an App object's revision: the names of one App are in the order of time.
func Name(app plan.App, row v1alpha1.HistoryRow) string {
	return name(app, cmp.Or(row.Seen, row.Planned, row.Applied), short(row.Revision))
}

// driftName ends the name of an Entry of drift.
const driftName = "drift"

// IsDrift tells whether a name is that of an Entry of drift.
func IsDrift(name string) bool { return strings.Contains(name, "-"+driftName+"-") }

// name makes "<App>-20261126-154500.123456-9f31c2a-1b2c": the end is of the App's UID, since a commit may be seen once by two
// Apps of one name. Two commits may come in one second, not in one microsecond.
func name(app plan.App, at *metav1.MicroTime, what string) string {
	base := app.Name
	if len(base) > maxName {
		base = strings.TrimRight(base[:maxName-9], "-.") + "-" + hash(app.Name)
	}
	when := time.Time{}
	if at != nil {
		when = at.Time
	}
	return fmt.Sprintf("%s-%s-%s-%s", base, when.UTC().Format("20060102-150405.000000"), orDefault(clean(what), "none"), hash(app.UID)[:4])
}

func hash(s string) string { return object.DigestBytes([]byte(s))[len("sha256:"):][:8] }

// clean keeps what may stand in a name.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func short(revision string) string {
	if len(revision) > 7 {
		return revision[:7]
	}
	return revision
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Row is one row of an App's status, and what is known of it besides.
type Row struct {
	v1alpha1.HistoryRow
	Chapter *Chapter // nil: nothing is known besides
}

// Revision makes the Entry of a revision from its row in the status.
func Revision(app plan.App, row Row) v1alpha1.Entry {
	e := entry(app, Name(app, row.HistoryRow), resultOf(row.HistoryRow))
	r := &v1alpha1.RevisionEntry{
		Commit: v1alpha1.CommitLine{ID: text(row.Revision, maxName)},
		Seen:   row.Seen, Planned: row.Planned, Applied: row.Applied, Healthy: row.Healthy,
		Reason: text(row.Reason, maxName), Took: texts(row.Took, 10),
	}
	if r.Reason == string(fault.Healthy) {
		r.Reason = ""
	}
	e.Revision = r
	if row.Chapter == nil {
		r.Incomplete = row.Changed > 0 || row.Applied != nil
		e.Summary = summary(&e)
		return fit(e)
	}
	row.Chapter.tell(&e)
	e.Summary = summary(&e)
	return fit(e)
}

func entry(app plan.App, name string, result v1alpha1.Result) v1alpha1.Entry {
	e := v1alpha1.Entry{App: app.Name, AppUID: app.UID, Address: text(app.Address(), maxName), Result: result}
	e.Name, e.Namespace = name, app.Namespace
	e.Labels = map[string]string{v1alpha1.LabelAppUID: app.UID, v1alpha1.LabelResult: string(result)}
	for label, value := range map[string]string{v1alpha1.LabelApp: app.App, v1alpha1.LabelEnv: app.Env, v1alpha1.LabelCluster: app.Cluster} {
		if value != "" && len(value) <= 63 {
			e.Labels[label] = value
		}
	}
	return e
}

// summary is the line that says it all.
func summary(e *v1alpha1.Entry) string {
	r := e.Revision
	line := short(r.Commit.ID)
	if r.Commit.Subject != "" {
		line += " " + r.Commit.Subject
	}
	switch {
	case e.Result == v1alpha1.ResultSuperseded:
		line += ": a newer commit came before it was healthy"
	case r.Message != "" && e.Result != v1alpha1.ResultOK:
		line += ": " + r.Message
	case r.Reason != "":
		line += ": " + r.Reason
	}
	return text(line, maxText)
}

// The bounds of what an Entry tells of pull requests. They are as many as its type allows.
const (
	maxPulls   = 5
	maxReviews = 20
)

// Reviewed adds the pull requests that brought the commits of a revision, as far as there is room. The Entry is not changed.
func Reviewed(e v1alpha1.Entry, pulls []v1alpha1.PullLine) v1alpha1.Entry {
	out := *e.DeepCopy()
	if out.Revision == nil {
		return out
	}
	out.Revision.Pulls = nil
	for _, p := range pulls[:min(len(pulls), maxPulls)] {
		p.URL, p.Title, p.Author = text(p.URL, maxText), text(p.Title, maxName), text(p.Author, maxName)
		reviews := p.Reviews[:min(len(p.Reviews), maxReviews)]
		p.Reviews = nil
		for _, review := range reviews {
			review.User = text(review.User, maxName/2)
			p.Reviews = append(p.Reviews, review)
		}
		out.Revision.Pulls = append(out.Revision.Pulls, p)
	}
	return fit(out)
}

// fit takes out what is too much, the least telling first, and counts it.
func fit(e v1alpha1.Entry) v1alpha1.Entry {
	left := v1alpha1.LeftOut{}
	if e.LeftOut != nil {
		left = *e.LeftOut
	}
	if e.Revision != nil {
		fitRevision(&e, &left)
	}
	if n := len(e.Corrections) - maxCorrections; n > 0 {
		e.Corrections, left.Corrections = e.Corrections[:maxCorrections], left.Corrections+n
	}
	for size(e) > MaxBytes && len(e.Corrections) > 1 {
		e.Corrections, left.Corrections = e.Corrections[:len(e.Corrections)-1], left.Corrections+1
	}
	e.LeftOut = nil
	if left != (v1alpha1.LeftOut{}) {
		e.LeftOut = &left
	}
	return e
}

func fitRevision(e *v1alpha1.Entry, left *v1alpha1.LeftOut) {
	r := e.Revision
	r.Changes = slices.Clone(r.Changes)
	if n := len(r.Changes) - maxChanges; n > 0 {
		r.Changes, left.Objects = r.Changes[:maxChanges], left.Objects+n
	}
	for keep := maxFields; ; keep /= 2 {
		for i := range r.Changes {
			if n := len(r.Changes[i].Fields) - keep; n > 0 {
				r.Changes[i].Fields, left.Fields = r.Changes[i].Fields[:keep], left.Fields+n
			}
		}
		if keep == 0 || size(*e) <= MaxBytes {
			break
		}
	}
	for size(*e) > MaxBytes && len(r.Changes) > 0 {
		half := len(r.Changes) / 2
		r.Changes, left.Objects = r.Changes[:half], left.Objects+len(r.Changes)-half
	}
}

// size is that of the JSON without metadata, with room for what will be said to be left out.
func size(e v1alpha1.Entry) int {
	e.ObjectMeta = metav1.ObjectMeta{}
	e.LeftOut = &v1alpha1.LeftOut{Objects: math.MaxInt32, Fields: math.MaxInt32, Corrections: math.MaxInt32}
	data, err := json.Marshal(e)
	if err != nil {
		return MaxBytes + 1 // no value of these types is no JSON
	}
	return len(data)
}

// text makes foreign text fit for one line of at most n bytes, and valid.
func text(s string, n int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func texts(list []string, n int) []string {
	var out []string
	for _, s := range list[:min(len(list), n)] {
		out = append(out, text(s, maxName))
	}
	return out
}
