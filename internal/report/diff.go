package report

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/redact"
)

// What happens to an object between two renders.
const (
	ObjectAdded   = "added"
	ObjectChanged = "changed"
	ObjectDeleted = "deleted"
	// What a plan against a cluster says besides.
	ObjectRecreated = "recreated"
	ObjectMoved     = "moved"   // to another app
	ObjectHeld      = "held"    // its deletion waits for consent
	ObjectKept      = "kept"    // no longer in Git, and not deleted
	ObjectRefused   = "refused" // the API server, or a rule, refuses it
	ObjectRuns      = "runs"    // a hook, which runs in a new revision
)

// ObjectDiff is one object that differs between two renders of an app. Its values are redacted already.
type ObjectDiff struct {
	Change string             `json:"change"`
	Object object.ID          `json:"object"`
	Notes  []string           `json:"notes,omitempty"`  // what else happens: a restart, lost data, why it is held
	Risks  []Risk             `json:"risks,omitempty"`  // the same for programs, the gravest first
	Folded bool               `json:"folded,omitempty"` // only labels that every release changes differ
	Fields []diff.FieldChange `json:"-"`
	// The API server's words are the last Quotes of Notes, and may quote values. Answer is the same without them.
	Quotes int    `json:"-"`
	Answer string `json:"-"`
}

// AppDiff is what differs between two renders of one app.
type AppDiff struct {
	Address string
	Objects []ObjectDiff
	// Against a cluster: what the base has and the cluster does not have yet, and what somebody changed there.
	Waiting, Drift []ObjectDiff
	Allow          []string     // the lines of a commit message that let held deletions go
	Notes          []string     // what else is different: another namespace, an app that is new or gone
	Fault          *fault.Fault // the new side cannot be rendered
	Before         *fault.Fault // the old side could not be rendered either
}

// Comparison is the answer of a diff of two trees.
type Comparison struct {
	From, To string   // what was compared with what, in words
	Where    string   // the cluster, "" if none was asked
	NotYours []string // of apps that the change does not touch
	All      bool     // show what is folded
	Compared int      // apps that exist on either side
	Apps     []AppDiff
	Findings []policy.Finding // what the base's policies have against the change
}

// DiffCounts counts the objects of a comparison, and the apps that cannot be rendered.
type DiffCounts struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Deleted int `json:"deleted"`
	Failed  int `json:"failed"`

	// Against a cluster.
	Recreated int `json:"recreated,omitempty"`
	Moved     int `json:"moved,omitempty"`
	Held      int `json:"held,omitempty"`
	Kept      int `json:"kept,omitempty"`
	Refused   int `json:"refused,omitempty"`
	Runs      int `json:"runs,omitempty"`
	Waiting   int `json:"waiting,omitempty"`
	Drifted   int `json:"drifted,omitempty"`
}

// Counts counts.
func (c Comparison) Counts() DiffCounts {
	var n DiffCounts
	for _, app := range c.Apps {
		if app.Fault != nil {
			n.Failed++
		}
		for _, o := range app.Objects {
			*n.of(o.Change)++
		}
		n.Waiting += len(app.Waiting)
		n.Drifted += len(app.Drift)
	}
	return n
}

func (n *DiffCounts) of(change string) *int {
	switch change {
	case ObjectAdded:
		return &n.Added
	case ObjectDeleted:
		return &n.Deleted
	case ObjectRecreated:
		return &n.Recreated
	case ObjectMoved:
		return &n.Moved
	case ObjectHeld:
		return &n.Held
	case ObjectKept:
		return &n.Kept
	case ObjectRefused:
		return &n.Refused
	case ObjectRuns:
		return &n.Runs
	}
	return &n.Changed
}

// Compare lays out a comparison: apps with their objects and fields, equal changes of several apps once, and a summary
// line that is always there.
func (s Style) Compare(c Comparison) []string {
	head := fmt.Sprintf("Comparing %s with %s", Clean(c.To), Clean(c.From))
	if c.Where != "" {
		head += " on " + Clean(c.Where)
	}
	lines := []string{fmt.Sprintf("%s; %d of %s affected", head, c.affected(), plural(c.Compared, "app"))}
	var blocks [][]string
	var names [][]string
	for _, app := range c.Apps {
		block := s.appDiff(app, c.All)
		if i := slices.IndexFunc(blocks, func(b []string) bool { return slices.Equal(b, block) }); i >= 0 {
			names[i] = append(names[i], app.Address)
			continue
		}
		blocks, names = append(blocks, block), append(names, []string{app.Address})
	}
	for i, block := range blocks {
		for _, name := range names[i] {
			lines = append(lines, "  "+s.bold(Clean(name)))
		}
		lines = append(lines, block...)
	}
	for _, line := range c.NotYours {
		lines = append(lines, "not yours: "+Clean(line))
	}
	lines = append(lines, s.Findings(c.Findings)...)
	summary := s.diffSummary(c)
	if counts := CountFindings(c.Findings).String(); counts != "" {
		summary += " Policies: " + counts + "."
	}
	return append(lines, summary)
}

// affected counts the apps that the change itself touches.
func (c Comparison) affected() int {
	n := 0
	for _, app := range c.Apps {
		if app.Yours() {
			n++
		}
	}
	return n
}

// Yours tells whether the change itself touches the app, or cannot be rendered for it.
func (d AppDiff) Yours() bool {
	return d.Fault != nil || len(d.Objects) > 0 || len(d.Waiting)+len(d.Drift) == 0
}

// Differs tells whether the change itself makes a difference.
func (c Comparison) Differs() bool { return c.affected() > 0 }

func (s Style) diffSummary(c Comparison) string {
	n := c.Counts()
	if len(c.Apps) == 0 {
		return fmt.Sprintf("No changes: %s compared.", plural(c.Compared, "app"))
	}
	if !c.Differs() {
		return fmt.Sprintf("No changes of yours: %s compared; %d waiting, %d drifted.", plural(c.Compared, "app"), n.Waiting, n.Drifted)
	}
	line := fmt.Sprintf("Summary for %s: %d added, %d changed, %d deleted", plural(c.affected(), "app"), n.Added, n.Changed, n.Deleted)
	for _, part := range []struct {
		n    int
		word string
	}{
		{n.Recreated, "recreated"}, {n.Moved, "moved"}, {n.Held, "held"}, {n.Kept, "kept"}, {n.Refused, "refused"}, {n.Runs, "hooks run"},
		{n.Waiting, "already waiting"}, {n.Drifted, "drifted"},
	} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	if n.Failed > 0 {
		line += "; " + s.paint(v1alpha1.StateFailed, fmt.Sprintf("%d cannot be rendered", n.Failed))
	}
	return line + "."
}

func (s Style) appDiff(app AppDiff, all bool) []string {
	var lines []string
	for _, note := range app.Notes {
		lines = append(lines, "    ! "+Clean(note))
	}
	if app.Fault != nil {
		for i, line := range strings.Split(s.Trouble(app.Fault), "\n") {
			if i == 0 {
				line = strings.Replace(line, s.Glyph(v1alpha1.StateFailed)+" ", s.Glyph(v1alpha1.StateFailed)+" cannot be rendered: ", 1)
			}
			lines = append(lines, "    "+line)
		}
		if app.Before != nil {
			return append(lines, "      it could not be rendered before either")
		}
		return append(lines, "      introduced by this change: it could be rendered before")
	}
	lines = append(lines, s.objectDiffs(app.Objects, all)...)
	if len(app.Waiting) > 0 {
		lines = append(lines, append([]string{"    already waiting, not yours:"}, s.objectDiffs(app.Waiting, all)...)...)
	}
	if len(app.Drift) > 0 {
		lines = append(lines, append([]string{"    drift, not yours (- the cluster, + Git):"}, s.objectDiffs(app.Drift, all)...)...)
	}
	if len(app.Allow) > 0 {
		lines = append(lines, "    to allow what is held, add to the commit message:")
		for _, line := range app.Allow {
			lines = append(lines, "        "+Clean(line))
		}
	}
	return lines
}

func (s Style) objectDiffs(objects []ObjectDiff, all bool) []string {
	var lines []string
	hidden := 0
	for _, o := range objects {
		if o.Folded && !all {
			hidden++
			continue
		}
		lines = append(lines, s.objectDiff(o)...)
	}
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("    folded: %s where only labels of a release change (--all shows them)", plural(hidden, "object")))
	}
	return lines
}

func (s Style) objectDiff(o ObjectDiff) []string {
	name := Clean(o.Object.String())
	for i, note := range o.Notes {
		separator := "  "
		if i > 0 {
			separator = "; "
		}
		name += separator + Clean(note)
	}
	switch o.Change {
	case ObjectAdded:
		return []string{"    " + s.added("+ "+name)}
	case ObjectDeleted:
		return []string{"    " + s.removed("- "+name)}
	case ObjectHeld:
		return []string{"    " + s.removed("- "+name)}
	case ObjectKept:
		return []string{"    = " + name}
	}
	lines := []string{"    ~ " + name}
	switch o.Change {
	case ObjectMoved:
		lines[0] = "    > " + name
	case ObjectRuns:
		lines[0] = "    * " + name
	case ObjectRecreated, ObjectRefused:
		lines[0] = "    " + s.removed("! "+name)
	}
	for _, f := range o.Fields {
		lines = append(lines, "        "+Clean(f.Field))
		for _, line := range valueLines(f) {
			lines = append(lines, "          "+s.signed(line))
		}
	}
	return lines
}

func (s Style) added(line string) string   { return s.sgr("32", line) }
func (s Style) removed(line string) string { return s.sgr("31", line) }

func (s Style) signed(line string) string {
	switch line[0] {
	case '+':
		return s.added(line)
	case '-':
		return s.removed(line)
	}
	return line
}

// valueLines gives a change of a value as lines that begin with "- ", "+ " or, in texts of several lines, "  ".
func valueLines(f diff.FieldChange) []string {
	if f.From == redact.Marker && f.To == redact.Marker {
		return []string{"  changed; the value of a Secret is not shown"}
	}
	from, to := textLines(f.From), textLines(f.To)
	if len(from) > 1 && len(to) > 1 {
		return lineDiff(from, to)
	}
	var lines []string
	if f.Kind != diff.Addition {
		lines = prefixed(lines, "- ", from)
	}
	if f.Kind != diff.Removed {
		lines = prefixed(lines, "+ ", to)
	}
	return lines
}

func prefixed(to []string, prefix string, lines []string) []string {
	for _, line := range lines {
		to = append(to, prefix+line)
	}
	return to
}

// textLines writes a JSON value: a text by its lines, anything else as YAML.
func textLines(v any) []string {
	text, ok := v.(string)
	if !ok {
		data, err := yaml.Marshal(v)
		if err != nil {
			data = fmt.Append(nil, v)
		}
		text = string(data)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	return lines
}

// visible keeps the spaces of a line, which Clean would fold, and makes its control characters harmless.
func visible(line string) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	return line[:indent] + Clean(line[indent:])
}

// Beyond so many lines a text is not compared line by line.
const manyLines = 1000

// lineDiff gives the lines that differ, each run with one line around it.
func lineDiff(from, to []string) []string {
	if len(from) > manyLines || len(to) > manyLines {
		return []string{fmt.Sprintf("- %d lines", len(from)), fmt.Sprintf("+ %d lines", len(to))}
	}
	var all []string
	i, j := 0, 0
	common := commonLines(from, to)
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && j < len(to) && from[i] == to[j]:
			all = append(all, "  "+from[i])
			i, j = i+1, j+1
		case j == len(to) || i < len(from) && common[i+1][j] >= common[i][j+1]:
			all = append(all, "- "+from[i])
			i++
		default:
			all = append(all, "+ "+to[j])
			j++
		}
	}
	return around(all)
}

// commonLines gives for each pair of tails how many lines they have in common.
func commonLines(from, to []string) [][]int {
	table := make([][]int, len(from)+1)
	for i := range table {
		table[i] = make([]int, len(to)+1)
	}
	for i := len(from) - 1; i >= 0; i-- {
		for j := len(to) - 1; j >= 0; j-- {
			table[i][j] = max(table[i+1][j], table[i][j+1])
			if from[i] == to[j] {
				table[i][j] = table[i+1][j+1] + 1
			}
		}
	}
	return table
}

// around keeps changed lines and their neighbours, with "  …" where lines were left out.
func around(all []string) []string {
	changed := func(i int) bool { return i >= 0 && i < len(all) && all[i][0] != ' ' }
	var out []string
	for i, line := range all {
		switch {
		case changed(i) || changed(i-1) || changed(i+1):
			out = append(out, line)
		case len(out) == 0 || out[len(out)-1] != "  ...":
			out = append(out, "  ...")
		}
	}
	return out
}
