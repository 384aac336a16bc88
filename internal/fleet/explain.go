package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Explain discovers, and says also of every other folder that renders that no rule looks there. It walks the whole tree:
// it is for people, who ask once.
func Explain(in Input) Result {
	d := &discovery{in: in, reader: newReader(in.Tree)}
	err := d.all()
	if err == nil {
		err = d.outside()
	}
	if err != nil {
		return blocked(err, in.Previous)
	}
	d.order()
	return d.result
}

// Ordered is an app that waits for others, or that others wait for.
type Ordered struct {
	App   string `json:"app"` // its address
	After []Need `json:"after,omitempty"`
}

// order says which app waits for which, as far as this tree tells.
func (d *discovery) order() {
	r := &d.result
	nodes, addresses := make([]Node, 0, len(r.Apps)), make(map[string]string, len(r.Apps))
	for _, a := range r.Apps {
		nodes = append(nodes, a.Node())
		addresses[a.Name] = a.Address().String()
	}
	order := NewOrder(nodes)
	for _, name := range order.Sorted() {
		entry := Ordered{App: addresses[name]}
		for _, need := range order.Needs(name) {
			apps := make([]string, 0, len(need.Apps))
			for _, app := range need.Apps {
				apps = append(apps, addresses[app])
			}
			need.Apps = apps
			entry.After = append(entry.After, need)
		}
		r.Order = append(r.Order, entry)
		if bad := order.CycleFault(name); bad != nil {
			a := r.Apps[slices.IndexFunc(r.Apps, func(a App) bool { return a.Name == name })]
			r.Faults = append(slices.Clone(r.Faults), Fault{App: a.App, Env: a.Env, Cluster: a.Cluster, Path: a.Path, Fault: bad})
		}
	}
}

// order writes the apps that wait, each behind those that it waits for.
func (t *textWriter) order(order []Ordered) {
	if len(order) == 0 {
		return
	}
	t.printf("\nORDER\n")
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	for _, entry := range order {
		fmt.Fprintf(table, "%s\t%s\n", entry.App, entry.text())
	}
	_ = table.Flush() // t keeps the error
}

func (o Ordered) text() string {
	var parts []string
	for _, need := range o.After {
		switch {
		case len(need.Apps) > 0:
			parts = append(parts, strings.Join(need.Apps, ", "))
		case need.Near != "":
			parts = append(parts, need.Written+" (there is no such app here; did you mean "+need.Near+"?)")
		default:
			parts = append(parts, need.Written+" (there is no such app here)")
		}
	}
	if len(parts) == 0 {
		return "first"
	}
	return "after " + strings.Join(parts, ", ")
}

// outside explains the folders that render and of which nothing was said yet.
func (d *discovery) outside() error {
	units, err := scan(newReader(d.in.Tree), ".")
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, e := range d.result.Explained {
		for dir := e.Path; dir != "."; dir = path.Dir(dir) {
			known[dir] = true
		}
	}
	where := "outside " + appsFolder + "/"
	if len(d.in.Apps) > 0 {
		where = "not matched by spec.apps"
	}
	d.result.Explained = slices.Clone(d.result.Explained) // Previous may share it
	for _, u := range units {
		if !known[u.dir] && !d.explained(u.dir) {
			d.result.Explained = append(d.result.Explained,
				Explanation{Path: u.dir, Rule: RuleOutside, Why: kindWords[u.kind] + ", but " + where})
		}
	}
	sortExplained(d.result.Explained)
	return nil
}

// explained tells whether the folder lies in one of which something was said that holds for all in it.
func (d *discovery) explained(dir string) bool {
	return slices.ContainsFunc(d.result.Explained, func(e Explanation) bool {
		return within(dir, e.Path) && e.Path != "." && e.Path != dir && e.Rule != RuleNothing && e.Rule != RuleOutside
	})
}

func sortExplained(explained []Explanation) {
	slices.SortStableFunc(explained, func(a, b Explanation) int { return strings.Compare(a.Path, b.Path) })
}

// ExplainText writes the explanation for people: a line per folder, the faults with what to do, the spec.apps that
// would fit, and a sum.
func ExplainText(w io.Writer, r Result) error {
	out := &textWriter{w: w}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, e := range r.Explained {
		if i == 0 {
			fmt.Fprintln(table, "FOLDER\tAPP\tWHY")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", e.Path, cmp.Or(strings.Join(e.Apps, " "), signs[e.Rule]), e.reason())
	}
	_ = table.Flush() // out keeps the error
	out.order(r.Order)
	for i, f := range r.Faults {
		if !slices.ContainsFunc(r.Faults[:i], func(before Fault) bool { return before.Fault == f.Fault }) {
			out.fault(f.Fault, r.Faults[i:])
		}
	}
	if len(r.Suggested) > 0 {
		out.printf("\nThis spec.apps of the Repo would fit:\n\n%s", SuggestedYAML(r.Suggested))
		if only := r.Suggested[0]; len(r.Suggested) == 1 && !strings.Contains(only.Path, "{") {
			out.printf("\nOr, for this one app, an App of its own with path: %s\n", quoted(only.Path))
		}
	}
	out.printf("\n%s\n", Sum(r))
	return out.err
}

// explained is the form of an explanation for machines.
type explained struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Summary    string `json:"summary"`
	Result
}

// ExplainJSON writes the explanation for machines: a Result with apiVersion, kind and the sum.
func ExplainJSON(w io.Writer, r Result) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(explained{APIVersion: "cli.plumb/v1", Kind: "AppsExplanation", Summary: Sum(r), Result: r})
}

// signs stand where an app's address would.
var signs = map[Rule]string{
	RuleApp: "", RuleSkip: "-", RuleInput: "-", RuleExcluded: "-", RuleOutside: "-", RuleNotEnv: "-", RuleNothing: "-", RuleFault: "!",
}

func (e Explanation) reason() string {
	if e.Rule == RuleSkip && e.Place.File != "" {
		return e.Why + " in " + e.Place.String()
	}
	return e.Why
}

// textWriter keeps the first error.
type textWriter struct {
	w   io.Writer
	err error
}

func (t *textWriter) Write(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.w.Write(p)
	t.err = err
	return n, err
}

func (t *textWriter) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// fault writes one fault, with all the apps that it blocks.
func (t *textWriter) fault(bad *fault.Fault, all []Fault) {
	var blocks []string
	for _, f := range all {
		address := Address{App: f.App, Env: f.Env, Cluster: f.Cluster}.String()
		if f.Fault == bad && !slices.Contains(blocks, address) {
			blocks = append(blocks, cmp.Or(address, "every app of the commit"))
		}
	}
	t.printf("\n! %s: %s\n  ", bad.Reason, strings.Join(blocks, ", "))
	if place := bad.Place.String(); place != "" {
		t.printf("%s: ", place)
	}
	t.printf("%s\n", bad.Message)
	if bad.Next != "" {
		t.printf("  %s\n", strings.ReplaceAll(bad.Next, "; ", "\n    "))
	}
}

// Sum gives one sentence: how many apps, environments and faults.
func Sum(r Result) string {
	if r.Blocked() != nil {
		return "no app can be found at this commit"
	}
	apps, faults := map[string]bool{}, map[*fault.Fault]bool{}
	for _, a := range r.Apps {
		apps[a.App] = true
	}
	for _, f := range r.Faults {
		faults[f.Fault] = true
	}
	s := count(len(apps), "app")
	if len(r.Apps) != len(apps) {
		s += fmt.Sprintf(" in %s", count(len(r.Apps), "place"))
	}
	if len(faults) > 0 {
		s += ", " + count(len(faults), "fault")
	}
	return s
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// SuggestedYAML writes patterns as they stand in a Repo, from spec on.
func SuggestedYAML(patterns []v1alpha1.Pattern) string {
	var b strings.Builder
	b.WriteString("spec:\n  apps:\n")
	for _, p := range patterns {
		fmt.Fprintf(&b, "    - {path: %s", quoted(p.Path))
		if p.App != "" {
			fmt.Fprintf(&b, ", app: %s", quoted(p.App))
		}
		if p.Namespace != "" {
			fmt.Fprintf(&b, ", namespace: %s", quoted(p.Namespace))
		}
		if p.Exclude {
			b.WriteString(", exclude: true")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// quoted leaves a text bare only where every YAML parser reads it as this text.
func quoted(s string) string {
	letters := false
	for i := range len(s) {
		c := s[i]
		if !isAlnum(c) && c != '/' && c != '-' && c != '_' && c != '.' {
			return jsonText(s)
		}
		letters = letters || c > '9'
	}
	if !letters || s[0] < 'A' || slices.Contains(notTexts, strings.ToLower(s)) {
		return jsonText(s)
	}
	return s
}

// notTexts are words that some YAML parser takes for something else.
var notTexts = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// jsonText quotes as JSON does, which YAML reads.
func jsonText(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // a text always marshals
	}
	return string(text)
}
