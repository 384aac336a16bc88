package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// table lays out the matrix in the first form that fits: with words, without words, without the last change, and then
// with as many columns as fit, naming the others.
func (s Style) table(m Matrix, now time.Time, all bool) []string {
	rows, quiet := m.Rows, 0
	if !all && len(rows) > fewApps {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return Worst(r.Targets()) == v1alpha1.StateOK })
		quiet = len(m.Rows) - len(rows)
	}
	var lines []string
	if len(rows) > 0 {
		lines = s.fit(Matrix{Columns: m.Columns, Rows: rows}, now)
	}
	if quiet > 0 {
		lines = append(lines, s.dim(plural(quiet, "app")+" ok everywhere"+s.gap()+"(--all)"))
	}
	return lines
}

func (s Style) fit(m Matrix, now time.Time) []string {
	form := tableForm{words: true, changed: true, columns: len(m.Columns)}
	shrink := []func(){func() { form.words = false }, func() { form.changed = false }}
	for {
		cells := s.cells(m, form, now)
		if s.Width <= 0 || gridWidth(cells) <= s.Width || (len(shrink) == 0 && form.columns <= 1) {
			return append(s.grid(cells), s.notShown(m.Columns[form.columns:])...)
		}
		if len(shrink) > 0 {
			shrink[0]()
			shrink = shrink[1:]
			continue
		}
		form.columns--
	}
}

// tableForm is what of the matrix is shown.
type tableForm struct {
	words, changed bool
	columns        int
}

func (s Style) notShown(columns []Column) []string {
	if len(columns) == 0 {
		return nil
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = Clean(c.Title())
	}
	return []string{s.cutLine("not shown at this width: " + strings.Join(titles, ", "))}
}

// cell is the plain text of a table cell and the state that colours it.
type cell struct {
	text  string
	state v1alpha1.State
	head  bool
}

func (s Style) cells(m Matrix, form tableForm, now time.Time) [][]cell {
	namespaces := manyNamespaces(m.Rows)
	var head []cell
	if namespaces {
		head = append(head, cell{text: "NAMESPACE", head: true})
	}
	head = append(head, cell{text: "APP", head: true})
	for _, c := range m.Columns[:form.columns] {
		head = append(head, cell{text: s.columnTitle(c, len(m.Columns)), head: true})
	}
	if form.changed {
		head = append(head, cell{text: "LAST CHANGE", head: true})
	}
	out := [][]cell{head}
	for _, r := range m.Rows {
		var line []cell
		if namespaces {
			line = append(line, cell{text: Clean(r.Namespace)})
		}
		line = append(line, cell{text: Clean(r.App)})
		for _, t := range r.Cells[:form.columns] {
			line = append(line, s.targetCell(t, form.words))
		}
		if form.changed {
			line = append(line, cell{text: lastChange(r, now)})
		}
		out = append(out, line)
	}
	return out
}

func (s Style) columnTitle(c Column, columns int) string {
	if columns == 1 && c == (Column{}) {
		return "STATE"
	}
	return strings.ToUpper(Clean(c.Title()))
}

func manyNamespaces(rows []Row) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return r.Namespace != rows[0].Namespace })
}

func lastChange(r Row, now time.Time) string {
	if at := r.Changed(); !at.IsZero() {
		return ago(at, now)
	}
	return "-"
}

// targetCell gives "● 9f31c2a", or with words "✕ failed 5c2e910": what is ok needs no word.
func (s Style) targetCell(t *Target, words bool) cell {
	if t == nil {
		return cell{text: "-"}
	}
	text := s.sign(t.State) + " "
	if words && t.State != v1alpha1.StateOK {
		text += Word(t.State) + " "
	}
	return cell{text: text + cmp.Or(short(ShownRevision(*t)), "-"), state: t.State}
}

// sign is the glyph, as wide as the widest glyph of the character set.
func (s Style) sign(state v1alpha1.State) string {
	if s.ASCII {
		return pad(s.Glyph(state), 2)
	}
	return s.Glyph(state)
}

// ShownRevision gives the commit that a state is about: the wanted one while it rolls out or failed, else the applied one.
func ShownRevision(t Target) string {
	st := t.App.Status
	if t.State == v1alpha1.StateRolling || t.State == v1alpha1.StateFailed {
		return cmp.Or(st.Target, st.Revision)
	}
	return cmp.Or(st.Revision, st.Target)
}

const gridGap = 3

func gridWidth(cells [][]cell) int {
	total := 0
	for _, w := range columnWidths(cells) {
		total += w + gridGap
	}
	return total - gridGap
}

func columnWidths(cells [][]cell) []int {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], textWidth(c.text))
		}
	}
	return widths
}

func (s Style) grid(cells [][]cell) []string {
	widths := columnWidths(cells)
	lines := make([]string, 0, len(cells))
	for _, line := range cells {
		var b strings.Builder
		for i, c := range line {
			text := s.painted(c)
			if i < len(line)-1 {
				text = pad(text, widths[i]+gridGap)
			}
			b.WriteString(text)
		}
		lines = append(lines, s.cutPlain(strings.TrimRight(b.String(), " ")))
	}
	return lines
}

func (s Style) painted(c cell) string {
	switch {
	case c.head:
		return s.dim(c.text)
	case c.state != "":
		return s.paint(c.state, c.text)
	}
	return c.text
}

// cutPlain cuts a line that no form made fit; colours go then, so that no code is cut in two.
func (s Style) cutPlain(line string) string {
	if s.Width <= 0 || textWidth(line) <= s.Width {
		return line
	}
	return s.cut(Plain(line), s.Width)
}

// Apps lists targets one by one, without environments across: address, state, commit, where from, where to.
func (s Style) Apps(targets []Target, now time.Time) []string {
	if len(targets) == 0 {
		return []string{"No apps here yet."}
	}
	head := []string{"APP", "STATE", "REV", "REPO", "PATH", "SINCE"}
	cells := [][]cell{nil}
	for _, title := range head {
		cells[0] = append(cells[0], cell{text: title, head: true})
	}
	for _, t := range targets {
		since := "-"
		if at := timeOf(t.App.Status.AsOf); !at.IsZero() {
			since = ago(at, now)
		}
		cells = append(cells, []cell{
			{text: Clean(t.Address())}, {text: s.sign(t.State) + " " + Word(t.State), state: t.State},
			{text: cmp.Or(short(ShownRevision(t)), "-")}, {text: Clean(t.App.Spec.Repo)}, {text: Clean(t.App.Spec.Path)}, {text: since},
		})
	}
	return s.grid(cells)
}
