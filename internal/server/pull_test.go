package server

import (
	"net/http"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

// The whole plan of a pull request is shown to whoever may see the page, and nothing in it is HTML.
func TestPullPage(t *testing.T) {
	const evil = `<script>alert(1)</script>`
	id := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "web"}
	set := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": "shop", "name": "web"}, "data": map[string]any{"a": evil}}}
	change := report.Public(report.ObjectDiff{
		Change: report.ObjectChanged, Object: id, Fields: []diff.FieldChange{{Field: "data.a", Kind: diff.Changed, From: "1", To: evil}},
	}, set)
	c := config(fleet())
	c.Pull = func(repo string, number int) (report.PullPlan, bool) {
		plan := report.PullPlan{Repo: repo, Number: number, Branch: "main", Head: strings.Repeat("a", 40), Apps: []report.PullApp{{Address: "web/prod", Change: []report.PublicObject{change}}}}
		return plan, repo == "plumb-system/fleet" && number == 7
	}
	handler := New(c)
	if resp := do(t, handler, call{method: "GET", path: "/pr/plumb-system/fleet/7"}); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", resp.StatusCode)
	}
	page := body(t, do(t, handler, call{method: "GET", path: "/pr/plumb-system/fleet/7", header: authorised()}))
	for _, want := range []string{"Pull request 7", "web/prod", "ConfigMap/shop/web", "data.a", "&lt;script&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page:\n%s", want, page)
		}
	}
	if strings.Contains(page, evil) {
		t.Error("a value became HTML")
	}
	for _, path := range []string{"/pr/plumb-system/fleet/8", "/pr/plumb-system/other/7", "/pr/plumb-system/fleet/seven"} {
		if resp := do(t, handler, call{method: "GET", path: path, header: authorised()}); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
