package giteatest

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

// hostilePlan is a plan in which everything that others name is one text.
func hostilePlan(text string) report.PullPlan {
	configMap := func(value string) object.Object {
		return object.Object{Fields: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": text, "namespace": text}, "data": map[string]any{text: value, "list": text + "\n" + value + "\n"},
		}}
	}
	was, is := configMap("1"), configMap(text)
	changed := report.Public(report.ObjectDiff{Change: report.ObjectChanged, Object: is.ID(), Notes: []string{text}, Risks: []report.Risk{report.RiskRights}, Fields: diff.Fields(was, is)}, was, is)
	app := report.PullApp{
		Address: text, Cluster: text, Change: []report.PublicObject{changed}, Waiting: []report.PublicObject{changed}, Drift: []report.PublicObject{changed},
		Images: []report.ImageChange{{From: text, To: text}}, Allow: []string{text}, Notes: []string{text}, NotAsked: text,
	}
	broken := report.PullApp{Address: text, Fault: fault.New(fault.RenderFailed, "%s", text).At(fault.Place{File: text, Line: 1})}
	return report.PullPlan{
		Repo: text, Branch: text, Head: text, Tip: text, URL: "https://plumb.example.com/pr/1", Apps: []report.PullApp{app, broken}, Conflicts: []string{text}, Notes: []string{text},
		Findings: []report.PullFinding{{Level: report.FindingDeny, Rule: text, App: text, Object: text, Place: text, Message: text, Groups: []string{text}, Excused: text}},
	}
}

// TestGiteaShowsOthersTextsAsCode: as a real forge renders the comment on a pull request, nothing that others wrote is anything but
// code: nobody is mentioned, nothing is linked, no element is opened or closed.
func TestGiteaShowsOthersTextsAsCode(t *testing.T) {
	s := gitea(t)
	if html := s.rendered(t, "@"+forgetest.Ada); notCode(html) == "" {
		t.Fatalf("a mention is not seen in %s", html)
	}
	for _, text := range []string{
		"@" + forgetest.Ada, "`@" + forgetest.Ada, "``` @" + forgetest.Ada, "```\n@" + forgetest.Ada + "\n```", "</details>@" + forgetest.Ada, "</code></summary></details><b>@" + forgetest.Ada, "| @" + forgetest.Ada + " |",
		"![x](https://evil.example/" + forgetest.Ada + ")", "[" + forgetest.Ada + "](https://evil.example)", "https://evil.example/" + forgetest.Ada, "www.evil.example/" + forgetest.Ada, "<img src=x alt=" + forgetest.Ada + ">",
		"\n\n# " + forgetest.Ada + "\n\n", "````` " + forgetest.Ada + " ````", "\\`" + forgetest.Ada, "~~~\n" + forgetest.Ada, "<!-- " + forgetest.Ada, "#1 !1 " + forgetest.Ada + " closes #1", "*" + forgetest.Ada + "* _" + forgetest.Ada + "_",
	} {
		plans := []report.PullPlan{hostilePlan(text), {Pending: text, Branch: text}}
		if strings.Contains(text, "\n") {
			plans[0].Conflicts, plans[0].Apps = nil, plans[0].Apps[:1]
		}
		for _, plan := range plans {
			comment := report.PullComment(plan)
			html := s.rendered(t, comment)
			if wrong := notCode(html); wrong != "" {
				t.Errorf("%q: %s\n%s\n--- as HTML:\n%s", text, wrong, comment, html)
			}
		}
	}
}

// rendered gives Markdown as Gitea shows it in a comment.
func (s server) rendered(t *testing.T, markdown string) string {
	t.Helper()
	html, err := s.ask(forgetest.Ada, http.MethodPost, "/markdown", map[string]any{"Text": markdown, "Mode": "comment", "Context": "acme/fleet"})
	if err != nil {
		t.Fatal(err)
	}
	return string(html)
}

// TestGiteaShowsTheComment: the example of docs/pull-requests.md, as Gitea renders it, in a page with a style sheet of our own.
// UPDATE=1 writes it anew.
func TestGiteaShowsTheComment(t *testing.T) {
	const markdown, page = "../../../report/testdata/comment.md", "../../../../docs/images/comment.html"
	comment, err := os.ReadFile(markdown)
	if err != nil {
		t.Fatal(err)
	}
	want := frame + gitea(t).rendered(t, string(comment)) + "\n</main>\n</html>\n"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != want {
		t.Errorf("%s is not what Gitea makes of the comment (%v); UPDATE=1 writes it anew", page, err)
	}
}

const frame = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The comment of Plumb on a pull request</title>
<style>
:root { color-scheme: light dark; --quiet: light-dark(#59636e, #9198a1); --line: light-dark(#d1d9e0, #3d444d); --code: light-dark(#eff1f3, #262c36); --plus: light-dark(#116329, #7ee787); --minus: light-dark(#a40e26, #ff8182) }
body { margin: 2rem auto; padding: 0 1rem; max-width: 54rem; font: 16px/1.5 system-ui, sans-serif; background: light-dark(#fff, #0d1117); color: light-dark(#1f2328, #f0f6fc) }
main { border: 1px solid var(--line); border-radius: 6px; padding: 0 1rem 1rem }
table { border-collapse: collapse } th, td { border: 1px solid var(--line); padding: .25rem .75rem } th:empty { min-width: 10rem }
code, pre { font: 13.6px/1.45 ui-monospace, monospace; background: var(--code); border-radius: 6px } code { padding: .15em .35em } pre { padding: 1rem; overflow-x: auto } pre code { padding: 0 }
summary { cursor: pointer; padding: .25rem 0 } .gi { color: var(--plus) } .gd { color: var(--minus) } .gu { color: var(--quiet) } a { color: light-dark(#0969da, #4493f8) }
</style>
<main>
`

// elements are those that a comment is made of, and what the forge itself makes of them.
var elements = []string{"h3", "p", "ul", "li", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "a", "div", "span", "br"}

// notCode says what of a comment is not code and should be; "" if nothing is.
func notCode(html string) string {
	reader := xml.NewDecoder(strings.NewReader(html))
	reader.Strict, reader.AutoClose, reader.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	code := 0
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			return ""
		} else if err != nil {
			return "it cannot be read: " + err.Error()
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "code" || e.Name.Local == "pre" {
				code++
			}
			if !slices.Contains(elements, e.Name.Local) {
				return "it has an element " + e.Name.Local
			}
			for _, a := range e.Attr {
				if a.Name.Local == "href" && a.Value != "https://plumb.example.com/pr/1" && !strings.HasPrefix(a.Value, "#") {
					return "it links to " + a.Value
				}
			}
		case xml.EndElement:
			if e.Name.Local == "code" || e.Name.Local == "pre" {
				code--
			}
		case xml.CharData:
			if code == 0 && strings.Contains(string(e), forgetest.Ada) {
				return "this is not code: " + string(e)
			}
		}
	}
}
