// Package revert decides what a revert takes back, and says it: which change of an app, back to what, in which branch, with
// which words. Reverts are made by people (plumb rollback) and by the agent (onFailure); what is here is the same for both.
//
// It is pure. It never runs git and asks no forge: package source makes the commit, package forge the pull request.
//
// Start at Choose.
package revert

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Change is what an app went through, and what a revert takes back of it.
type Change struct {
	App       string   // the name of the App object
	Address   string   // cart/prod
	Bad, Good string   // commits, in full: from which state back to which
	ChangedBy []string // the commits that made the difference, newest first; others than the app's repository left out
}

// Choose finds what a revert takes back: the newest change of the app, back to the last revision that was ok, or to the commit
// that is named. What a Hold keeps away is the newest change.
//
// Errors: NothingToRevert.
func Choose(app, address string, status v1alpha1.AppStatus, to string) (Change, error) {
	c := Change{App: app, Address: address, Bad: status.Target, Good: to}
	for _, id := range status.ChangedBy {
		if !strings.Contains(id, "@") {
			c.ChangedBy = append(c.ChangedBy, id)
		}
	}
	if held := status.Held; held != nil && held.Newest != "" {
		c.Bad, c.ChangedBy = held.Newest, []string{held.Newest}
		if c.Good == "" {
			c.Good = held.At
		}
	}
	if c.Bad == "" {
		return Change{}, fault.New(fault.NothingToRevert, "%s has not gone through a commit yet", address)
	}
	for _, row := range status.History {
		if c.Good == "" && row.Result == string(v1alpha1.ResultOK) && row.Revision != c.Bad {
			c.Good = row.Revision
		}
	}
	switch {
	case c.Good == "":
		return Change{}, fault.New(fault.NothingToRevert, "no earlier revision of %s is known that was ok", address).
			WithNext("name the commit to go back to: --to COMMIT")
	case c.Good == c.Bad:
		return Change{}, fault.New(fault.NothingToRevert, "%s is at %s already", address, short(c.Good)).
			WithNext("plumb history %s lists what it went through", address)
	}
	if len(c.ChangedBy) == 0 {
		c.ChangedBy = []string{c.Bad}
	}
	return c, nil
}

// Labels of the pull requests of this package.
const (
	Label          = "plumb-revert"
	LabelConflicts = "plumb-conflicts" // beside it: people must mend it first
)

// window is how long after it was applied a failure counts as a commit's, if nothing else is said.
const window = 10 * time.Minute

// caused are the failures that a commit may have caused; others come from elsewhere, or need no commit to be mended.
var caused = []fault.Reason{
	fault.HealthDegraded, fault.HealthTimeout, fault.HookFailed, fault.RenderFailed, fault.InvalidObject, fault.ImmutableField, fault.ApplyFailed,
}

// Due tells whether a revert is to be proposed for the newest change of an app, by its own policy, and which: the app failed
// at it within the window, and what it went through before was ok. For one change it is due once, and once in a window.
func Due(app, address string, status v1alpha1.AppStatus, policy *v1alpha1.OnFailure) (Change, bool) {
	if policy == nil || policy.Revert != v1alpha1.RevertByPull || status.State != v1alpha1.StateFailed || len(status.History) < 2 || status.AsOf == nil {
		return Change{}, false
	}
	within, err := time.ParseDuration(policy.Within)
	if err != nil {
		within = window
	}
	row, before := status.History[0], status.History[1:]
	begun := cmp.Or(row.Applied, row.Planned, row.Seen)
	if row.Revision != status.Target || begun == nil || status.AsOf.Sub(begun.Time) > within || !wasCaused(status) {
		return Change{}, false
	}
	if last := status.Revert; last != nil && (last.Of == row.Revision || last.At != nil && begun.Sub(last.At.Time) < within) {
		return Change{}, false
	}
	for len(before) > 0 && before[0].Result == string(v1alpha1.ResultSuperseded) {
		before = before[1:]
	}
	if len(before) == 0 || before[0].Result != string(v1alpha1.ResultOK) || status.Held != nil {
		return Change{}, false
	}
	c, err := Choose(app, address, status, before[0].Revision)
	return c, err == nil
}

func wasCaused(status v1alpha1.AppStatus) bool {
	for _, c := range status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return slices.Contains(caused, fault.Reason(c.Reason))
		}
	}
	return false
}

// Trailer begins the line that marks the commits of this package.
const Trailer = "Plumb-Reverts:"

var revertedCommit = regexp.MustCompile(`(?m)^(?:Plumb-Reverts: |This reverts (?:commit|merge request) )\S`)

// Is tells whether a commit takes another one back, by its message: of this package, of git, or of a forge. The subject alone
// counts too, for a squash merge may keep nothing else.
func Is(subject, body string) bool {
	return strings.HasPrefix(subject, `Revert "`) || strings.HasPrefix(subject, subjectStart) || revertedCommit.MatchString(body)
}

const subjectStart = "Revert of "

var subjectOfOurs = regexp.MustCompile(`^Revert of .*: ([0-9a-f]{7}) back to [0-9a-f]{7}(?: \(#\d+\))?$`)

// TakesBack gives what a commit takes back as far as its subject says: the first seven digits of a commit, or the subject of one.
func TakesBack(subject string) (commit, of string) {
	if m := subjectOfOurs.FindStringSubmatch(subject); m != nil {
		return m[1], ""
	}
	if quoted, ok := strings.CutPrefix(subject, `Revert "`); ok {
		if end := strings.LastIndexByte(quoted, '"'); end > 0 {
			return "", quoted[:end]
		}
	}
	return "", ""
}

// Branch names the branch of a revert: one per app and change, so that a second try finds the first.
func (c Change) Branch() string {
	name := c.App
	if len(name) > 80 {
		name = strings.TrimRight(name[:80], ".-")
	}
	return "plumb/revert/" + name + "-" + short(c.Bad)
}

// Title is the subject of the commit and the title of the pull request.
func (c Change) Title() string {
	return subjectStart + c.Address + ": " + short(c.Bad) + " back to " + short(c.Good)
}

// Message is the commit message.
func (c Change) Message(why string, conflicts []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", c.Title())
	if why != "" {
		fmt.Fprintf(&b, "%s\n\n", oneLine(why))
	}
	if len(conflicts) > 0 {
		fmt.Fprintf(&b, "This commit changes nothing yet: what it should take back was changed again since, in\n\n")
		for _, path := range conflicts[:min(len(conflicts), listed)] {
			fmt.Fprintf(&b, "    %s\n", oneLine(path))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s %s\nPlumb-App: %s\n", Trailer, c.Bad, c.Address)
	return b.String()
}

// listed is how many paths and lines a text lists.
const listed = 50

// Facts is what the text of a pull request tells.
type Facts struct {
	Change    Change
	Why       string // who asked for it, or the failing object and what it says
	Paths     []string
	Conflicts []string
	Others    []string // other apps that are made of the same files, and change too
	Preview   []string // what it would change in the cluster, a line each
	Base      string   // the branch
}

// Body is the text of the pull request, in Markdown. What others wrote stands in code only.
func (f Facts) Body() string {
	var b strings.Builder
	c := f.Change
	fmt.Fprintf(&b, "Takes back what changed %s from %s to %s, and nothing else.\n", code(c.Address), code(short(c.Good)), code(short(c.Bad)))
	if f.Why != "" {
		fmt.Fprintf(&b, "\n%s\n", fence([]string{f.Why}))
	}
	if len(f.Conflicts) > 0 {
		fmt.Fprintf(&b, "\n**By hand, please.** These files were changed again since %s, in lines that would be taken back. The branch has an empty commit; nothing is taken back yet.\n\n%s\n", code(short(c.Bad)), fence(f.Conflicts))
		fmt.Fprintf(&b, "\n```sh\ngit fetch origin && git switch %s\n%s\n# mend the files, then\ngit push\n```\n", c.Branch(), f.byHand())
	}
	if len(f.Preview) > 0 {
		fmt.Fprintf(&b, "\n**In the cluster, when it is merged**\n\n%s\n", fence(f.Preview))
	}
	if len(f.Others) > 0 {
		fmt.Fprintf(&b, "\n**Other apps share these files** and change too: %s.\n", codes(f.Others))
	}
	if len(f.Conflicts) == 0 {
		fmt.Fprintf(&b, "\nFiles:\n\n%s\n", fence(f.Paths))
	}
	fmt.Fprintf(&b, "\nOther apps' changes in the same commits stay. Merging it into %s delivers it like any commit; a Hold at %s ends by itself then.\n", code(f.Base), code(short(c.Good)))
	return b.String()
}

// byHand is the command that takes the changes back with conflict marks, of the commits that are known.
func (f Facts) byHand() string {
	return "git diff --binary " + f.Change.Bad + " " + f.Change.Good + " -- " + quoted(f.Paths) + " | git apply --3way"
}

func quoted(paths []string) string {
	out := make([]string, 0, len(paths))
	for _, path := range paths[:min(len(paths), listed)] {
		out = append(out, "'"+strings.ReplaceAll(oneLine(path), "'", `'\''`)+"'")
	}
	return strings.Join(out, " ")
}

// fence shows lines as a block of code that they cannot end.
func fence(lines []string) string {
	shown := make([]string, 0, min(len(lines), listed)+1)
	for _, line := range lines[:min(len(lines), listed)] {
		shown = append(shown, "    "+cut(oneLine(line), 500)) // indented: no line of it is a fence
	}
	if more := len(lines) - listed; more > 0 {
		shown = append(shown, fmt.Sprintf("    and %d more", more))
	}
	return strings.Join(shown, "\n")
}

// code shows a short text as code. Backticks in it are left out.
func code(s string) string { return "`" + strings.ReplaceAll(oneLine(s), "`", "") + "`" }

func codes(list []string) string {
	sorted := slices.Sorted(slices.Values(list))
	for i, s := range sorted {
		sorted[i] = code(s)
	}
	return strings.Join(sorted, ", ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ") }

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func short(commit string) string { return commit[:min(7, len(commit))] }
