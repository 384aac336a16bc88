package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// Up to this many apps the table shows all rows; beyond it, rows that are ok everywhere are counted, not shown.
const fewApps = 10

// Up to this many trouble lines are printed unless all are asked for.
const fewTroubles = 20

// Status lays out the whole fleet: a line per repository, the state table, the counts, and a line per trouble. all shows
// every row and every trouble.
func (s Style) Status(f Fleet, all bool) []string {
	targets := f.Targets()
	if len(targets) == 0 && len(f.Repos) == 0 {
		return []string{"No apps and no repositories here yet.", "next  kubectl apply a Repo (plumb.dev/v1alpha1), or try plumb up"}
	}
	lines := s.heads(f, all)
	if every := f.Agent.SecretsEvery; every != "" {
		lines = append(s.wrap("The agent may not list Secrets: those of apps are looked at every "+Clean(every)+" and with each plan; drift of them is seen only then.", 0), lines...)
	}
	if f.Agent.ReadOnly {
		lines = append(s.wrap(ReadOnlyText, 0), lines...)
	}
	lines = append(lines, s.table(MatrixOf(targets), f.Now, all)...)
	lines = append(lines, s.Counts(targets))
	return append(lines, s.troubles(f.Troubles(), all)...)
}

// Counts gives the summary line: apps, targets, and targets by state. The parts add up to the number of targets.
func (s Style) Counts(targets []Target) string {
	apps := map[[2]string]bool{}
	for _, t := range targets {
		apps[[2]string{t.App.Namespace, AppName(t.App)}] = true
	}
	counts, parts := Count(targets), []string{}
	for _, state := range []v1alpha1.State{
		v1alpha1.StateOK, v1alpha1.StateRolling, v1alpha1.StateWaiting, v1alpha1.StatePaused,
		v1alpha1.StateDrifted, v1alpha1.StateFailed, v1alpha1.StateUnknown,
	} {
		if n := *counts.Of(state); n > 0 {
			parts = append(parts, s.paint(state, fmt.Sprintf("%d %s", n, Word(state))))
		}
	}
	line := plural(len(apps), "app") + ", " + plural(counts.Total, "target")
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	return line
}

func (s Style) heads(f Fleet, all bool) []string {
	var lines []string
	for i, r := range f.Repos {
		if i == fewApps && !all {
			lines = append(lines, s.dim(fmt.Sprintf("and %d more%s(--all)", len(f.Repos)-i, s.gap())))
			break
		}
		lines = append(lines, s.cutLine(s.Head(r, f.Now)))
	}
	return lines
}

// Head tells of one repository: what is tracked, the commit that all its apps are decided at, and how fresh that is.
func (s Style) Head(r v1alpha1.Repo, now time.Time) string {
	st := r.Status
	ref := r.Spec.Revision
	if st.Observed != nil {
		ref = cmp.Or(st.Observed.Ref, ref)
	}
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
	parts := []string{Clean(repoName(r) + "@" + cmp.Or(ref, "HEAD")), s.commits(st)}
	if n := max(len(st.Deciding), st.DecidingCount); n > 0 {
		parts = append(parts, s.deciding(st.Deciding, n))
	}
	if st.Observed != nil && !st.Observed.Time.IsZero() {
		parts = append(parts, "seen "+ago(st.Observed.Time.Time, now)+by(st.Observed.By))
	}
	if stale := timeOf(st.StaleSince); !stale.IsZero() {
		parts = append(parts, "STALE since "+Clock(stale, now))
	}
	return strings.Join(parts, s.gap())
}

func (s Style) commits(st v1alpha1.RepoStatus) string {
	observed := ""
	if st.Observed != nil {
		observed = st.Observed.Revision
	}
	switch {
	case observed == "" && st.Revision == "":
		return "no commit seen yet"
	case st.Revision == "":
		return "(none) " + s.arrow() + " " + short(observed)
	case observed != "" && observed != st.Revision:
		return short(st.Revision) + " " + s.arrow() + " " + short(observed)
	}
	return short(st.Revision)
}

func (s Style) deciding(names []string, n int) string {
	shown := names[:min(len(names), 3)]
	text := "deciding " + Clean(strings.Join(shown, ", "))
	if len(shown) == 0 {
		return "deciding " + plural(n, "app")
	}
	if n > len(shown) {
		text += fmt.Sprintf(" and %d more", n-len(shown))
	}
	return text
}

func by(how string) string {
	if how == "" {
		return ""
	}
	return " by " + Clean(how)
}

func (s Style) arrow() string {
	if s.ASCII {
		return "->"
	}
	return "→"
}

func (s Style) gap() string { return "   " }

// cutLine cuts a line without colours to the width.
func (s Style) cutLine(line string) string { return s.cut(line, s.Width) }

func (s Style) troubles(list []Trouble, all bool) []string {
	more := 0
	if !all && len(list) > fewTroubles {
		more = len(list) - fewTroubles
		list = list[:fewTroubles]
	}
	cols := s.troubleColumns(list)
	var lines []string
	for _, t := range list {
		lines = append(lines, s.troubleLine(t, cols))
	}
	if more > 0 {
		lines = append(lines, s.dim(fmt.Sprintf("and %d more%s(--all)", more, s.gap())))
	}
	return lines
}

// troubleColumns is how wide the columns of the trouble lines are; next is 0 where there is no room for commands.
type troubleColumns struct{ who, text, next int }

func (s Style) troubleColumns(list []Trouble) troubleColumns {
	var c troubleColumns
	for _, t := range list {
		c.who = max(c.who, textWidth(Clean(t.Who)))
		c.text = max(c.text, textWidth(Clean(t.Text)))
		c.next = max(c.next, textWidth(t.Next))
	}
	if s.Width <= 0 {
		return c
	}
	const enough = 20
	before := textWidth(s.sign(v1alpha1.StateOK)) + 1 + c.who + gridGap
	room := s.Width - before - c.next - gridGap
	if room < enough {
		room, c.next = s.Width-before, 0
	}
	c.text = min(c.text, max(room, 1))
	return c
}

// troubleLine gives "✕ search/staging   Deployment/api: ImagePullBackOff   plumb why search/staging"; the text gives way.
func (s Style) troubleLine(t Trouble, c troubleColumns) string {
	line := s.paint(t.State, s.sign(t.State)+" "+pad(Clean(t.Who), c.who)) + s.gap()
	text := s.cut(Clean(t.Text), c.text)
	if c.next == 0 || t.Next == "" {
		return s.cutPlain(line + text)
	}
	return s.cutPlain(line + pad(text, c.text) + s.gap() + s.dim(t.Next))
}

// Change gives one line about one target as it is now, for a log of changes: time, state, commit, sentence.
func (s Style) Change(t Target, now time.Time) string {
	text := t.Summary()
	if t.State != v1alpha1.StateOK {
		text = Clean(troubleOfTarget(t, now).Text)
	}
	return strings.TrimRight(fmt.Sprintf("%s  %s %s  %s  %s  %s", now.Format("15:04:05"), s.paint(t.State, s.Glyph(t.State)),
		t.Address(), s.paint(t.State, Word(t.State)), short(ShownRevision(t)), text), " ")
}

// One lays out one target: its line, its objects and its trouble.
func (s Style) One(t Target, now time.Time) []string {
	st := t.App.Status
	line := s.paint(t.State, s.Glyph(t.State)+" "+t.Address()) + "  " + s.paint(t.State, Word(t.State)) + "  " + cmp.Or(short(ShownRevision(t)), "-")
	if at := timeOf(st.AsOf); !at.IsZero() && t.State != v1alpha1.StateUnknown {
		line += "  since " + Clock(at, now) + " (" + ago(at, now) + ")"
	}
	lines := []string{line}
	if n := st.Objects; n.Total > 0 {
		lines = append(lines, "  "+plural(n.Total, "object")+", "+cmp.Or(Clean(string(st.Health)), "health not known")+nonZero(n.Drifted, "drifted")+nonZero(n.ToDelete, "to delete"))
	}
	for _, text := range s.wrap(t.Summary(), 2) {
		if text != "" {
			lines = append(lines, "  "+text)
		}
	}
	return lines
}
