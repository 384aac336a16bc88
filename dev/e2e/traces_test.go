package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is one span as a collector gets it.
type span struct {
	trace, id, parent, name string
	took                    time.Duration
	failed                  bool
	fields                  map[string]string
}

// spans is a collector of OTLP over HTTP.
type spans struct {
	*httptest.Server
	mu  sync.Mutex
	all []span
}

func collect(t *testing.T) *spans {
	t.Helper()
	s := &spans{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.take(r); err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *spans) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = plain
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &request); err != nil || r.URL.Path != "/v1/traces" {
		return fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, one := range scope.Spans {
				s.all = append(s.all, spanOf(one))
			}
		}
	}
	return nil
}

func spanOf(in *tracev1.Span) span {
	out := span{
		trace: hex.EncodeToString(in.TraceId), id: hex.EncodeToString(in.SpanId), parent: hex.EncodeToString(in.ParentSpanId), name: in.Name,
		took:   time.Duration(in.EndTimeUnixNano - in.StartTimeUnixNano), // #nosec: both are times
		failed: in.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR, fields: map[string]string{},
	}
	for _, attribute := range in.Attributes {
		value := attribute.Value.GetStringValue()
		if value == "" {
			value = fmt.Sprint(attribute.Value.GetIntValue())
		}
		out.fields[attribute.Key] = value
	}
	return out
}

// of gives the spans of a commit: those in the trace of its root.
func (s *spans) of(revision string) (root span, all []span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.name == "commit" && one.fields["revision"] == revision {
			root = one
		}
	}
	for _, one := range s.all {
		if root.id != "" && one.trace == root.trace {
			all = append(all, one)
		}
	}
	return root, all
}

// below gives the names of the spans below one, sorted.
func below(all []span, parent span) (names []string) {
	for _, one := range all {
		if one.parent == parent.id {
			names = append(names, one.name)
		}
	}
	slices.Sort(names)
	return names
}

func named(t *testing.T, all []span, name string) span {
	t.Helper()
	for _, one := range all {
		if one.name == name {
			return one
		}
	}
	t.Fatalf("there is no span %s in %+v", name, all)
	return span{}
}

// One commit is one trace: what was read, what each app that it changed went through, and how long everything took. An app
// that it did not change is not in it.
func TestTraces(t *testing.T) {
	w := lives(t)
	s := newScenario(t, w, "traced")
	to := collect(t)
	w.agent.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + to.URL, "OTEL_BSP_SCHEDULE_DELAY=50"}
	t.Cleanup(func() { w.agent.env = nil })
	s.restarted()
	s.ok("traced", s.commit("both", files{"apps/traced/a.yaml": deployment("web", 1, "registry.example/web:1"), "apps/traced-b/a.yaml": configMap("b", "a", "1")}))
	s.until("traced-b", func(a appStatus) error {
		if a.State != "ok" {
			return errNotYet("%s", a)
		}
		return nil
	})
	commit := s.commit("one", files{"apps/traced/a.yaml": deployment("web", 1, "registry.example/web:2")})
	s.ok("traced", commit)
	wait := func(commit string, apps int) (span, []span) {
		t.Helper()
		var root span
		var all []span
		err := eventually(limit, func() error {
			root, all = to.of(commit)
			ended := 0
			for _, one := range all {
				if one.name == "app" {
					ended++
				}
			}
			if ended != apps {
				return errNotYet("%d of %d apps ended: %+v", ended, apps, all)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return root, all
	}
	root, all := wait(commit, 1)
	if root.parent != "" || root.took <= 0 || root.fields["repository"] != s.repo.url {
		t.Errorf("the root: %+v", root)
	}
	if got := below(all, root); !slices.Equal(got, []string{"app", "discover", "fetch"}) {
		t.Errorf("below the root: %q", got)
	}
	app := named(t, all, "app")
	if app.fields["app"] != system+"/traced" || app.fields["revision"] != commit || app.fields["state"] != "ok" || app.fields["changed"] != "1" || app.failed {
		t.Errorf("the app: %+v", app)
	}
	if got := slices.Compact(below(all, app)); !slices.Equal(got, []string{"apply", "look", "observe", "plan", "record", "render"}) {
		t.Errorf("below the app: %q", got)
	}
	if got := below(all, named(t, all, "apply")); len(got) == 0 || got[0] != "order" {
		t.Errorf("below the apply: %q", got)
	}
	for _, one := range all {
		if one.took < 0 || one.took > limit || one.failed {
			t.Errorf("%s took %s, failed: %v", one.name, one.took, one.failed)
		}
	}
	if named(t, all, "observe").took <= 0 {
		t.Error("the app was not waited for")
	}

	broken := s.commit("broken", files{"apps/traced/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {secret: [hunter2]}\n"})
	_, all = wait(broken, 1)
	app = named(t, all, "app")
	if !app.failed || app.fields["state"] != "failed" || app.fields["reason"] == "" {
		t.Errorf("an app that failed: %+v", app)
	}
	if strings.Contains(fmt.Sprint(all), "hunter2") {
		t.Error("a value of a manifest is in a trace")
	}
}
