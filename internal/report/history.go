package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// History lays out an app's record, newest first: a line for each revision, and one for each correction of drift. Nothing is
// cut but the last column.
func (s Style) History(entries []v1alpha1.Entry, now time.Time) []string {
	if len(entries) == 0 {
		return []string{"Nothing is recorded yet."}
	}
	cells := [][]cell{nil}
	for _, title := range []string{"WHEN", "COMMIT", "RESULT", "APPLIED", "HEALTHY", "CHANGED", "AUTHOR", "WHAT"} {
		cells[0] = append(cells[0], cell{text: title, head: true})
	}
	for _, e := range entries {
		if e.Revision != nil {
			cells = append(cells, s.revisionLine(e, now))
		}
		for _, c := range e.Corrections {
			cells = append(cells, s.correctionLine(c, now))
		}
		if e.LeftOut != nil && e.LeftOut.Corrections > 0 {
			cells = append(cells, []cell{{text: "-"}, {text: "(drift)"}, {text: "-"}, {text: "-"}, {text: "-"}, {text: "-"}, {text: "-"}, {text: fmt.Sprintf("and %d more corrections", e.LeftOut.Corrections)}})
		}
	}
	return s.grid(cells)
}

func (s Style) revisionLine(e v1alpha1.Entry, now time.Time) []cell {
	r := e.Revision
	what := cmp.Or(Clean(r.Commit.Subject), "-")
	if e.Result == v1alpha1.ResultFailed && r.Reason != "" {
		what += " (" + Clean(r.Reason) + ")"
	}
	for _, p := range r.Pulls {
		what += fmt.Sprintf(" (#%d%s)", p.Number, approvals(p))
	}
	return []cell{
		{text: when(exactOf(cmp.Or(r.Seen, r.Applied)), now)}, {text: Clean(short(r.Commit.ID))}, s.resultCell(e.Result),
		{text: took(r.Seen, r.Applied)}, {text: took(r.Applied, r.Healthy)}, {text: s.changedText(r)},
		{text: cmp.Or(authorName(r.Commit.Author), "-")}, {text: what},
	}
}

// approvals gives ", approved by lena and omar".
func approvals(p v1alpha1.PullLine) string {
	users := saying(p, "approved")
	if len(users) == 0 {
		return ""
	}
	return ", approved by " + strings.Join(users, " and ")
}

func (s Style) correctionLine(c v1alpha1.Correction, now time.Time) []cell {
	result := s.resultCell(v1alpha1.ResultHealed)
	if c.Count > 1 {
		result.text += fmt.Sprintf(", %d times", c.Count)
	}
	what := c.Object
	if c.Field != "" {
		what += " " + c.Field
	}
	switch {
	case c.Kind == "missing":
		what += " was deleted"
	case c.Git != "" || c.Live != "":
		what += ": " + orNothing(c.Live) + ", in Git " + orNothing(c.Git)
	case c.Kind != "":
		what += " (" + c.Kind + ")"
	}
	return []cell{
		{text: when(timeOf(cmp.Or(c.Healed, c.Seen)), now)}, {text: "(drift)"}, result, {text: "-"}, {text: "-"}, {text: "-"},
		{text: cmp.Or(Clean(c.Manager), "-")}, {text: Clean(what)},
	}
}

// resultCell gives the sign and the word of a result, which in history may also be the state of what is in hand.
func (s Style) resultCell(r v1alpha1.Result) cell {
	look := map[v1alpha1.Result]struct {
		state v1alpha1.State
		word  string
	}{
		v1alpha1.ResultHeld:       {v1alpha1.StateWaiting, "held"},
		v1alpha1.ResultSuperseded: {v1alpha1.StatePaused, "superseded"},
		v1alpha1.ResultHealed:     {v1alpha1.StateDrifted, "undone"},
	}[r]
	if look.word == "" {
		look.state, look.word = v1alpha1.State(r), Word(v1alpha1.State(r))
	}
	return cell{text: s.sign(look.state) + " " + look.word, state: look.state}
}

// changedText gives "+1 ~2 -1": what came, what changed, what went.
func (s Style) changedText(r *v1alpha1.RevisionEntry) string {
	var parts []string
	for _, p := range []struct {
		sign  string
		words []string
	}{{"+", []string{"created"}}, {"~", []string{"changed"}}, {"!", []string{"replaced", "failed"}}, {"-", []string{"deleted", "held"}}, {">", []string{"taken-over", "released"}}, {"=", []string{"kept"}}} {
		n := 0
		for _, word := range p.words {
			n += r.Counts[word]
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s%d", p.sign, n))
		}
	}
	return cmp.Or(strings.Join(parts, " "), "-")
}

func when(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return ago(at, now)
}

// took is the time between two stages: "340ms", "12s", "3m".
func took(from, to *metav1.MicroTime) string {
	a, b := exactOf(from), exactOf(to)
	switch d := b.Sub(a); {
	case a.IsZero() || b.IsZero():
		return "-"
	case d < 0:
		return "0ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	default:
		return Age(d)
	}
}

// authorName leaves the address away.
func authorName(author string) string {
	name, _, _ := strings.Cut(author, " <")
	return Clean(name)
}

// HistoryEntry lays out one Entry with all that it says.
func (s Style) HistoryEntry(e v1alpha1.Entry, now time.Time) []string {
	w := whyPage{style: s, now: now}
	result := s.resultCell(e.Result)
	w.lines = append(w.lines, s.paint(result.state, result.text)+"  "+s.bold(Clean(e.Address))+"  "+Clean(e.Name))
	w.entryRevision(e.Revision)
	for _, c := range e.Corrections {
		w.drift([]v1alpha1.Drift{c.Drift})
		if c.Count > 1 {
			w.detail("times", fmt.Sprint(c.Count))
		}
	}
	if l := e.LeftOut; l != nil {
		w.section("left out", fmt.Sprintf("%s, %s, %s: there was no room", plural(l.Objects, "object"), plural(l.Fields, "field"), plural(l.Corrections, "correction")))
	}
	return w.lines
}

func (w *whyPage) entryRevision(r *v1alpha1.RevisionEntry) {
	if r == nil {
		return
	}
	w.section("commit", strings.TrimSpace(Clean(r.Commit.ID)+" "+Clean(r.Commit.Subject)))
	if r.Commit.Author != "" {
		text := Clean(r.Commit.Author)
		if at := timeOf(r.Commit.Time); !at.IsZero() {
			text += ", " + Clock(at, w.now)
		}
		w.section("author", text)
	}
	for i, c := range r.ChangedBy {
		w.section([]string{"changes", ""}[min(i, 1)], strings.TrimSpace(Clean(short(c.ID))+" "+Clean(c.Subject)+" ("+cmp.Or(authorName(c.Author), "author unknown")+")"))
	}
	w.pulls(r.Pulls)
	if r.Previous != "" {
		w.section("after", Clean(short(r.Previous)))
	}
	w.stages(r)
	if r.Reason != "" {
		w.section("because", strings.TrimSuffix(Clean(r.Reason)+": "+Clean(r.Message), ": "))
	}
	w.blocking(r.Blocking, "")
	if len(r.Took) > 0 {
		w.section("took from", Clean(strings.Join(r.Took, ", ")))
	}
	w.changes(r)
}

// pulls says which pull requests brought the commits, and what their reviewers said.
func (w *whyPage) pulls(pulls []v1alpha1.PullLine) {
	for i, p := range pulls {
		text := fmt.Sprintf("#%d %s by %s", p.Number, Clean(p.Title), cmp.Or(Clean(p.Author), "somebody"))
		if p.URL != "" {
			text += " (" + Clean(p.URL) + ")"
		}
		w.section([]string{"pull", ""}[min(i, 1)], text)
		w.section("", "  "+reviewText(p))
	}
}

// reviewText gives "approved by dana and lena, asked and silent zoe".
func reviewText(p v1alpha1.PullLine) string {
	var parts []string
	for _, verdict := range []struct{ word, text string }{
		{"approved", "approved by "}, {"objected", "changes requested by "}, {"commented", "commented by "}, {"asked", "asked and silent "},
	} {
		if users := saying(p, verdict.word); len(users) > 0 {
			parts = append(parts, verdict.text+strings.Join(users, " and "))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "reviewed by nobody")
}

// saying lists the reviewers whose last word is a verdict.
func saying(p v1alpha1.PullLine, verdict string) []string {
	var users []string
	for _, review := range p.Reviews {
		if review.Verdict == verdict {
			users = append(users, Clean(review.User))
		}
	}
	return users
}

// stages says when the revision came how far.
func (w *whyPage) stages(r *v1alpha1.RevisionEntry) {
	var parts []string
	for _, stage := range []struct {
		word string
		at   *metav1.MicroTime
	}{{"seen", r.Seen}, {"planned", r.Planned}, {"applied", r.Applied}, {"healthy", r.Healthy}} {
		if at := exactOf(stage.at); !at.IsZero() {
			parts = append(parts, stage.word+" "+Clock(at, w.now))
		}
	}
	if r.By != "" && len(parts) > 0 && r.Seen != nil {
		parts[0] += by(r.By)
	}
	w.section("when", strings.Join(parts, ", "))
}

func (w *whyPage) changes(r *v1alpha1.RevisionEntry) {
	if r.Incomplete {
		w.section("objects", "what changed is not known in full: it was not written when it happened")
	} else if len(r.Changes) == 0 {
		w.section("objects", "none changed")
	}
	for i, c := range r.Changes {
		label := "objects"
		if i > 0 || r.Incomplete {
			label = ""
		}
		text := Clean(c.Change) + " " + Clean(c.Object)
		if len(c.From) > 0 {
			text += map[bool]string{true: " to ", false: " from "}[c.Change == "released"] + Clean(strings.Join(c.From, ", "))
		}
		if c.Why != "" {
			text += ": " + Clean(c.Why)
		}
		w.section(label, text)
		for _, f := range c.Fields {
			w.section("", "  "+Clean(f.Field)+"  "+fieldText(f))
		}
	}
	if slices.ContainsFunc(r.Changes, func(c v1alpha1.ObjectChange) bool { return len(c.Fields) > 0 }) {
		w.section("", "(fields as they differ in Git from the revision before)")
	}
}

func fieldText(f v1alpha1.FieldLine) string {
	if f.From == f.To && f.From != "" {
		return f.From + " (" + Clean(f.Kind) + ")" // a Secret's value: that it changed is all that is told
	}
	return orNothing(Clean(f.From)) + " -> " + orNothing(Clean(f.To))
}
