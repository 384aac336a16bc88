package agent

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/forge/forgetest/githubtest"
	"plumb.dev/plumb/internal/server"
)

// documented reads the table of the page that lists the metrics: "name type label,label".
func documented(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(plumb_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|")
	var out []string
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		labels := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(m[3]), "`", ""), " ", "")
		out = append(out, m[1]+" "+m[2]+" "+labels)
	}
	slices.Sort(out)
	return out
}

func TestMetricsAreDocumented(t *testing.T) {
	m := newMetrics("v0", func() int { return 1 })
	for _, state := range []string{"ok", "failed"} {
		m.states.WithLabelValues(state).Set(1)
	}
	m.stale.WithLabelValues("plumb-system/fleet").Set(0)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	var served []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "plumb_") {
			continue
		}
		labels := map[string]bool{}
		for _, metric := range f.GetMetric() {
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = true
			}
		}
		served = append(served, fmt.Sprintf("%s %s %s", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(inOrder(labels), ",")))
	}
	slices.Sort(served)
	if want := documented(t); !slices.Equal(served, want) {
		t.Errorf("served:\n%s\ndocumented:\n%s", strings.Join(served, "\n"), strings.Join(want, "\n"))
	}
}

// inOrder gives the labels as the page does: Prometheus sorts them, and a reader does not.
func inOrder(labels map[string]bool) []string {
	for _, order := range [][]string{{"version", "go"}, {"purpose", "result"}} {
		if len(labels) == len(order) && labels[order[0]] && labels[order[1]] {
			return order
		}
	}
	var names []string
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestPurposes(t *testing.T) {
	const app = "/apis/apps/v1/namespaces/shop/deployments/web"
	for _, row := range []struct {
		method, path string
		as           string
		want         string
	}{
		{"GET", "/apis/apps/v1/deployments?watch=true&labelSelector=x", "", forWatch},
		{"GET", "/apis/plumb.dev/v1alpha1/apps?limit=500&resourceVersion=0", "", forWatch},
		{"GET", "/apis/plumb.dev/v1alpha1/inventories", "", forRecord},
		{"GET", app, "system:serviceaccount:a:b", forLook},
		{"GET", "/api/v1/namespaces/plumb-system/secrets/fleet-git", "", forLook},
		{"PATCH", app, "system:serviceaccount:a:b", forApply},
		{"DELETE", app, "system:serviceaccount:a:b", forDelete},
		{"PATCH", "/apis/plumb.dev/v1alpha1/namespaces/plumb-system/apps/web/status", "", forRecord},
		{"DELETE", "/apis/plumb.dev/v1alpha1/namespaces/plumb-system/apps/web", "", forRecord},
		{"PATCH", "/apis/coordination.k8s.io/v1/namespaces/plumb-system/leases/plumb-agent", "", forLease},
		{"POST", "/apis/events.k8s.io/v1/namespaces/plumb-system/events", "", forEvent},
		{"GET", "/apis", "", forDiscovery},
		{"GET", "/apis/apps/v1", "", forDiscovery},
		{"GET", "/api/v1", "", forDiscovery},
		{"GET", "/version", "", forDiscovery},
	} {
		req := httptest.NewRequest(row.method, row.path, nil)
		if row.as != "" {
			req.Header.Set("Impersonate-User", row.as)
		}
		if got := purposeOf(req); got != row.want {
			t.Errorf("%s %s as %q: %s, want %s", row.method, row.path, row.as, got, row.want)
		}
	}
}

func TestResults(t *testing.T) {
	for status, want := range map[int]string{200: resultOK, 201: resultOK, 404: resultAbsent, 409: resultConflict, 401: resultRefused,
		403: resultRefused, 422: resultInvalid, 429: resultThrottled, 500: resultFailed, 503: resultFailed} {
		if got := resultOf(&http.Response{StatusCode: status}, nil); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
	if got := resultOf(nil, http.ErrServerClosed); got != resultFailed {
		t.Errorf("no answer: %s", got)
	}
}

func TestLeaseCheck(t *testing.T) {
	now := timeAt("2026-11-20T14:10:00Z")
	for _, row := range []struct {
		reason  string
		renewed string
		want    server.Check
	}{
		{"never", "", server.Check{Name: "lease", Text: "the Lease was never renewed"}},
		{"just now", "2026-11-20T14:09:45Z", server.Check{Name: "lease", OK: true, Text: "the Lease is renewed"}},
		{"readers believe it no more", "2026-11-20T14:07:30Z", server.Check{Name: "lease", Text: "the Lease was not renewed for 2m30s"}},
	} {
		if got := leased(timeAt(row.renewed), now); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.reason, got, row.want)
		}
	}
}

func TestDeliveries(t *testing.T) {
	m := newMetrics("v0", func() int { return 0 })
	for _, status := range []int{202, 200, 401, 400, 429, 503} {
		if got := m.delivered(status); got != status {
			t.Errorf("%d became %d", status, got)
		}
	}
	for result, want := range map[string]float64{hookAccepted: 1, hookIgnored: 1, hookRefused: 2, hookBusy: 2} {
		var read dto.Metric
		if err := m.webhooks.WithLabelValues(result).Write(&read); err != nil {
			t.Fatal(err)
		}
		if got := read.GetCounter().GetValue(); got != want {
			t.Errorf("%s: %v, want %v", result, got, want)
		}
	}
}

// Requests to forges are counted by how they ended, and plans by what they say; how long one took only if a webhook told of it.
func TestForgesAndPlansAreCounted(t *testing.T) {
	m := newMetrics("v0", func() int { return 1 })
	hub := githubtest.New(t)
	forges := dial.Forges{Wrap: func(next http.RoundTripper) http.RoundTripper { return countingForges{next, m.forges} }}
	f, err := forges.Open(hub.Access())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Pull(t.Context(), 99); err == nil {
		t.Error("there is a pull request 99")
	}
	m.reviewed("success", time.Now().Add(-time.Second))
	m.reviewed("success", time.Time{})
	for reason, row := range map[string]struct {
		counter prometheus.Counter
		want    float64
	}{
		"the list":             {m.forges.WithLabelValues(resultOK), 1},
		"a request without it": {m.forges.WithLabelValues(resultAbsent), 1},
		"plans":                {m.plans.WithLabelValues("success"), 2},
	} {
		var is dto.Metric
		if err := row.counter.Write(&is); err != nil || is.GetCounter().GetValue() != row.want {
			t.Errorf("%s: %v, want %v (%v)", reason, is.GetCounter().GetValue(), row.want, err)
		}
	}
	var took dto.Metric
	if err := m.reviews.Write(&took); err != nil || took.GetHistogram().GetSampleCount() != 1 || took.GetHistogram().GetSampleSum() < 1 {
		t.Errorf("%v, %v", took.GetHistogram(), err)
	}
}
