package server

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// ask gets an answer of the API as JSON.
func ask(t *testing.T, h http.Handler, path string) (status int, answer map[string]any) {
	t.Helper()
	r := do(t, h, call{method: "GET", path: apiPath + path, header: authorised()})
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: Content-Type %q", path, kind)
	}
	decode(t, r, &answer)
	return r.StatusCode, answer
}

// at gives what stands at a path of keys and numbers, as JSON.
func at(v any, path string) string {
	for part := range strings.FieldsSeq(path) {
		switch known := v.(type) {
		case map[string]any:
			v = known[part]
		case []any:
			i := int(part[0] - '0')
			if i >= len(known) {
				return "nothing"
			}
			v = known[i]
		}
	}
	data, _ := json.Marshal(v)
	return string(data)
}

func TestAnswers(t *testing.T) {
	c := config(fleet())
	c.Clusters = func() []v1alpha1.Cluster {
		return []v1alpha1.Cluster{{ObjectMeta: metav1.ObjectMeta{Name: "eu-1"}, Status: v1alpha1.ClusterStatus{Version: "v1.37.2"}}}
	}
	c.Ready = func() []Check { return []Check{{"git", true, "git can be used"}} }
	c.Board.PutPull(report.PullPlan{Repo: "plumb-system/fleet", Number: 7, Title: "more", Pending: "it is being made"})
	c.Board.PutCommit("", v1alpha1.CommitLine{ID: "9f31c2a0000", Author: "dana", Subject: "cart: 2.8.1", Time: &metav1.Time{Time: now.Add(-time.Hour)}})
	handler := New(c)
	for _, row := range []struct{ reason, path, where, want string }{
		{"who asks", "/me", "how", `"token"`},
		{"no groups is an empty list", "/me", "groups", `[]`},
		{"the agent's version", "/me", "version", `"v0"`},
		{"the worst is first", "/apps", "items 0 id", `"plumb-system/search-staging"`},
		{"how many", "/apps?limit=2", "total", `10`},
		{"a page is as long as asked", "/apps?limit=2", "items 2", `nothing`},
		{"several values of a column", "/apps?state=failed,drifted", "total", `2`},
		{"search", "/apps?q=imagepull+search", "total", `0`},
		{"search in what is seen", "/apps?q=SEARCH", "items 0 blocking message", `"ImagePullBackOff registry/search:5"`},
		{"facets", "/apps?env=prod", "facets state", `[{"count":1,"value":"drifted"},{"count":1,"value":"rolling"},{"count":1,"value":"waiting"},{"count":1,"value":"paused"}]`},
		{"an app in full, as resources.md says", "/apps/plumb-system/search-staging", "app status state", `"failed"`},
		{"without managedFields", "/apps/plumb-system/search-staging", "app metadata managedFields", `null`},
		{"with the same app elsewhere in the order of promotion", "/apps/plumb-system/cart-prod", "siblings 0 env", `"dev"`},
		{"and what plumb why says", "/apps/plumb-system/web-prod", "why 0", `"‖ web/prod  paused`},
		{"and lines of consent", "/apps/plumb-system/wiki-prod", "consent 0", `"Plumb-Allow-Delete: wiki/prod Namespace/old"`},
		{"columns", "/fleet", "n", `10`},
		{"a commit with its author", "/changes", "items 0 author", `"dana"`},
		{"and what became of it", "/changes", "items 0 state", `"failed"`},
		{"one commit by its first digits", "/changes/9f31c2a", "id", `"9f31c2a0000"`},
		{"drift by manager", "/drift", "groups 0 manager", `"kubectl"`},
		{"drift of a manager that did nothing", "/drift?manager=nobody", "groups", `[]`},
		{"drift, field by field", "/drift?state=open&limit=1", "items 0 manager", `"kubectl"`},
		{"what may be chosen there stays", "/drift?manager=nobody", "facets manager 0 value", `"kubectl"`},
		{"Repos in a state", "/repos?state=failed&sort=trouble", "total", `0`},
		{"clusters by a word of their name", "/clusters?q=eu&sort=name", "items 0 name", `"eu-1"`},
		{"pull requests of a Repo", "/pulls?repo=plumb-system/other", "items", `[]`},
		{"changes, those in trouble first", "/changes?sort=trouble&limit=1", "items 0 state", `"failed"`},
		{"Repos", "/repos", "items 0 hookPath", `"/hooks/plumb-system/fleet"`},
		{"clusters that are registered", "/clusters", "items 1 name", `"eu-1"`},
		{"the agent's own cluster has its checks", "/clusters", "items 0 checks 0 ok", `true`},
		{"pull requests", "/pulls", "items 0 status", `"pending"`},
		{"a plan", "/pulls/plumb-system/cart-dev/7", "status", `"success"`},
		{"figures", "/figures?days=7", "deploys", `10`},
		{"a day each", "/figures?days=7", "buckets 6 day", `"2026-11-20"`},
	} {
		status, answer := ask(t, handler, row.path)
		if got := at(answer, row.where); status != 200 || !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %s: %d, %s is %s", row.reason, row.path, status, row.where, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	handler := New(config(fleet()))
	for _, row := range []struct {
		reason, path string
		want         int
	}{
		{"an order that is none", "/apps?sort=size", 400},
		{"a limit beyond the largest", "/apps?limit=501", 400},
		{"no limit", "/apps?limit=0", 400},
		{"a limit that is no number", "/apps?limit=many", 400},
		{"a cursor of another list", "/apps?cursor=e30", 400},
		{"a search that is too long", "/apps?q=" + strings.Repeat("x", 201), 400},
		{"an app that is not there", "/apps/plumb-system/none", 404},
		{"a commit that is none", "/changes/main", 400},
		{"a commit that nobody knows", "/changes/0000000", 404},
		{"a pull request that is none", "/pulls/plumb-system/fleet/x", 400},
		{"a plan that is not there", "/pulls/plumb-system/fleet/8", 404},
		{"more days than there are", "/figures?days=366", 400},
		{"a cursor of changes", "/changes?cursor=%00", 400},
		{"an order of changes that is none", "/changes?sort=author", 400},
		{"an order of Repos that is none", "/repos?sort=size", 400},
		{"a cursor of Repos that is none", "/repos?cursor=e30", 400},
		{"a cursor of drift that is none", "/drift?cursor=e30", 400},
		{"more pull requests than are told at once", "/pulls?limit=501", 400},
		{"a cursor of clusters that is none", "/clusters?cursor=e30", 400},
	} {
		status, answer := ask(t, handler, row.path)
		if status != row.want || at(answer, "message") == "null" || at(answer, "reason") == "null" || at(answer, "next") == "null" {
			t.Errorf("%s: %d %v", row.reason, status, answer)
		}
	}
}

// Every answer has the fields that the document requires, and no other.
func TestAnswersAreAsDescribed(t *testing.T) {
	s := newServer(config(fleet()))
	handler := s.handler(s.routes())
	var doc map[string]any
	if err := json.Unmarshal(s.openapi, &doc); err != nil {
		t.Fatal(err)
	}
	for path, route := range map[string]string{
		"/me": "", "/fleet": "", "/apps": "", "/changes": "", "/drift": "", "/repos": "", "/clusters": "", "/pulls": "", "/figures": "",
		"/apps/plumb-system/wiki-prod": "/apps/{namespace}/{name}", "/apps/plumb-system/search-staging": "/apps/{namespace}/{name}",
		"/changes/9f31c2a": "/changes/{commit}", "/pulls/plumb-system/cart-dev/7": "/pulls/{namespace}/{name}/{number}", "/login": "",
	} {
		about := inside(doc, "paths", cmp.Or(route, path), "get", "responses", "200", "content", "application/json", "schema")
		_, answer := ask(t, handler, path)
		conforms(t, path, doc, about, answer)
	}
}

// inside gives what stands behind keys.
func inside(v map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		v, _ = v[key].(map[string]any)
	}
	return v
}

// conforms compares a value with its schema: the kinds of values, what is required, what is not known.
func conforms(t *testing.T, where string, doc, schema map[string]any, v any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		conforms(t, where, doc, doc["components"].(map[string]any)["schemas"].(map[string]any)[name].(map[string]any), v)
		return
	}
	kinds := map[string]bool{}
	switch kind := schema["type"].(type) {
	case string:
		kinds[kind] = true
	case []any:
		for _, k := range kind {
			kinds[k.(string)] = true
		}
	default:
		return // anything
	}
	switch v := v.(type) {
	case map[string]any:
		if !kinds["object"] {
			t.Errorf("%s is an object, not %v", where, kinds)
		}
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, there := v[name.(string)]; !there {
				t.Errorf("%s lacks %s", where, name)
			}
		}
		for name, field := range v {
			if property, known := properties[name].(map[string]any); known {
				conforms(t, where+"."+name, doc, property, field)
			} else if extra, ok := schema["additionalProperties"].(map[string]any); ok {
				conforms(t, where+"."+name, doc, extra, field)
			} else {
				t.Errorf("%s has %s, which is not described", where, name)
			}
		}
	case []any:
		if !kinds["array"] {
			t.Errorf("%s is a list, not %v", where, kinds)
		}
		for _, item := range v[:min(len(v), 3)] {
			conforms(t, where+"[]", doc, schema["items"].(map[string]any), item)
		}
	case string:
		if !kinds["string"] {
			t.Errorf("%s is a text, not %v", where, kinds)
		}
		if words, ok := schema["enum"].([]any); ok && !containsWord(words, v) {
			t.Errorf("%s is %q, of %v", where, v, words)
		}
	case float64:
		if !kinds["number"] && !kinds["integer"] {
			t.Errorf("%s is a number, not %v", where, kinds)
		}
	case bool:
		if !kinds["boolean"] {
			t.Errorf("%s is true or false, not %v", where, kinds)
		}
	case nil:
		if !kinds["null"] {
			t.Errorf("%s is null, not %v", where, kinds)
		}
	}
}

func containsWord(words []any, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// narrow sees one namespace, and may read Entries there or not.
type narrow struct {
	tokenPerson
	entries bool
}

func (narrow) Sees(context.Context) (board.Sight, error) {
	return board.Sight{Namespaces: map[string]bool{"shop": true}}, nil
}

func (p narrow) May(_ context.Context, rights []Right) ([]Verdict, error) {
	out := make([]Verdict, len(rights))
	for i, r := range rights {
		out[i] = Verdict{p.entries && r == Right{Verb: "list", Group: "plumb.dev", Resource: "entries", Namespace: "shop"}, "list entries in shop is missing"}
	}
	return out, nil
}

// narrowly has everybody be one person.
type narrowly struct {
	tokenPeople
	person Person
}

func (p narrowly) Of(*http.Request) (Person, bool) { return p.person, true }

// A person sees their namespaces, in lists, counts, search, single things and columns alike; the rest is not there.
func TestAPersonSeesTheirNamespaces(t *testing.T) {
	known := fleet()
	mine := app("mine", "dev", v1alpha1.StateOK)
	mine.Namespace = "shop"
	known.apps = append(known.apps, mine)
	c := config(known)
	c.Entries = func(_ context.Context, a v1alpha1.App, commit string) ([]v1alpha1.Entry, error) {
		if a.Namespace != "shop" {
			t.Errorf("the record of %s is read", a.Namespace)
		}
		return []v1alpha1.Entry{{Revision: &v1alpha1.RevisionEntry{Previous: "before " + commit, Changes: []v1alpha1.ObjectChange{{Object: "ConfigMap/shop/x", Change: "changed"}}}}}, nil
	}
	c.Clusters = func() []v1alpha1.Cluster { return []v1alpha1.Cluster{{ObjectMeta: metav1.ObjectMeta{Name: "eu-1"}}} }
	person := narrow{}
	c.People = narrowly{person: &person}
	handler := New(c)
	for _, row := range []struct{ reason, path, where, want string }{
		{"apps", "/apps", "total", `1`},
		{"counts", "/apps", "facets namespace", `[{"count":1,"value":"shop"}]`},
		{"search", "/apps?q=cart", "total", `0`},
		{"a namespace that is not theirs", "/apps?namespace=plumb-system", "total", `0`},
		{"columns", "/fleet", "apps", `["mine"]`},
		{"changes", "/changes", "items 0 targets 0 id", `"shop/mine-dev"`},
		{"and no more of them", "/changes", "items 0 targets 1", `nothing`},
		{"drift", "/drift", "groups", `[]`},
		{"Repos", "/repos", "items", `[]`},
		{"clusters count what they see", "/clusters", "items 0 apps", `[{"count":1,"value":"ok"}]`},
		{"of another cluster, where they have no app, they hear nothing", "/clusters", "items 1", `nothing`},
		{"figures", "/figures", "deploys", `1`},
		{"without the right to read Entries it is said", "/changes/9f31c2a", "notTold", `"list entries in shop is missing"`},
	} {
		_, answer := ask(t, handler, row.path)
		if got := at(answer, row.where); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %s", row.reason, got)
		}
	}
	if status, _ := ask(t, handler, "/apps/plumb-system/cart-dev"); status != 404 {
		t.Errorf("an app of another namespace: %d", status)
	}
	person.entries = true
	if _, answer := ask(t, New(c), "/changes/9f31c2a"); at(answer, "objects 0 previous") != `"before 9f31c2a0000"` || at(answer, "objects 1") != `nothing` {
		t.Errorf("with the right: %v", answer)
	}
}

// blind is somebody whose rights cannot be asked.
type blind struct{ tokenPerson }

func (blind) Sees(context.Context) (board.Sight, error) {
	return board.Sight{}, fault.New(fault.Unreachable, "the API server does not answer")
}

func TestWhoseRightsCannotBeAskedSeesNothing(t *testing.T) {
	c := config(fleet())
	c.People = narrowly{person: blind{}}
	handler := New(c)
	for _, path := range []string{"/apps", "/fleet", "/changes", "/changes/9f31c2a", "/drift", "/repos", "/clusters", "/pulls", "/figures", "/apps/plumb-system/cart-dev", "/stream"} {
		if status, answer := ask(t, handler, path); status != http.StatusBadGateway || at(answer, "reason") != `"Unreachable"` {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
}

func TestAnswersAreCompressedForWhoTakesIt(t *testing.T) {
	handler := New(config(fleet()))
	for accept, zipped := range map[string]bool{"gzip, deflate, br": true, "": false, "gzip;q=0": false, "br": false} {
		h := authorised()
		h.Set("Accept-Encoding", accept)
		r := do(t, handler, call{method: "GET", path: apiPath + "/apps", header: h})
		from := io.Reader(r.Body)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("%q: compressed %v", accept, got)
			continue
		}
		if zipped {
			var err error
			if from, err = gzip.NewReader(r.Body); err != nil {
				t.Fatal(err)
			}
		}
		var page board.Page
		if err := json.NewDecoder(from).Decode(&page); err != nil || page.Total != 10 {
			t.Errorf("%q: %v, %d", accept, err, page.Total)
		}
	}
}

// The page as it was built: its files, the addresses that it answers, the token in its address.
func TestThePageAsItWasBuilt(t *testing.T) {
	s := newServer(config(fleet()))
	s.web = readWeb(fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html>")}, "assets/app-1a2b.js": {Data: []byte("let a")}, "assets/app-1a2b.js.gz": {Data: []byte("zipped")}, "icon.svg": {Data: []byte("<svg/>")},
	})
	handler := s.handler(s.routes())
	for _, row := range []struct {
		reason, path, accept string
		status               int
		header, want, body   string
	}{
		{"the page", "/", "", 200, "Cache-Control", "no-store", "<!doctype html>"},
		{"a deep link", "/app/shop/cart-dev/drift?x=1", "", 200, "Content-Type", "text/html; charset=utf-8", "<!doctype html>"},
		{"a file is kept for ever", "/assets/app-1a2b.js", "", 200, "Cache-Control", "public, max-age=31536000, immutable", "let a"},
		{"compressed before", "/assets/app-1a2b.js", "gzip", 200, "Content-Encoding", "gzip", "zipped"},
		{"a file beside it", "/icon.svg", "", 200, "Content-Type", "image/svg+xml", "<svg/>"},
		{"nothing", "/assets/app-2.js", "", 404, "Content-Type", "application/json", "{"},
		{"no way out of the folder", "/assets/..%2findex.html", "", 404, "Content-Type", "application/json", "{"},
		{"a token in an address opens nothing", "/?t=" + token, "", 200, "Set-Cookie", "", "<!doctype html>"},
		{"no redirect leads away", "//evil.example/", "", 404, "Location", "", ""},
	} {
		r := do(t, handler, call{method: "GET", path: row.path, header: http.Header{"Accept-Encoding": {row.accept}}})
		if got := body(t, r); r.StatusCode != row.status && !(row.status == 404 && r.StatusCode/100 == 3 && !strings.Contains(r.Header.Get("Location"), "//")) || row.status != 404 && r.Header.Get(row.header) != row.want || !strings.HasPrefix(got, row.body) {
			t.Errorf("%s: %d, %s %q, %.40q", row.reason, r.StatusCode, row.header, r.Header.Get(row.header), got)
		}
		if strings.Contains(r.Header.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: %s", row.reason, r.Header.Get("Content-Security-Policy"))
		}
	}
	first := do(t, handler, call{method: "GET", path: "/icon.svg"})
	again := do(t, handler, call{method: "GET", path: "/icon.svg", header: http.Header{"If-None-Match": {first.Header.Get("ETag")}}})
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("what is known is sent again: %d", again.StatusCode)
	}
}

func FuzzAppsQuery(f *testing.F) {
	f.Add("q=cart&state=failed,ok&limit=5")
	f.Add("cursor=e30&sort=name")
	f.Add("state=%00&limit=-1&env=,,,")
	handler := New(config(fleet()))
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsAny(query, " #\x7f") || strings.ContainsFunc(query, func(r rune) bool { return r < 32 }) {
			return // no address
		}
		r := do(t, handler, call{method: "GET", path: apiPath + "/apps?" + query, header: authorised()})
		if r.StatusCode != 200 && r.StatusCode != 400 {
			t.Errorf("%d", r.StatusCode)
		}
		var answer map[string]any
		decode(t, r, &answer)
	})
}

// The records of a commit's apps are read beside each other, a few at once, and told in the order of its targets.
func TestRecordsAreReadBesideEachOther(t *testing.T) {
	var known known
	const apps = 9
	for i := range apps {
		one := app(fmt.Sprintf("app%02d", i), "dev", v1alpha1.StateOK)
		one.Namespace = "shop"
		known.apps = append(known.apps, one)
	}
	c := config(known)
	c.People = narrowly{person: &narrow{entries: true}}
	var mu sync.Mutex
	var once sync.Once
	now, most := 0, 0
	two := make(chan struct{})
	c.Entries = func(_ context.Context, a v1alpha1.App, _ string) ([]v1alpha1.Entry, error) {
		mu.Lock()
		now++
		if most = max(most, now); now == 2 {
			once.Do(func() { close(two) })
		}
		mu.Unlock()
		select {
		case <-two: // never comes if one is read after the other
		case <-time.After(10 * time.Second):
		}
		mu.Lock()
		now--
		mu.Unlock()
		return []v1alpha1.Entry{{Revision: &v1alpha1.RevisionEntry{Previous: a.Name}}}, nil
	}
	_, answer := ask(t, New(c), "/changes/9f31c2a")
	if most < 2 || most > recordsAtOnce {
		t.Errorf("%d are read at once", most)
	}
	for i := range apps {
		if got, want := at(answer, fmt.Sprintf("objects %d previous", i)), fmt.Sprintf("%q", fmt.Sprintf("app%02d-dev", i)); got != want {
			t.Errorf("in place %d: %s, want %s", i, got, want)
		}
	}
}
