package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// Why lays out everything that is known about one target: its sentence, which change brought it there, what blocks it, who
// changed what, what waits for consent, and what to do next. change is the commit of the newest revision, nil if it is not known.
func (s Style) Why(t Target, change *v1alpha1.CommitLine, agent Agent, now time.Time) []string {
	w := whyPage{style: s, now: now}
	st := t.App.Status
	w.headline(t, agent)
	w.revisions(st, change)
	w.change(t, change)
	w.elsewhere(st)
	w.objects(st)
	w.pause(t)
	w.revert(proposed(st))
	w.blocking(st.Blocking, st.Summary)
	w.waiting(st)
	w.pending(st.Pending)
	w.drift(st.Drift)
	w.held(t)
	w.warnings(st.Warnings)
	next := t.Next()
	w.conditions(st, next)
	if next != "" {
		w.section("next", next)
	}
	return w.lines
}

// whyPage collects lines: a label in the first column, text behind it.
type whyPage struct {
	style Style
	now   time.Time
	lines []string
}

const whyIndent = 12

// section adds a labelled paragraph, wrapped at the width.
func (w *whyPage) section(label, text string) {
	for i, line := range w.style.wrap(text, whyIndent) {
		if i > 0 {
			label = ""
		}
		w.lines = append(w.lines, strings.TrimRight(w.style.dim(pad("  "+label, whyIndent))+line, " "))
	}
}

// detail adds a line of a list below a section.
func (w *whyPage) detail(label, text string) {
	const indent = whyIndent + 2
	labelled := strings.Repeat(" ", indent) + pad(label, 8)
	for i, line := range w.style.wrap(text, len(labelled)) {
		if i > 0 {
			labelled = strings.Repeat(" ", len(labelled))
		}
		w.lines = append(w.lines, labelled+line)
	}
}

func (w *whyPage) headline(t Target, agent Agent) {
	s := w.style
	summary := cmp.Or(t.Summary(), nothingSaid)
	if silent := agent.Silent(w.now); silent != "" {
		known := "nothing is known"
		if last := t.App.Status.State; last != "" {
			known = "last known: " + Word(last)
		}
		summary = strings.TrimSuffix(silent+"; "+known+", "+t.Summary(), ", ")
		if t.Ending() {
			summary += "; it is " + endsWithout
		}
	}
	head := fmt.Sprintf("%s %s  %s", s.Glyph(t.State), t.Address(), Word(t.State))
	lines := s.wrap(summary, textWidth(head)+2)
	w.lines = append(w.lines, s.paint(t.State, s.Glyph(t.State))+" "+s.bold(t.Address())+"  "+s.paint(t.State, Word(t.State))+"  "+lines[0])
	for _, line := range lines[1:] {
		w.lines = append(w.lines, strings.Repeat(" ", textWidth(head)+2)+line)
	}
}

func (w *whyPage) revisions(st v1alpha1.AppStatus, told *v1alpha1.CommitLine) {
	text := "nothing applied yet"
	if st.Revision != "" {
		text = short(st.Revision) + " applied"
	}
	if st.Target != "" && st.Target != st.Revision {
		text += ", " + short(st.Target) + " wanted"
	}
	alone := told != nil && told.Subject != "" && len(st.ChangedBy) == 1 && st.ChangedBy[0] == told.ID
	if len(st.ChangedBy) > 0 && !alone && (st.Target != st.Revision || strings.Contains(st.ChangedBy[0], "@")) {
		ids := make([]string, len(st.ChangedBy))
		for i, id := range st.ChangedBy {
			ids[i] = shortChange(id)
		}
		text += "; changed by " + strings.Join(ids, ", ")
	}
	if at := timeOf(st.AsOf); !at.IsZero() {
		text += "; so since " + Clock(at, w.now) + " (" + ago(at, w.now) + ")"
	}
	w.section("revision", text)
}

// change names the commit with its author, and says of a failure which revision was ok before it.
func (w *whyPage) change(t Target, c *v1alpha1.CommitLine) {
	var parts []string
	if c != nil && c.Subject != "" {
		text := fmt.Sprintf("%s %q", short(c.ID), Clean(c.Subject))
		if author := authorName(c.Author); author != "" {
			text += " by " + author
		}
		parts = append(parts, text)
	}
	if good := t.lastGood(); good != "" {
		parts = append(parts, short(good)+" was ok before it")
	}
	if len(parts) > 0 {
		w.section("change", strings.Join(parts, "; "))
	}
}

func (w *whyPage) objects(st v1alpha1.AppStatus) {
	if n := st.Objects; n.Total > 0 {
		text := plural(n.Total, "object")
		if st.Health != "" {
			text += ", health " + Clean(string(st.Health))
		}
		w.section("objects", text+nonZero(n.Changed, "changed")+nonZero(n.Drifted, "drifted")+nonZero(n.ToDelete, "to delete"))
	}
}

func nonZero(n int, word string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d %s", n, word)
}

func (w *whyPage) pause(t Target) {
	p := t.App.Spec.Pause
	switch {
	case p == nil:
	case t.pause(w.now) == nil:
		w.section("paused", pauseText(p, time.Time{})+"; that is over")
	case p.At == "":
		w.section("paused", pauseText(p, w.now))
	default:
		text := "at " + short(p.At) + ", " + pauseText(p, w.now)
		if held := t.App.Status.Held; held != nil && held.Newest != "" {
			text += "; " + short(held.Newest) + " is not applied meanwhile"
		}
		w.section("held", text+"; it ends by itself when the branch renders the same as "+short(p.At))
	}
}

// proposed gives the pull request that would take back what is wanted, or held away; nil if there is none.
func proposed(st v1alpha1.AppStatus) *v1alpha1.ProposedRevert {
	r := st.Revert
	if r == nil || r.Of != st.Target && (st.Held == nil || r.Of != st.Held.Newest) {
		return nil
	}
	return r
}

// revert tells of the pull request that takes a commit back.
func (w *whyPage) revert(r *v1alpha1.ProposedRevert) {
	if r == nil {
		return
	}
	text := fmt.Sprintf("#%d takes %s back to %s: %s", r.Pull, short(r.Of), short(r.To), Clean(r.URL))
	if r.Conflicts > 0 {
		text += "; " + plural(r.Conflicts, "file") + " must be mended in its branch first"
	}
	w.section("revert", text)
}

// blocking names the object that is in the way, with what it says beyond the headline.
func (w *whyPage) blocking(b *v1alpha1.Blocking, headline string) {
	if b == nil {
		return
	}
	name := b.Kind + "/" + b.Name
	if b.Namespace != "" {
		name = b.Kind + "/" + b.Namespace + "/" + b.Name
	}
	w.section("blocking", Clean(name))
	if b.Message != "" && !strings.Contains(headline, b.Message) {
		w.detail("says", Clean(b.Message))
	}
	if b.LastEvent != "" {
		w.detail("event", Clean(b.LastEvent))
	}
	for i, line := range b.Log {
		label := "log"
		if i > 0 {
			label = ""
		}
		w.detail(label, Clean(line))
	}
}

func (w *whyPage) waiting(st v1alpha1.AppStatus) {
	if len(st.WaitingFor) > 0 {
		st.HeldDeletions, st.HeldCount = nil, 0
		w.section("waiting", waitText(st))
	}
}

// pending shows what would be done and is not.
func (w *whyPage) pending(p *v1alpha1.Pending) {
	if p == nil {
		return
	}
	w.section("would do", plural(p.Count, "step")+", and does none of them")
	for _, step := range p.Steps {
		labelled := strings.Repeat(" ", whyIndent+2) + pad(Clean(step.Action), len("take over")+2)
		for _, line := range w.style.wrap(Clean(step.Object+": "+step.Why), len(labelled)) {
			w.lines = append(w.lines, labelled+line)
			labelled = strings.Repeat(" ", len(labelled))
		}
	}
	if more := p.Count - len(p.Steps); more > 0 {
		w.lines = append(w.lines, strings.Repeat(" ", whyIndent+2)+fmt.Sprintf("and %d more: plumb diff shows them all, with their fields", more))
	}
}

func (w *whyPage) drift(list []v1alpha1.Drift) {
	for i, d := range list {
		label := "drift"
		if i > 0 {
			label = ""
		}
		w.section(label, driftTitle(d))
		if d.Git != "" || d.Live != "" {
			w.detail("Git", orNothing(Clean(d.Git)))
			w.detail("live", orNothing(Clean(d.Live)))
		}
		w.detail("by", driftWho(d))
		w.detail("when", w.driftWhen(d))
	}
}

func driftTitle(d v1alpha1.Drift) string {
	title := d.Object + "  " + d.Field
	if d.Kind != "" {
		title += " (" + d.Kind + ")"
	}
	return Clean(title)
}

func orNothing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

// driftWho names the manager, and says what the API server does not know: the person.
func driftWho(d v1alpha1.Drift) string {
	if d.Manager == "" {
		return "unknown: whoever did it left no entry in managedFields"
	}
	text := fmt.Sprintf("manager %q", Clean(d.Manager))
	switch {
	case d.Operation != "" && d.Subresource != "":
		text += fmt.Sprintf(" (%s, subresource %s)", Clean(d.Operation), Clean(d.Subresource))
	case d.Operation != "":
		text += " (" + Clean(d.Operation) + ")"
	}
	return text + "; the person is in the API server's audit log"
}

// driftWhen says which source each time has.
func (w *whyPage) driftWhen(d v1alpha1.Drift) string {
	var parts []string
	if t := timeOf(d.Seen); !t.IsZero() {
		parts = append(parts, "seen "+Clock(t, w.now))
	}
	if t := timeOf(d.Time); !t.IsZero() {
		parts = append(parts, "that manager's entry was last written "+Clock(t, w.now))
	}
	if t := timeOf(d.Healed); !t.IsZero() {
		parts = append(parts, "undone "+Clock(t, w.now))
	} else {
		parts = append(parts, "not undone")
	}
	return strings.Join(parts, "; ")
}

func (w *whyPage) held(t Target) {
	st := t.App.Status
	n := heldCount(st)
	if n == 0 {
		return
	}
	w.section("held", plural(n, "deletion")+" that only a commit can allow")
	for _, h := range st.HeldDeletions {
		w.lines = append(w.lines, strings.Repeat(" ", whyIndent+2)+Clean(h.Object)+"  "+w.style.dim(Clean(h.Reason)))
	}
	if more := n - len(st.HeldDeletions); more > 0 {
		w.lines = append(w.lines, strings.Repeat(" ", whyIndent+2)+fmt.Sprintf("and %d more", more))
	}
	for i, line := range t.ConsentLines() {
		label := "consent"
		if i > 0 {
			label = ""
		}
		w.section(label, line)
	}
}

func (w *whyPage) warnings(list []string) {
	for i, text := range list {
		label := "warning"
		if i > 0 {
			label = ""
		}
		w.section(label, Clean(text))
	}
}

// conditions shows the reasons, and what they say beyond the headline and the next step, each text once.
func (w *whyPage) conditions(st v1alpha1.AppStatus, next string) {
	label, told := "reason", map[string]bool{}
	for _, c := range st.Conditions {
		if c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue || told[c.Message] {
			continue
		}
		told[c.Message] = true
		text := Clean(c.Reason)
		if more := beyond(c.Message, st.Summary); more != "" && more != next {
			text += ": " + Clean(more)
		}
		w.section(label, text+w.stalled(c, st.Conditions))
		label = ""
	}
}

// beyond gives what a condition's message says after the sentence that it begins with: the next step that its fault names.
func beyond(message, summary string) string {
	if summary == "" {
		return message
	}
	if rest, ok := strings.CutPrefix(message, summary); ok {
		return strings.TrimPrefix(rest, "; ")
	}
	return message
}

// stalled says of a reason that no retry will help, where that is so.
func (w *whyPage) stalled(of metav1.Condition, list []metav1.Condition) string {
	for _, c := range list {
		if c.Type == v1alpha1.ConditionStalled && c.Status == metav1.ConditionTrue && c.Message == of.Message {
			return " (no retry will help)"
		}
	}
	return ""
}

// elsewhere tells what comes from other places than the app's repository.
func (w *whyPage) elsewhere(st v1alpha1.AppStatus) {
	var parts []string
	for _, c := range st.Charts {
		parts = append(parts, "chart "+Clean(c.Name)+" "+Clean(c.Version)+" of "+Clean(c.Repo))
	}
	for _, s := range st.Sources {
		parts = append(parts, "source "+Clean(s.Name)+" at "+short(s.Revision))
	}
	if len(parts) > 0 {
		w.section("with", strings.Join(parts, ", "))
	}
}

// shortChange shortens a commit, or <source>@<commit>.
func shortChange(id string) string {
	if source, commit, ok := strings.Cut(id, "@"); ok {
		return Clean(source) + "@" + short(commit)
	}
	return short(id)
}
