package report

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// table gives one row per app.
func table(apps []PullApp) string {
	if len(apps) == 0 {
		return ""
	}
	clusters := slices.ContainsFunc(apps, func(a PullApp) bool { return a.Cluster != "" && a.Cluster != "local" })
	var b strings.Builder
	title, line := "| App |", "|---|"
	if clusters {
		title, line = title+" Cluster |", line+"---|"
	}
	b.WriteString(title + " + | ~ | - | |\n" + line + "--:|--:|--:|---|\n")
	for i, app := range apps {
		if i == maxRows || b.Len() > maxTable {
			fmt.Fprintf(&b, "\nand %s more\n", plural(len(apps)-i, "app"))
			break
		}
		n := PullPlan{Apps: []PullApp{app}}.Counts()
		b.WriteString("| " + inCell(code(app.Address)) + " |")
		if clusters {
			b.WriteString(" " + inCell(code(app.Cluster)) + " |")
		}
		fmt.Fprintf(&b, " %s | %s | %s | %s |\n", count(n.Added), count(n.Changed), count(n.Deleted), inCell(remark(app, n)))
	}
	return b.String()
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// remark says in the table what is not counted there: the other changes, and what happens besides.
func remark(app PullApp, n DiffCounts) string {
	if app.Fault != nil {
		return "cannot be rendered"
	}
	rest := n
	rest.Added, rest.Changed, rest.Deleted = 0, 0, 0
	var parts []string
	if line := countsLine(rest); line != "nothing changes" {
		parts = append(parts, line)
	}
	for _, note := range app.Notes {
		parts = append(parts, prose(note))
	}
	for _, o := range app.effect() {
		if gravity(o.told.Risks) == len(gravest) || o.told.Change == ObjectRefused {
			continue
		}
		for _, note := range o.told.Notes {
			if text := prose(note); !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(few(parts), "; ")
}

// folds adds the differences of the apps, the same of several once, as long as there is room.
func (c *comment) folds() {
	type group struct {
		apps  []PullApp
		lines []string
	}
	var groups []*group
	known := map[string]*group{}
	for _, app := range c.apps {
		lines := app.lines()
		if len(lines) == 0 {
			continue
		}
		key := strings.Join(lines, "\n")
		if g := known[key]; g != nil {
			g.apps = append(g.apps, app)
			continue
		}
		known[key] = &group{[]PullApp{app}, lines}
		groups = append(groups, known[key])
	}
	for _, g := range groups {
		var names []string
		for _, app := range g.apps {
			names = append(names, htmlCode(app.Address))
		}
		summary := strings.Join(few(names), ", ") + ": " + countsLine(PullPlan{Apps: g.apps[:1]}.Counts())
		if !c.add(fold(summary, block("diff", g.lines, maxFold))) {
			c.left += len(g.apps)
		}
	}
}

// lines tells the differences of an app.
func (a PullApp) lines() []string {
	lines := objectLines(a.effect())
	if a.Differs {
		lines = append(lines, "", "# by itself the pull request changes:")
		own := objectLines(a.Change)
		if len(own) == 0 {
			own = []string{"# nothing"}
		}
		lines = append(lines, own...)
	}
	if len(a.Allow) > 0 {
		lines = append(lines, "", "# to allow what is held, add to the message of the merge:")
		for _, line := range a.Allow {
			lines = append(lines, "#   "+Clean(line))
		}
	}
	return lines
}

// notYours adds what is not of the pull request: what waits on the branch, and what drifted.
func (c *comment) notYours() {
	var lines []string
	waiting, drifted := 0, 0
	for _, app := range c.apps {
		for _, part := range []struct {
			title   string
			objects []PublicObject
			n       *int
		}{{"already waiting", app.Waiting, &waiting}, {"drift (- the cluster, + Git)", app.Drift, &drifted}} {
			if len(part.objects) == 0 {
				continue
			}
			*part.n += len(part.objects)
			lines = append(lines, "# "+Clean(app.Address)+", "+part.title+":")
			lines = append(lines, objectLines(part.objects)...)
		}
	}
	if len(lines) == 0 {
		return
	}
	summary := fmt.Sprintf("Not of this pull request: %s waiting to be applied, %s drifted", plural(waiting, "object"), plural(drifted, "object"))
	if !c.add(fold(summary, block("diff", lines, min(maxFold, max(0, c.room-500))))) {
		c.add(summary + "\n")
	}
}

// foot says what was left out.
func (c *comment) foot() {
	if c.left == 0 {
		return
	}
	c.room += footer
	text := fmt.Sprintf("The differences of %s are left out", plural(c.left, "app"))
	if link := c.plan.link("the whole plan"); link != "" {
		text += ": they are in " + link
	}
	c.add(text + "\n")
}

// objectLines tells objects as lines of a diff. Those of one kind of which the same is to be told are told once.
func objectLines(objects []PublicObject) []string {
	type group struct {
		of  ObjectDiff
		ids []object.ID
		key string
	}
	var groups []*group
	known := map[string]*group{}
	folded := 0
	for _, o := range objects {
		d := o.told
		if d.Folded {
			folded++
			continue
		}
		body := strings.Join(fieldLines(d), "\n")
		key := d.Object.GroupKind() + "\x00" + d.Change + "\x00" + strings.Join(d.Notes, "\x00") + "\x00" + body
		if g := known[key]; g != nil && body != "" {
			g.ids = append(g.ids, d.Object)
			continue
		}
		g := &group{of: d, ids: []object.ID{d.Object}, key: key}
		known[key], groups = g, append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return gravity(a.of.Risks) - gravity(b.of.Risks) })
	var lines []string
	for _, g := range groups {
		lines = append(lines, "@@ "+g.of.Change+" "+objectNames(g.ids)+" @@"+notesOf(g.of))
		lines = append(lines, fieldLines(g.of)...)
	}
	if folded > 0 {
		lines = append(lines, "# folded: "+plural(folded, "object")+" where only labels of a release change")
	}
	return lines
}

// objectNames names the objects of which the same is told.
func objectNames(ids []object.ID) string {
	const most = 8
	var names []string
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, Clean(id.String()))
	}
	text := strings.Join(names, ", ")
	if more := len(ids) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func notesOf(d ObjectDiff) string {
	if len(d.Notes) == 0 {
		return ""
	}
	return " " + Clean(strings.Join(d.Notes, "; "))
}

// manyValueLines is how many lines of one value are shown.
const manyValueLines = 60

// fieldLines tells the fields of an object that differ.
func fieldLines(d ObjectDiff) []string {
	var lines []string
	for _, f := range d.Fields {
		if f.Kind == FieldUnsaid {
			where := "fields that Git does not set differ"
			if f.Field != "" {
				where = Clean(f.Field) + ": differs where Git sets nothing; what is only in the cluster is not shown"
			}
			lines = append(lines, "  "+where)
			continue
		}
		lines = append(lines, "  "+Clean(f.Field))
		value := valueLines(f)
		lines = append(lines, value[:min(len(value), manyValueLines)]...)
		if more := len(value) - manyValueLines; more > 0 {
			lines = append(lines, "  "+plural(more, "more line"))
		}
	}
	return lines
}
