package people

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/server"
)

// However YAML writes a text, with its quotes doubled or in several lines, a Secret's value in it is not shown.
func TestYAMLShowsNoSecret(t *testing.T) {
	quoted, long := "it's-a: secret #1", strings.TrimSpace(strings.Repeat("correct horse battery ", 8))
	o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "annotations": map[string]any{"copy": quoted}}, "data": map[string]any{"a": long, "b": "open", quoted: "x"}}}
	v := view{id: o.ID(), hide: redact.NewFilter(redact.Hide(quoted), redact.Hide(long))}
	got := v.yamlOf(o)
	if strings.Contains(got, "secret #1") || strings.Contains(got, "horse") || !strings.Contains(got, "b: open") || !v.out.Redacted {
		t.Errorf("%s", got)
	}
}

// ofEvents is a person at an API server that lets everybody read, and has so many events, the newest of them last by name.
func ofEvents(t *testing.T, count int) *Person {
	t.Helper()
	begin := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/readyz":
			fmt.Fprint(w, "ok")
		case "/api":
			fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
		case "/apis":
			fmt.Fprint(w, `{"kind":"APIGroupList","groups":[]}`)
		case "/api/v1":
			fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"namespaces","kind":"Namespace","namespaced":false,"verbs":["list"]},{"name":"events","kind":"Event","namespaced":true,"verbs":["list"]}]}`)
		case "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
			fmt.Fprint(w, `{"status":{"allowed":true}}`)
		case "/api/v1/namespaces/shop/events":
			from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
			limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
			items := []any{}
			for i := from; i < min(from+limit, count); i++ {
				items = append(items, map[string]any{
					"metadata": map[string]any{"name": fmt.Sprintf("shop.%06d", i), "namespace": "shop"}, "type": "Normal", "reason": "Told", "message": strconv.Itoa(i),
					"lastTimestamp":  begin.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
					"involvedObject": map[string]any{"kind": "App", "namespace": "shop", "name": "shop"},
				})
			}
			next := ""
			if from+limit < count {
				next = strconv.Itoa(from + limit)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "metadata": map[string]any{"continue": next}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	config := &rest.Config{Host: s.URL}
	c, err := cluster.New(config, "test")
	if err != nil {
		t.Fatal(err)
	}
	people := &People{now: time.Now, options: Options{Cluster: c, Agent: knowsNothing{}}}
	p, err := people.personOf("lena", nil, server.ByKubeconfig, config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// knowsNothing is an agent that has rendered nothing.
type knowsNothing struct{ Agent }

func (knowsNothing) Desired(context.Context, string, string) (Desired, bool) { return Desired{}, false }

// Events come by name: of many the newest are told all the same, and no more than are shown.
func TestTheNewestEventsAreTold(t *testing.T) {
	for _, count := range []int{3, 7321} {
		app := &v1alpha1.App{}
		app.Namespace, app.Name = "shop", "shop"
		events, err := ofEvents(t, count).Events(t.Context(), app)
		if err != nil || len(events) != min(count, eventsShown) || events[0].Message != strconv.Itoa(count-1) || events[len(events)-1].Message != strconv.Itoa(count-len(events)) {
			t.Errorf("of %d events %d are told: %v", count, len(events), err)
		}
	}
}

// Of a pod that reads more Secrets than are looked at, nothing is shown: its log may hold any of their values.
func TestThePodOfTooManySecrets(t *testing.T) {
	var from []any
	for i := range secretsAtMost + 1 {
		from = append(from, map[string]any{"secretRef": map[string]any{"name": fmt.Sprint("s", i)}})
	}
	pod := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web", "namespace": "shop"}, "spec": map[string]any{"containers": []any{map[string]any{"envFrom": from}}}}}
	if _, err := listing(newWatch(), server.ByKubeconfig).readBy(t.Context(), pod); !fault.Is(err, fault.Unsupported) {
		t.Errorf("%v", err)
	}
}
