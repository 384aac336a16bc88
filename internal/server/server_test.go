package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

const token = "0123456789abcdef0123456789abcdef"

var now = time.Date(2026, 11, 20, 14, 10, 0, 0, time.UTC)

// known is a Reader of fixed values.
type known struct {
	repos []v1alpha1.Repo
	apps  []v1alpha1.App
	heard time.Duration

	readOnly bool
}

func (k known) App(namespace, name string) (v1alpha1.App, bool) {
	for _, a := range k.apps {
		if a.Namespace == namespace && a.Name == name {
			return a, true
		}
	}
	return v1alpha1.App{}, false
}
func (k known) Agent() report.Agent {
	return report.Agent{Heard: now.Add(-k.heard), ReadOnly: k.readOnly}
}

func app(name, env string, state v1alpha1.State) v1alpha1.App {
	return v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: name + "-" + env, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}},
		Spec:       v1alpha1.AppSpec{Repo: "fleet", Path: "apps/" + name, App: name, Env: env, Cluster: "local"},
		Status: v1alpha1.AppStatus{
			State: state, Summary: name + " is " + string(state), Revision: "9f31c2a0000", Target: "9f31c2a0000", Health: v1alpha1.Healthy,
			AsOf: &metav1.Time{Time: now.Add(-time.Minute)}, Objects: v1alpha1.Counts{Total: 4},
			History: []v1alpha1.HistoryRow{{Revision: "9f31c2a0000", Seen: &metav1.MicroTime{Time: now.Add(-2 * time.Minute)}, Applied: &metav1.MicroTime{Time: now.Add(-time.Minute)}, Result: "ok", Changed: 2}},
		},
	}
}

func fleet() known {
	failed := app("search", "staging", v1alpha1.StateFailed)
	failed.Status.Blocking = &v1alpha1.Blocking{Kind: "Deployment", Namespace: "search-staging", Name: "api", Message: "ImagePullBackOff registry/search:5", LastEvent: "Failed to pull"}
	failed.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "HealthDegraded", Message: "Deployment/api is Degraded", LastTransitionTime: metav1.NewTime(now)}}
	drifted := app("ledger", "prod", v1alpha1.StateDrifted)
	drifted.Status.Drift = []v1alpha1.Drift{{Object: "Deployment/ledger", Field: "spec.replicas", Kind: "changed", Git: "3", Live: "9", Manager: "kubectl", Operation: "Update", Subresource: "scale", Seen: &metav1.Time{Time: now}}}
	waiting := app("wiki", "prod", v1alpha1.StateWaiting)
	waiting.Status.HeldDeletions = []v1alpha1.HeldDeletion{{Object: "Namespace/old", Reason: "ProtectedKind"}}
	waiting.Status.Warnings = []string{"duplicate env A"}
	paused := app("web", "prod", v1alpha1.StatePaused)
	paused.Spec.Pause = &v1alpha1.Pause{Reason: "black friday", By: "lena", Until: &metav1.Time{Time: now.Add(50 * time.Hour)}}
	repo := v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "fleet"}}
	repo.Status.Revision = "9f31c2a0000"
	return known{
		repos: []v1alpha1.Repo{repo},
		apps: []v1alpha1.App{
			failed, drifted, waiting, paused, app("cart", "dev", v1alpha1.StateOK), app("cart", "staging", v1alpha1.StateOK),
			app("cart", "prod", v1alpha1.StateRolling), app("web", "dev", v1alpha1.StateOK), app("wiki", "dev", v1alpha1.StateOK), app("ledger", "dev", v1alpha1.StateOK),
		},
	}
}

func config(r known) Config {
	b := board.New("life")
	for _, a := range r.apps {
		b.Put(&a)
	}
	for _, repo := range r.repos {
		b.PutRepo(&repo, time.Time{})
	}
	return Config{
		Reader: r, Board: b, Token: token, Version: "v0", Now: func() time.Time { return now },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plumb_up 1\n") }),
		Hook: func(_, name string, h http.Header, _ []byte) (int, string) {
			switch {
			case name != "fleet" || h.Get("X-Plumb-Signature-256") != "good":
				return http.StatusUnauthorized, "there is no such Repo"
			case h.Get("X-Event") == "ping":
				return http.StatusOK, "ping: nothing to do"
			case h.Get("X-Event") == "torn":
				return http.StatusBadRequest, "the body is not JSON"
			}
			return http.StatusAccepted, "looking"
		},
		Pull: func(repo string, number int) (report.PullPlan, bool) {
			return report.PullPlan{Repo: repo, Number: number}, repo == "plumb-system/cart-dev" && number == 7
		},
		Ancestor: func(_ context.Context, repo, ancestor, commit string) (bool, error) {
			if repo != "plumb-system/fleet" {
				return false, fault.New(fault.RevisionNotFound, "no such commit")
			}
			return ancestor < commit, nil
		},
	}
}

type call struct {
	method, path, body string
	header             http.Header
}

func do(t *testing.T, h http.Handler, c call) *http.Response {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	if strings.HasPrefix(c.path, apiPath+"/stream") {
		end() // a stream ends with its reader
	}
	r := httptest.NewRequestWithContext(ctx, c.method, c.path, strings.NewReader(c.body))
	for k, v := range c.header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ours are the headers with the one that the page sends with each request that is no read.
func ours(h http.Header) http.Header {
	out := http.Header{headerOfOurs: {"1"}}
	maps.Copy(out, h)
	return out
}

func authorised() http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// Every route of the table, without a token, with a wrong one and with the right one; and every answer bears the headers.
func TestRoutesAreDeniedByDefault(t *testing.T) {
	s := newServer(config(fleet()))
	table := s.routes()
	handler := s.handler(table)
	fill := strings.NewReplacer("{$}", "", "{namespace}", "plumb-system", "{name}", "cart-dev", "{number}", "7", "{commit}", "9f31c2a", "{view}", "history", "{file}", "unbuilt.html")
	wrong := []http.Header{
		nil, {"Authorization": {"Bearer wrong"}}, {"Authorization": {"Bearer "}}, {"Authorization": {token}},
		{"Authorization": {"Bearer " + token, "Bearer " + token}}, {"Authorization": {"Basic " + token}},
		{"Cookie": {"plumb-session=" + token}}, {"Cookie": {"plumb-session="}}, {"Cookie": {"plumb-session=99999999999." + token}},
	}
	for _, r := range table {
		path := fill.Replace(r.pattern)
		for _, h := range wrong {
			got := do(t, handler, call{method: r.method, path: path, header: ours(h)})
			verifies := r.method == "POST" && r.pattern != apiPath+"/login" // hooks; a login is refused as what it is
			if denied := got.StatusCode == http.StatusUnauthorized; denied != (r.need.access != anyone || verifies) {
				t.Errorf("%s %s with %v: %d", r.method, path, h, got.StatusCode)
			}
			checkHeaders(t, path, got)
		}
		want := http.StatusOK
		switch {
		case r.need.right.Verb != "": // nobody has asked Kubernetes what the token may
			want = http.StatusForbidden
		case r.method != "GET" || r.pattern == "/api/v1alpha1/ancestor" || strings.HasSuffix(r.pattern, "{file}") || strings.HasPrefix(r.pattern, "/login/"):
			continue
		}
		if got := do(t, handler, call{method: r.method, path: path, header: ours(authorised())}); got.StatusCode != want {
			t.Errorf("%s %s with the token: %d", r.method, path, got.StatusCode)
		}
	}
	for _, path := range []string{"/nothing", "/app/a", "/api/v1alpha1/", "/api/v1alpha1/secrets", "/page/layout.html", "/style.css/../page/app.html", "/debug/pprof/", "/app/a/b/c/d", "/hooks/a", "/unbuilt.html", "/assets/..%2findex.html"} {
		if got := do(t, handler, call{method: "GET", path: path, header: authorised()}); got.StatusCode == 200 {
			t.Errorf("GET %s: 200", path)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		if got := do(t, handler, call{method: method, path: "/api/v1alpha1/apps", header: authorised()}); got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s /api/v1alpha1/apps: %d", method, got.StatusCode)
		}
	}
}

func checkHeaders(t *testing.T, path string, r *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if !strings.Contains(r.Header.Get(name), want) {
			t.Errorf("%s: header %s is %q", path, name, r.Header.Get(name))
		}
	}
	if !strings.Contains(r.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%s may be framed", path)
	}
}

func TestAnAccessThatNobodyDefinedIsDenied(t *testing.T) {
	s := newServer(config(fleet()))
	handler := s.handler([]route{{method: "GET", pattern: "/forgotten", handle: func(w http.ResponseWriter, _ *http.Request) {}}})
	if got := do(t, handler, call{method: "GET", path: "/forgotten", header: authorised()}); got.StatusCode != 401 {
		t.Errorf("%d", got.StatusCode)
	}
}

func TestWithoutATokenNobodyComesIn(t *testing.T) {
	c := config(fleet())
	c.Token = ""
	handler := New(c)
	forged := tokenPeople{}.signed(now.Add(time.Hour))
	for _, h := range []http.Header{nil, {"Authorization": {"Bearer "}}, {"Cookie": {"plumb-session=" + forged}}} {
		for _, path := range []string{"/api/v1alpha1/me", "/api/v1alpha1/apps", "/metrics"} {
			if got := do(t, handler, call{method: "GET", path: path, header: h}); got.StatusCode != 401 {
				t.Errorf("%s with %v: %d", path, h, got.StatusCode)
			}
		}
	}
}

// built is a page as it is built, with one file compressed.
var built = readWeb(fstest.MapFS{
	"index.html":               {Data: []byte("<!doctype html><title>plumb</title>")},
	"unbuilt.html":             {Data: []byte("make page build")},
	"assets/index-a1b2.js":     {Data: []byte("plain")},
	"assets/index-a1b2.js.gz":  {Data: []byte("compressed")},
	"assets/index-c3d4.css":    {Data: []byte("css")},
	"assets/.hidden":           {Data: []byte("hidden")},
	"assets/index-c3d4.css.br": {Data: []byte("other")},
})

// Files whose names change with their content are kept for ever, compressed where the browser takes it; nothing else is served.
func TestFilesOfThePage(t *testing.T) {
	s := newServer(config(fleet()))
	s.web = built
	handler := s.handler(s.routes())
	person := http.Header{"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}}
	gzip := http.Header{"Accept-Encoding": {"gzip, br"}}
	for _, row := range []struct {
		path   string
		header http.Header
		status int
		body   string
	}{
		{"/assets/index-a1b2.js", gzip, 200, "compressed"},
		{"/assets/index-a1b2.js", nil, 200, "plain"},
		{"/assets/index-c3d4.css", gzip, 200, "css"},
		{"/assets/index-a1b2.js.gz", nil, 404, ""},
		{"/assets/.hidden", nil, 404, ""},
		{"/assets/nothing.js", nil, 404, ""},
		{"/index.html", nil, 404, ""},
		{"/apps/of/before", nil, 404, "not found"},
		{"/apps/of/before", person, 404, "<!doctype html>"},
		{"/before", person, 404, "<!doctype html>"},
		{"/api/v1alpha1/nothing", person, 404, "not found"},
	} {
		got := do(t, handler, call{method: "GET", path: row.path, header: row.header})
		if text := body(t, got); got.StatusCode != row.status || row.status == 200 && text != row.body || !strings.Contains(text, row.body) {
			t.Errorf("%s: %d %q", row.path, got.StatusCode, text)
		}
		if cached := strings.Contains(got.Header.Get("Cache-Control"), "immutable"); cached != (row.status == 200) {
			t.Errorf("%s: kept for ever: %v", row.path, cached)
		}
	}
	s.web = readWeb(fstest.MapFS{"unbuilt.html": {Data: []byte("make page build")}})
	if got := body(t, do(t, handler, call{method: "GET", path: "/changes"})); got != "make page build" {
		t.Errorf("without a build the page is %q", got)
	}
}

func TestSilentAgentWeakSandboxSimulatedPods(t *testing.T) {
	quiet := fleet()
	quiet.heard = 3 * time.Minute
	c := config(quiet)
	c.Weak, c.Simulated = "Landlock is missing", true
	handler := New(c)
	var me Me
	decode(t, do(t, handler, call{method: "GET", path: apiPath + "/me", header: authorised()}), &me)
	if me.Weak != "Landlock is missing" || !me.Simulated {
		t.Errorf("it is not said what is weak or simulated: %+v", me)
	}
	var columns board.Fleet
	decode(t, do(t, handler, call{method: "GET", path: apiPath + "/fleet", header: authorised()}), &columns)
	if want := "agent not heard from since 14:07:00 (3m ago)"; columns.Agent.Silent != want {
		t.Errorf("the fleet's agent is %+v, want %q", columns.Agent, want)
	}
	var list board.Page
	decode(t, do(t, handler, call{method: "GET", path: "/api/v1alpha1/apps", header: authorised()}), &list)
	for _, row := range list.Items {
		if row.State != v1alpha1.StateUnknown || row.Last == "" {
			t.Errorf("%s is told as %s, last %s", row.Name, row.State, row.Last)
		}
	}
	if want := []board.Facet{{Value: "unknown", Count: 10}}; len(list.Items) != 10 || !slices.Equal(list.Facets.State, want) {
		t.Errorf("%d apps, counted as %v", len(list.Items), list.Facets.State)
	}
}

func decode(t *testing.T, r *http.Response, to any) {
	t.Helper()
	if err := json.NewDecoder(r.Body).Decode(to); err != nil {
		t.Fatal(err)
	}
}

func TestHooks(t *testing.T) {
	handler := New(config(fleet()))
	signed := http.Header{"X-Plumb-Signature-256": {"good"}}
	cases := map[string]struct {
		call call
		want int
	}{
		"signed rightly":                  {call{"POST", "/hooks/plumb-system/fleet", "{}", signed}, 202},
		"not signed":                      {call{"POST", "/hooks/plumb-system/fleet", "{}", nil}, 401},
		"a Repo that does not exist":      {call{"POST", "/hooks/plumb-system/other", "{}", signed}, 401},
		"a path that leads elsewhere":     {call{"POST", "/hooks/..%2f..%2fapi/fleet2", "{}", signed}, 401},
		"a body beyond the limit":         {call{"POST", "/hooks/plumb-system/fleet", strings.Repeat("x", maxHookBody+1), signed}, 413},
		"a body at the limit":             {call{"POST", "/hooks/plumb-system/fleet", strings.Repeat("x", maxHookBody), signed}, 202},
		"another method":                  {call{"GET", "/hooks/plumb-system/fleet", "", signed}, 405},
		"the agent's token is no licence": {call{"POST", "/hooks/plumb-system/fleet", "{}", authorised()}, 401},
	}
	for reason, c := range cases {
		if got := do(t, handler, c.call); got.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", reason, got.StatusCode, c.want)
		}
	}
	wrong := body(t, do(t, handler, cases["not signed"].call))
	if absent := body(t, do(t, handler, cases["a Repo that does not exist"].call)); wrong != absent {
		t.Errorf("the answers tell whether a Repo exists: %q, %q", wrong, absent)
	}
	c := config(fleet())
	c.Hook = func(string, string, http.Header, []byte) (int, string) { return 500, "" }
	if got := do(t, New(c), cases["signed rightly"].call); got.StatusCode != 401 {
		t.Errorf("an answer that no hook may give: %d", got.StatusCode)
	}
	c.Hook = nil
	if got := do(t, New(c), cases["signed rightly"].call); got.StatusCode != 401 {
		t.Errorf("no hooks at all: %d", got.StatusCode)
	}
}

// Whoever sends large bodies to the hooks, slowly and many at once, takes little memory, and keeps no delivery of usual size out.
func TestLargeHooksAreFewAtOnce(t *testing.T) {
	handler := New(config(fleet()))
	signed := http.Header{"X-Plumb-Signature-256": {"good"}}
	large := strings.Repeat("x", usualHookBody)
	var slow []*io.PipeWriter
	ended := make(chan int)
	for range largeHookBodies {
		from, to := io.Pipe()
		slow = append(slow, to)
		go func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/hooks/plumb-system/fleet", from))
			ended <- w.Code
		}()
		for _, part := range []string{large, "x"} { // the second is taken when there is room for a large one
			if _, err := io.WriteString(to, part); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := do(t, handler, call{"POST", "/hooks/plumb-system/fleet", large, signed})
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("one more large body: %d", got.StatusCode)
	}
	if got := do(t, handler, call{"POST", "/hooks/plumb-system/fleet", "{}", signed}); got.StatusCode != http.StatusAccepted {
		t.Errorf("a usual one meanwhile: %d", got.StatusCode)
	}
	for _, to := range slow {
		_ = to.Close()
	}
	for range largeHookBodies {
		if status := <-ended; status != http.StatusUnauthorized {
			t.Errorf("a slow one that is not signed: %d", status)
		}
	}
	if got := do(t, handler, call{"POST", "/hooks/plumb-system/fleet", large, signed}); got.StatusCode != http.StatusAccepted {
		t.Errorf("when they are gone: %d", got.StatusCode)
	}
}

func TestAncestor(t *testing.T) {
	handler := New(config(fleet()))
	cases := map[string]struct {
		query string
		want  int
		is    bool
	}{
		"is":             {"repo=plumb-system/fleet&ancestor=1111111&commit=2222222", 200, true},
		"is not":         {"repo=plumb-system/fleet&ancestor=2222222&commit=1111111", 200, false},
		"unknown repo":   {"repo=plumb-system/other&ancestor=1111111&commit=2222222", 404, false},
		"no commit":      {"repo=plumb-system/fleet&ancestor=1111111", 400, false},
		"an option":      {"repo=plumb-system/fleet&ancestor=--help&commit=2222222", 400, false},
		"a branch":       {"repo=plumb-system/fleet&ancestor=main&commit=2222222", 400, false},
		"no repo":        {"ancestor=1111111&commit=2222222", 400, false},
		"repo too short": {"repo=fleet&ancestor=1111111&commit=2222222", 400, false},
	}
	for reason, c := range cases {
		r := do(t, handler, call{method: "GET", path: "/api/v1alpha1/ancestor?" + c.query, header: authorised()})
		var got Ancestry
		decode(t, r, &got)
		if r.StatusCode != c.want || got.Is != c.is {
			t.Errorf("%s: %d %v", reason, r.StatusCode, got.Is)
		}
	}
}

func TestReadyz(t *testing.T) {
	c := config(fleet())
	checks := []Check{{Name: "watches", OK: true, Text: "known"}, {Name: "lease", Text: "never renewed"}}
	c.Ready = func() []Check { return checks }
	handler := New(c)
	ask := func(path string) (int, string) {
		r := do(t, handler, call{method: "GET", path: path})
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}
	if status, body := ask("/readyz"); status != 503 || body != "[+]watches: known\n[-]lease: never renewed\nnot ready\n" {
		t.Errorf("before: %d %q", status, body)
	}
	checks[1] = Check{Name: "lease", OK: true, Text: "renewed"}
	if status, body := ask("/readyz"); status != 200 || body != "ok\n" {
		t.Errorf("after: %d %q", status, body)
	}
	if status, body := ask("/readyz?verbose"); status != 200 || body != "[+]watches: known\n[+]lease: renewed\nok\n" {
		t.Errorf("after, with all checks: %d %q", status, body)
	}
}

func TestHealthz(t *testing.T) {
	c := config(fleet())
	moves := true
	c.Live = func() bool { return moves }
	handler := New(c)
	for _, want := range []int{200, 503} {
		if got := do(t, handler, call{method: "GET", path: "/healthz"}); got.StatusCode != want {
			t.Errorf("%d, want %d", got.StatusCode, want)
		}
		moves = false
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "127.0.0.1"} {
		if l, err := Listen(address, false); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", address, err)
			if l != nil {
				_ = l.Close()
			}
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	l, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, New(config(fleet()))) }()
	r, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil || r.StatusCode != 200 {
		t.Fatal(r, err)
	}
	_ = r.Body.Close()
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
