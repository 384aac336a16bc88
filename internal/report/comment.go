package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// MaxComment is how many bytes a comment has at most: GitHub refuses more than 65,536 characters.
const MaxComment = 60_000

// How much of each part is told at most: what is more important comes first in all of them.
const (
	maxAlerts = 30
	maxRows   = 100
	maxImages = 30
	maxList   = 8_000  // bytes of a list
	maxTable  = 14_000 // bytes of the table
	maxFold   = 12_000 // bytes of one app's differences
	footer    = 1_000  // bytes kept for what was left out
)

// PullMark tells the one comment of a Repo on a pull request from all others (forge.Note.Mark).
func PullMark(repo string) string { return "plan:" + repo }

// PullComment gives the comment on a pull request: Markdown of at most MaxComment bytes. The first line is the verdict, then
// come risks, what rules say, a table of the apps, images, and folded the differences, of the gravest first. What does not
// fit is counted.
func PullComment(p PullPlan) string {
	c := &comment{plan: p, apps: slices.Clone(p.Apps), room: MaxComment - footer}
	slices.SortStableFunc(c.apps, func(a, b PullApp) int { return cmp.Compare(a.rank(), b.rank()) })
	c.add(p.head())
	if p.Pending == "" {
		c.add(p.trouble())
		c.add(listed("Needs attention", p.alerts(c.apps), maxAlerts))
		c.add(listed("Rules", p.rules(), maxAlerts))
		c.add(table(c.apps))
		c.add(listed("Images", p.images(), maxImages))
		c.folds()
		c.notYours()
	}
	c.foot()
	return c.text.String()
}

// PullArrival gives the comment on a pull request that was merged and brought something else for some apps than its plan
// showed. merged and reviewed are commits.
func PullArrival(merged, reviewed string, apps []string) string {
	var list strings.Builder
	for i, app := range apps {
		if i == maxAlerts {
			fmt.Fprintf(&list, "- and %d more\n", len(apps)-i)
			break
		}
		fmt.Fprintf(&list, "- %s\n", code(app))
	}
	return fmt.Sprintf("### Plumb: what was merged is not what was reviewed\n\n%s brought something else than the plan of %s showed, for\n\n%s\n%s shows what it changed.\n",
		code(fmt.Sprintf("%.7s", merged)), code(fmt.Sprintf("%.7s", reviewed)), list.String(), code("plumb history APP "+fmt.Sprintf("%.7s", merged)))
}

// comment is one that is being written: a part that has no room is left out.
type comment struct {
	plan PullPlan
	apps []PullApp
	text strings.Builder
	room int
	left int // apps whose differences were left out
}

func (c *comment) add(part string) bool {
	switch {
	case part == "":
		return true
	case len(part)+1 > c.room:
		return false
	case c.text.Len() > 0:
		c.text.WriteString("\n")
		c.room--
	}
	c.text.WriteString(part)
	c.room -= len(part)
	return true
}

// rank orders apps by how much they want to be looked at.
func (a PullApp) rank() int {
	switch n := (PullPlan{Apps: []PullApp{a}}).Counts(); {
	case a.Fault != nil:
		return -2
	case n.Refused > 0:
		return -1
	}
	return a.gravity()
}

// head is the verdict, and what was compared with what.
func (p PullPlan) head() string {
	var b strings.Builder
	b.WriteString("### Plumb: " + prose(p.headline()) + "\n\n")
	fmt.Fprintf(&b, "%s into %s", code(short(p.Head)), code(p.Branch))
	if p.Tip != "" {
		b.WriteString(" at " + code(short(p.Tip)))
	}
	if p.MergeBase != "" && p.MergeBase != p.Tip {
		b.WriteString(", which it left at " + code(short(p.MergeBase)))
	}
	if link := p.link("the whole plan"); link != "" {
		b.WriteString(" · " + link)
	}
	b.WriteString("\n")
	return b.String()
}

func (p PullPlan) headline() string {
	f := p.Fault
	if _, broken := p.broken(); f == nil {
		f = broken
	}
	switch {
	case p.Pending != "":
		return p.Pending
	case len(p.Conflicts) > 0:
		return "cannot be merged"
	case p.Fault != nil:
		return "the repository cannot be read with this change"
	case f != nil:
		return fmt.Sprintf("%s cannot be rendered; %s", plural(p.Counts().Failed, "app"), countsLine(p.Counts()))
	case len(p.findings(FindingDeny)) > 0:
		return fmt.Sprintf("denied by %s; %s", plural(len(p.findings(FindingDeny)), "rule"), p.verdict())
	case len(p.Apps) == 0:
		return "no deployment affected"
	}
	line := p.verdict()
	if all := len(p.Apps) + p.Unaffected; p.Unaffected > 0 {
		line = strings.Replace(line, plural(len(p.Apps), "app"), fmt.Sprintf("%d of %d apps", len(p.Apps), all), 1)
	}
	return line
}

// link gives a link to the whole plan; "" if there is none. An address that Markdown could take for something else is none.
func (p PullPlan) link(words string) string {
	web := strings.HasPrefix(p.URL, "https://") || strings.HasPrefix(p.URL, "http://")
	if !web || strings.ContainsAny(p.URL, "<>()[]\"'`\\ \t\r\n") {
		return ""
	}
	return "[" + words + "](" + p.URL + ")"
}

// trouble tells why there is no plan, or not of all apps: with the place of each.
func (p PullPlan) trouble() string {
	var lines []string
	if len(p.Conflicts) > 0 {
		lines = append(lines, "conflicts with "+Clean(p.Branch)+":")
		for _, file := range p.Conflicts[:min(len(p.Conflicts), maxAlerts)] {
			lines = append(lines, "  "+Clean(file))
		}
	}
	if p.Fault != nil {
		lines = append(lines, faultLines("", p.Fault)...)
	}
	for _, app := range p.Apps {
		if app.Fault == nil {
			continue
		}
		lines = append(lines, faultLines(app.Address+": ", app.Fault)...)
		if app.Before != nil {
			lines = append(lines, "  it could not be rendered before either")
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return block("text", lines, maxFold)
}

// faultLines tells a fault. What is after its first line may be anything: the excerpt of a file, or the answer of a server.
func faultLines(who string, f *fault.Fault) []string {
	lines := []string{Clean(who + placed(f))}
	if f.Next != "" {
		lines = append(lines, "  "+Clean(f.Next))
	}
	return lines
}

// alerts lists what somebody has to look at before the merge: the same of several apps once.
func (p PullPlan) alerts(apps []PullApp) []string {
	var texts []string
	where := map[string][]string{}
	say := func(text, app string) {
		if where[text] == nil {
			texts = append(texts, text)
		}
		if app != "" {
			where[text] = append(where[text], code(app))
		}
	}
	for _, note := range p.Notes {
		say(prose(note), "")
	}
	for _, app := range apps {
		for _, o := range app.effect() {
			if d := o.told; attention(d.Risks) || d.Change == ObjectRefused || d.Change == ObjectRecreated || d.Change == ObjectHeld {
				say(alert(d), app.Address)
			}
		}
		if app.NotAsked != "" {
			say("not checked against the cluster: "+prose(app.NotAsked), app.Address)
		}
	}
	for i, text := range texts {
		if apps := where[text]; len(apps) > 0 {
			texts[i] = text + " (" + strings.Join(few(apps), ", ") + ")"
		}
	}
	return texts
}

// alert tells what is to be known of one object.
func alert(d ObjectDiff) string {
	text := "**" + d.Change + "** " + code(d.Object.String())
	var notes []string
	for _, note := range d.Notes {
		notes = append(notes, prose(note))
	}
	if len(notes) > 0 {
		text += ": " + strings.Join(few(notes), "; ")
	}
	return text
}

// few keeps a list of names short.
func few(names []string) []string {
	const most = 5
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most-1]), fmt.Sprintf("%d more", len(names)-most+1))
}

// rules lists what rules say: what denies first, what is excused last.
func (p PullPlan) rules() []string {
	found := slices.Clone(p.Findings)
	order := func(f PullFinding) int {
		if f.Excused != "" {
			return 3
		}
		return slices.Index([]string{FindingDeny, FindingApprove, FindingWarn}, f.Level)
	}
	slices.SortStableFunc(found, func(a, b PullFinding) int { return cmp.Compare(order(a), order(b)) })
	var lines []string
	for _, f := range found {
		text := "**" + map[string]string{FindingDeny: "denied", FindingApprove: "needs approval", FindingWarn: "warning"}[f.Level] + "** by " + code(f.Rule)
		if len(f.Groups) > 0 {
			text += " of " + code(strings.Join(f.Groups, ", "))
		}
		for _, part := range []string{f.App, f.Object, f.Place} {
			if part != "" {
				text += " " + code(part)
			}
		}
		text += ": " + prose(f.Message)
		if f.Excused != "" {
			text += " (does not count: " + prose(f.Excused) + ")"
		}
		lines = append(lines, text)
	}
	return lines
}

// listed writes lines under a title, at most n of them and maxList bytes.
func listed(title string, lines []string, n int) string {
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("**" + title + "**\n\n")
	for i, line := range lines {
		if i == n || b.Len()+len(line) > maxList {
			fmt.Fprintf(&b, "- and %d more\n", len(lines)-i)
			break
		}
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}

// images lists which images take which's place, and in how many apps.
func (p PullPlan) images() []string {
	var order []ImageChange
	apps := map[ImageChange]int{}
	for _, app := range p.Apps {
		for _, image := range app.Images {
			if apps[image] == 0 {
				order = append(order, image)
			}
			apps[image]++
		}
	}
	var lines []string
	for _, image := range order {
		text := code(image.From) + " → " + code(image.To)
		switch {
		case image.From == "":
			text = code(image.To) + ", new"
		case image.To == "":
			text = code(image.From) + ", no longer used"
		}
		if n := apps[image]; n > 1 {
			text += fmt.Sprintf(" in %d apps", n)
		}
		lines = append(lines, text)
	}
	return lines
}
