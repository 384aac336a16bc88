package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// answers is an API server of recorded answers: discovery of a few kinds, and whatever a test puts in.
type answers struct {
	mu       sync.Mutex
	at       map[string]answer // by "METHOD /path"
	requests []*http.Request
	bodies   []string
}

type answer struct {
	code int
	body string
}

const (
	coreV1 = `{"kind":"APIResourceList","groupVersion":"v1","resources":[
		{"name":"namespaces","kind":"Namespace","namespaced":false,"verbs":["get","list"]},
		{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get","list"]},
		{"name":"pods/log","kind":"Pod","namespaced":true,"verbs":["get"]}]}`
	widgetsV1 = `{"kind":"APIResourceList","groupVersion":"example.com/v1","resources":[
		{"name":"widgets","kind":"Widget","namespaced":false,"verbs":["get","list"]}]}`
)

// served is an API server with ConfigMaps, and Widgets of example.com.
func served(t *testing.T) (*Cluster, *answers) {
	t.Helper()
	a := &answers{at: map[string]answer{
		"GET /readyz": {200, "ok"},
		"GET /api":    {200, `{"kind":"APIVersions","versions":["v1"]}`},
		"GET /api/v1": {200, coreV1},
		"GET /apis": {200, `{"kind":"APIGroupList","groups":[{"name":"example.com","versions":[{"groupVersion":"example.com/v1","version":"v1"}],
			"preferredVersion":{"groupVersion":"example.com/v1","version":"v1"}}]}`},
		"GET /apis/example.com/v1": {200, widgetsV1},
	}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c, err := New(&rest.Config{Host: server.URL, BearerToken: "agent"}, "plumb-agent/test")
	if err != nil {
		t.Fatal(err)
	}
	return c, a
}

func (a *answers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	a.mu.Lock()
	a.requests = append(a.requests, req)
	a.bodies = append(a.bodies, string(body))
	found, ok := a.at[req.Method+" "+req.URL.Path]
	a.mu.Unlock()
	if !ok {
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(found.code)
	_, _ = io.WriteString(w, found.body)
}

func (a *answers) put(at string, code int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[at] = answer{code, body}
}

func (a *answers) count(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, req := range a.requests {
		if req.URL.Path == path {
			n++
		}
	}
	return n
}

func (a *answers) last() (*http.Request, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests[len(a.requests)-1], a.bodies[len(a.bodies)-1]
}

func status(code int, reason metav1.StatusReason, message string, details string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":%q,"details":%s}`, code, reason, message, details)
}

const (
	one  = "/api/v1/namespaces/web/configmaps/a"
	meta = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","namespace":"web","uid":"u1","resourceVersion":"7"}}`
)

// explanations are answers of an API server to an apply, as it writes them.
var explanations = []struct {
	reason string
	answer answer
	want   fault.Reason
	say    string
	gone   bool
}{
	{"a conflict of field managers names them", answer{409, status(409, "Conflict", "Apply failed with 2 conflicts",
		`{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"plumb:shop/cart\"","field":".data.a"},
		{"reason":"FieldManagerConflict","message":"conflict with \"kubectl-edit\" using v1 at 2026-01-01T00:00:00Z","field":".data.b"}]}`)},
		fault.OwnedByOther, "owned by plumb:shop/cart, kubectl-edit", false},
	{"a conflict of versions is worth another try", answer{409, status(409, "Conflict", "the object has been modified", `{"name":"a","kind":"configmaps"}`)},
		fault.ApplyFailed, "it changed meanwhile", false},
	{"forbidden names the ServiceAccount", answer{403, status(403, "Forbidden", "configmaps is forbidden", `{"kind":"configmaps"}`)},
		fault.Forbidden, "ServiceAccount plumb-system/deployer may not do that", false},
	{"an immutable field", answer{422, status(422, "Invalid", `ConfigMap "a" is invalid`,
		`{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: field is immutable when immutable is set","field":"data"}]}`)},
		fault.ImmutableField, "data cannot be changed", false},
	{"an invalid value", answer{422, status(422, "Invalid", `ConfigMap "a" is invalid: data: Too long`, `{"causes":[{"message":"Too long"}]}`)},
		fault.Rejected, "the API server rejects it", false},
	{"an unknown field", answer{400, status(400, "BadRequest", `strict decoding error: unknown field "daat"`, `null`)}, fault.Rejected, `unknown field "daat"`, false},
	{"the namespace is not there", answer{404, status(404, "NotFound", `namespaces "web" not found`, `{"name":"web","kind":"namespaces"}`)},
		fault.ApplyFailed, "its namespace web does not exist", true},
	{"the object is not there", answer{404, status(404, "NotFound", `configmaps "a" not found`, `{"name":"a","kind":"configmaps"}`)}, fault.ApplyFailed, "not found", true},
	{"an object named like a namespace's list", answer{404, status(404, "NotFound", `configmaps "namespaces" not found`, `{"name":"namespaces","kind":"configmaps"}`)},
		fault.ApplyFailed, `configmaps "namespaces" not found`, true},
	{"a path that is not served says nothing about the object", answer{404, "404 page not found"}, fault.ApplyFailed, "does not serve ConfigMap where it was told to be", false},
	{"a page of something on the way", answer{404, "<html>nothing here</html>"}, fault.ApplyFailed, "does not serve", false},
	{"a webhook that fails", answer{500, status(500, "InternalError", "failed calling webhook", `null`)}, fault.ApplyFailed, "failed calling webhook", false},
	{"too many requests", answer{429, status(429, "TooManyRequests", "too many requests", `null`)}, fault.ApplyFailed, "too many requests", false},
}

func TestExplain(t *testing.T) {
	o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": "web", "name": "a"}}}
	for _, e := range explanations {
		t.Run(e.reason, func(t *testing.T) {
			c, a := served(t)
			a.put("PATCH "+one, e.answer.code, e.answer.body)
			as, err := c.As("plumb-system", "deployer")
			if err != nil {
				t.Fatal(err)
			}
			_, err = as.Apply(t.Context(), o, ApplyOptions{Manager: "plumb:x/y"})
			if !fault.Is(err, e.want) || !strings.Contains(err.Error(), e.say) {
				t.Errorf("explained as %s %q, want %s with %q", fault.Of(err, "none").Reason, err, e.want, e.say)
			}
			if IsGone(err) != e.gone {
				t.Errorf("IsGone is %v", IsGone(err))
			}
		})
	}
}

func TestExplainUnreachable(t *testing.T) {
	c, _ := served(t)
	as, err := c.As("plumb-system", "deployer")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Mapper().Of(t.Context(), configMap, "v1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = as.GetMetadata(ctx, configMap, "v1")
	if !fault.Is(err, fault.ApplyFailed) || !strings.Contains(err.Error(), "cannot be reached") || IsGone(err) {
		t.Errorf("no answer is explained as %v", err)
	}
}

func TestEveryRequestIsImpersonated(t *testing.T) {
	c, a := served(t)
	as, err := c.As("plumb-system", "deployer")
	if err != nil {
		t.Fatal(err)
	}
	a.put("GET "+one, 200, meta)
	a.put("PATCH "+one, 200, meta)
	a.put("DELETE "+one, 200, `{"kind":"Status","apiVersion":"v1","status":"Success"}`)
	a.put("GET /api/v1/namespaces/web/configmaps", 200, `{"kind":"List","apiVersion":"v1","metadata":{},"items":[]}`)
	kind, _, err := c.Mapper().Of(t.Context(), configMap, "v1")
	if err != nil {
		t.Fatal(err)
	}
	before := len(a.requests)
	for what, call := range map[string]func() error{
		"Get":          func() error { _, _, err := as.Get(t.Context(), configMap, "v1"); return err },
		"GetMetadata":  func() error { _, err := as.GetMetadata(t.Context(), configMap, "v1"); return err },
		"ListMetadata": func() error { _, _, err := as.ListMetadata(t.Context(), kind, "web", 5); return err },
		"List":         func() error { _, err := as.List(t.Context(), configMap, "v1", "a=b", 5); return err },
		"Patch":        func() error { _, err := as.Patch(t.Context(), configMap, "v1", []byte("[]"), "m"); return err },
		"Delete":       func() error { return as.Delete(t.Context(), configMap, "v1", Exactly{UID: "u1", Version: "7"}) },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, req := range a.requests[before:] {
		if got := req.Header.Get("Impersonate-User"); got != "system:serviceaccount:plumb-system:deployer" {
			t.Errorf("%s %s was sent as %q", req.Method, req.URL, got)
		}
		if groups := req.Header.Values("Impersonate-Group"); len(groups) != 0 { // they would need the right to impersonate groups
			t.Errorf("%s %s was sent with the groups %v", req.Method, req.URL, groups)
		}
	}
}

func TestNobodyIsRefused(t *testing.T) {
	c, a := served(t)
	for _, name := range [][2]string{{"", "deployer"}, {"plumb-system", ""}, {" ", "deployer"}, {"plumb-system", "\t"}} {
		if _, err := c.As(name[0], name[1]); !fault.Is(err, fault.ServiceAccountMissing) {
			t.Errorf("As(%q, %q): %v", name[0], name[1], err)
		}
	}
	wire := mustImpersonate{user: "system:serviceaccount:a:b", next: http.DefaultTransport}
	req := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
	req.Header.Set("Impersonate-User", "system:serviceaccount:a:other")
	if _, err := wire.RoundTrip(req); err == nil {
		t.Error("a request as another user went through")
	}
	wire.user = ""
	if _, err := wire.RoundTrip(httptest.NewRequest(http.MethodGet, "http://localhost/", nil)); err == nil {
		t.Error("a request as nobody went through")
	}
	if len(a.requests) != 0 {
		t.Error("a request was sent")
	}
}

// Whatever a read-only connection is asked to do, only reads and dry runs leave it, as anybody.
func TestReadOnlyConnection(t *testing.T) {
	_, a := served(t)
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c, err := NewReadOnly(&rest.Config{Host: server.URL}, "plumb-agent/test")
	if err != nil {
		t.Fatal(err)
	}
	client, err := c.As("plumb-system", "deployer")
	if err != nil {
		t.Fatal(err)
	}
	o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "namespace": "shop"}}}
	path := "/api/v1/namespaces/shop/configmaps/a"
	a.at["PATCH "+path], a.at["GET "+path], a.at["DELETE "+path] = answer{200, string(o.JSON())}, answer{200, string(o.JSON())}, answer{200, "{}"}
	_, applied := client.Apply(t.Context(), o, ApplyOptions{Manager: "m", Force: true})
	_, patched := client.Patch(t.Context(), o.ID(), "v1", []byte("[]"), "m")
	for what, err := range map[string]error{"apply": applied, "patch": patched, "delete": client.Delete(t.Context(), o.ID(), "v1", Exactly{UID: "u"})} {
		if err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := client.DryRun(t.Context(), o, "m"); err != nil {
		t.Errorf("a dry run: %v", err)
	}
	if _, err := client.Apply(t.Context(), o, ApplyOptions{Manager: "m", DryRun: true}); err != nil {
		t.Errorf("an apply as a dry run: %v", err)
	}
	if _, _, err := client.Get(t.Context(), o.ID(), "v1"); err != nil {
		t.Errorf("a read: %v", err)
	}
	for _, req := range a.requests {
		if req.Method != http.MethodGet && req.URL.Query().Get("dryRun") != "All" {
			t.Errorf("%s %s was sent", req.Method, req.URL)
		}
	}
}

// A name is one segment of a path: nothing is asked for by one that would lead to another object, whoever has written it.
func TestANameLeadsNowhereElse(t *testing.T) {
	c, a := served(t)
	as, err := c.As("plumb-system", "deployer")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []object.ID{
		{Kind: "ConfigMap", Namespace: "shop", Name: "../secrets/login"}, {Kind: "ConfigMap", Namespace: "shop", Name: ".."}, {Kind: "ConfigMap", Namespace: "shop", Name: ""},
		{Kind: "ConfigMap", Namespace: "../../v1/namespaces/pay", Name: "a"}, {Kind: "ConfigMap", Namespace: "shop", Name: "../../plumb-system/configmaps/fleet-git"}, {Kind: "ConfigMap", Namespace: "shop", Name: "a%2fb"}, {Group: "example.com", Kind: "Widget", Name: "a/status"},
	} {
		o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": id.Kind, "metadata": map[string]any{"name": id.Name, "namespace": id.Namespace}}}
		if id.Group != "" {
			o.Fields["apiVersion"] = id.Group + "/v1"
		}
		_, _, got := as.Get(t.Context(), id, "v1")
		_, applied := as.Apply(t.Context(), o, ApplyOptions{Manager: "m"})
		_, own := c.Own().Get(t.Context(), id, "v1") // as the agent, which may read Secrets of every namespace
		for what, err := range map[string]error{"get": got, "get as the agent": own, "apply": applied, "delete": as.Delete(t.Context(), id, "v1", Exactly{UID: "u"})} {
			if !fault.Is(err, fault.InvalidObject) {
				t.Errorf("%s of %q in %q: %v", what, id.Name, id.Namespace, err)
			}
		}
	}
	for _, req := range a.requests {
		if strings.Contains(req.URL.Path, "/v1/") {
			t.Errorf("%s %s was sent", req.Method, req.URL)
		}
	}
}

func TestDeleteIsExact(t *testing.T) {
	c, a := served(t)
	as, err := c.As("plumb-system", "deployer")
	if err != nil {
		t.Fatal(err)
	}
	if err := as.Delete(t.Context(), configMap, "v1", Exactly{}); err == nil {
		t.Error("a deletion without a UID went through")
	}
	a.put("DELETE "+one, 200, `{}`)
	if err := as.Delete(t.Context(), configMap, "v1", Exactly{UID: "u1", Version: "7"}); err != nil {
		t.Fatal(err)
	}
	_, body := a.last()
	var sent metav1.DeleteOptions
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	if sent.Preconditions == nil || *sent.Preconditions.UID != "u1" || *sent.Preconditions.ResourceVersion != "7" || *sent.PropagationPolicy != metav1.DeletePropagationBackground {
		t.Errorf("sent %s", body)
	}
}

func TestMapper(t *testing.T) {
	widget := object.ID{Group: "example.com", Kind: "Widget", Name: "w"}
	c, a := served(t)
	m := c.Mapper()
	kind, ok, err := m.Of(t.Context(), widget, "v1alpha1")
	if err != nil || !ok || kind.Resource.Version != "v1" || kind.Namespaced {
		t.Errorf("a version that is not served: %v %v %v, want the one that is", kind, ok, err)
	}
	for _, id := range []object.ID{configMap, widget, {Kind: "Namespace", Name: "web"}} {
		if _, _, err := m.Of(t.Context(), id, "v1"); err != nil {
			t.Error(err)
		}
	}
	if n := a.count("/apis"); n != 1 {
		t.Errorf("the API server was asked %d times what it serves", n)
	}
	if _, ok, err := m.Of(t.Context(), object.ID{Group: "example.org", Kind: "Widget"}, "v1"); ok || err != nil {
		t.Errorf("a kind that is not served: %v %v", ok, err)
	}
	m.Invalidate()
	if _, _, err := m.Of(t.Context(), widget, "v1"); err != nil || a.count("/apis") != 2 {
		t.Errorf("after Invalidate it was asked %d times: %v", a.count("/apis"), err)
	}
}

func TestShortAnswersAreNoKnowledge(t *testing.T) {
	widget := object.ID{Group: "example.com", Kind: "Widget", Name: "w"}
	for _, row := range []struct {
		reason string
		at     string
		answer answer
	}{
		{"an API server that is starting has not announced all kinds", "GET /readyz", answer{500, "[-]poststarthook/crd-informer-synced failed"}},
		{"an aggregated API that is down", "GET /apis/example.com/v1", answer{503, "service unavailable"}},
		{"an answer without the core kinds", "GET /api/v1", answer{200, `{"kind":"APIResourceList","groupVersion":"v1","resources":[]}`}},
		{"no groups", "GET /apis", answer{500, "down"}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			c, a := served(t)
			a.put(row.at, row.answer.code, row.answer.body)
			if _, ok, err := c.Mapper().Of(t.Context(), widget, "v1"); err == nil {
				t.Errorf("Of says %v, want an error", ok)
			}
			if has, err := c.Mapper().Has(t.Context(), "example.com/v1/Widget"); err == nil {
				t.Errorf("Has says %v, want an error", has)
			}
			if _, err := c.Mapper().Namespaced(t.Context()); err == nil {
				t.Error("Namespaced says nothing, want an error")
			}
		})
	}
}

func TestABrokenGroupBreaksNoOther(t *testing.T) {
	c, a := served(t)
	a.put("GET /apis/example.com/v1", 503, "service unavailable")
	if _, ok, err := c.Mapper().Of(t.Context(), configMap, "v1"); !ok || err != nil {
		t.Errorf("ConfigMap: %v %v", ok, err)
	}
	for name, want := range map[string]bool{"v1": true, "v1/ConfigMap": true, "v1/Widget": false, "example.org/v1": false} {
		if has, err := c.Mapper().Has(t.Context(), name); has != want || err != nil {
			t.Errorf("Has(%s) = %v, %v", name, has, err)
		}
	}
}

func TestReadyMayBeHidden(t *testing.T) {
	c, a := served(t)
	a.put("GET /readyz", 403, status(403, "Forbidden", "no", "null"))
	if _, ok, err := c.Mapper().Of(t.Context(), configMap, "v1"); !ok || err != nil {
		t.Errorf("where nobody may ask whether it is ready: %v %v", ok, err)
	}
}

func TestAnUnservedPathIsAskedFor(t *testing.T) {
	c, a := served(t)
	_, err := c.Own().GetMetadata(t.Context(), configMap, "v1")
	if err == nil || IsGone(err) || !apierrors.IsNotFound(err) {
		t.Errorf("a path that is not served: %v", err)
	}
	if _, _, err := c.Mapper().Of(t.Context(), configMap, "v1"); err != nil || a.count("/apis") != 2 {
		t.Errorf("the API server was asked %d times what it serves, want 2: %v", a.count("/apis"), err)
	}
}

func TestConflictManagers(t *testing.T) {
	for _, err := range []error{nil, context.Canceled, apierrors.NewNotFound(schema.GroupResource{Resource: "x"}, "y")} {
		if got := ConflictManagers(err); len(got) != 0 {
			t.Errorf("%v names %v", err, got)
		}
	}
}
