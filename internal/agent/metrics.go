package agent

import (
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/server"
)

// The stages of the line as metrics and traces call them.
const (
	stageFetch    = repos.StageFetch
	stageDiscover = "discover"
	stageRender   = "render"
	stageLook     = "look"
	stagePlan     = "plan"
	stageApply    = "apply"
	stageObserve  = "observe"
	stageRecord   = "record"
)

var stages = []string{stageFetch, stageDiscover, stageRender, stageLook, stagePlan, stageApply, stageObserve, stageRecord}

// What became of a webhook's delivery.
const (
	hookAccepted = "accepted" // the repository is asked
	hookIgnored  = "ignored"  // nothing to do: another event or branch, or delivered before
	hookRefused  = "refused"
	hookBusy     = "busy"
)

// Bounds of the histograms, in seconds: a stage takes between a millisecond and minutes, a commit a little more.
var (
	stageBounds  = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900}
	commitBounds = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
)

// metrics are what the agent counts; docs/reference/metrics.md lists them. A label has a closed set of values, but for repo: a
// fleet has few Repos and thousands of Apps, and none is named per App.
type metrics struct {
	registry *prometheus.Registry
	passes   prometheus.Counter
	renders  prometheus.Counter
	heals    prometheus.Counter
	failures *prometheus.CounterVec
	requests *prometheus.CounterVec
	webhooks *prometheus.CounterVec
	forges   *prometheus.CounterVec
	plans    *prometheus.CounterVec
	reviews  prometheus.Histogram
	stages   *prometheus.HistogramVec
	applied  prometheus.Histogram
	healthy  prometheus.Histogram
	states   *prometheus.GaugeVec
	verified prometheus.Gauge
	queued   prometheus.Gauge
	held     prometheus.Gauge
	stale    *prometheus.GaugeVec
	renewed  prometheus.Gauge
	asked    *prometheus.CounterVec
	open     *prometheus.GaugeVec
}

// newMetrics makes the metrics of an agent of a version; started tells how many rendering processes it has started.
func newMetrics(version string, started func() int) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
	}
	r := prometheus.NewRegistry()
	add := func(c prometheus.Collector) { r.MustRegister(c) }
	one := func(v *prometheus.CounterVec) prometheus.Counter { add(v); return v.WithLabelValues() }
	level := func(v *prometheus.GaugeVec) prometheus.Gauge { add(v); return v.WithLabelValues() }
	m := &metrics{
		registry: r,
		passes:   one(counter("plumb_passes_total", "Passes of apps through the stages.")),
		renders:  one(counter("plumb_renders_total", "Renders that were done, not those that were skipped because their inputs did not change.")),
		heals:    one(counter("plumb_heals_total", "Objects whose drift was undone.")),
		failures: counter("plumb_failures_total", "Apps that became failed, by reason.", "reason"),
		requests: counter("plumb_requests_total", "Requests to the API server, by what they are for and how they ended.", "purpose", "result"),
		webhooks: counter("plumb_webhooks_total", "Webhooks that were delivered, by what became of them.", "result"),
		forges:   counter("plumb_forge_requests_total", "Requests to forges, by how they ended.", "result"),
		plans:    counter("plumb_pull_plans_total", "Plans of pull requests that were told, by the state of the status.", "state"),
		stages:   histogram("plumb_stage_duration_seconds", "How long a stage took, each time that it had work to do.", stageBounds, "stage"),
		asked:    counter("plumb_page_requests_total", "Requests of people to the page and its API, by what they are for and how they ended.", "kind", "result"),
		open:     gauge("plumb_page_streams", "Streams to people that are open.", "kind"),
		states:   gauge("plumb_apps", "Apps by state.", "state"),
		verified: level(gauge("plumb_apps_verified", "Apps that this process has compared with Git and the cluster at the newest commit.")),
		queued:   level(gauge("plumb_queue_apps", "Apps that wait for a worker.")),
		held:     level(gauge("plumb_deletions_held", "Deletions that wait for consent.")),
		stale:    gauge("plumb_repo_stale_seconds", "For how long a Repo cannot be read; 0 if it can.", "repo"),
		renewed:  level(gauge("plumb_lease_renewed_timestamp_seconds", "When the Lease was last renewed by this process; 0 if it never was.")),
	}
	commits := histogram("plumb_commit_to_applied_seconds", "From when a commit was seen to when it was applied completely, per app that it changed.", commitBounds)
	settled := histogram("plumb_commit_to_healthy_seconds", "From when a commit was seen to when all objects were healthy, per app that it changed.", commitBounds)
	reviewed := histogram("plumb_pull_hint_to_comment_seconds", "From when a webhook told of a pull request to when its comment and its status stood.", commitBounds)
	for _, c := range []prometheus.Collector{m.failures, m.requests, m.webhooks, m.forges, m.plans, m.stages, m.asked, m.open, m.states, m.stale, commits, settled, reviewed} {
		add(c)
	}
	m.reviews = reviewed.WithLabelValues().(prometheus.Histogram)
	m.applied, m.healthy = commits.WithLabelValues().(prometheus.Histogram), settled.WithLabelValues().(prometheus.Histogram)
	build := gauge("plumb_build_info", "1; the labels say what runs.", "version", "go")
	build.WithLabelValues(version, runtime.Version()).Set(1)
	add(build)
	add(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "plumb_render_children_started_total", Help: "Rendering processes that were started: the first, one more while many renders wait, and one for each that died.",
	}, func() float64 { return float64(started()) }))
	add(collectors.NewGoCollector())
	add(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

// begin makes the series that are known from the start: a rate needs a zero to rise from.
func (m *metrics) begin() {
	for _, stage := range stages {
		m.stages.WithLabelValues(stage)
	}
	for _, result := range []string{hookAccepted, hookIgnored, hookRefused, hookBusy} {
		m.webhooks.WithLabelValues(result)
	}
	for _, purpose := range purposes {
		m.requests.WithLabelValues(purpose, resultOK)
	}
	m.forges.WithLabelValues(resultOK)
	for _, state := range []string{report.PullPending, report.PullSuccess, report.PullFailure} {
		m.plans.WithLabelValues(state)
	}
	for _, kind := range []string{server.AskedRead, server.AskedAct, server.AskedStream, server.AskedLogin} {
		m.asked.WithLabelValues(kind, resultOK)
		m.asked.WithLabelValues(kind, resultRefused)
	}
	for _, kind := range []string{server.StreamFleet, server.StreamLogs} {
		m.open.WithLabelValues(kind)
	}
	m.failures.WithLabelValues(string(fault.ApplyFailed))
}

// reviewed counts a plan of a pull request that was told; hinted is when a webhook told of it, zero if none did.
func (m *metrics) reviewed(state string, hinted time.Time) {
	m.plans.WithLabelValues(state).Inc()
	if !hinted.IsZero() {
		m.reviews.Observe(time.Since(hinted).Seconds())
	}
}

// took notes how long a stage took.
func (m *metrics) took(stage string, begun time.Time) {
	m.stages.WithLabelValues(stage).Observe(time.Since(begun).Seconds())
}

// delivered counts a webhook by the HTTP status that answered it, and gives that.
func (m *metrics) delivered(status int) int {
	result := hookRefused
	switch status {
	case http.StatusAccepted:
		result = hookAccepted
	case http.StatusOK:
		result = hookIgnored
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		result = hookBusy
	}
	m.webhooks.WithLabelValues(result).Inc()
	return status
}

// Answered counts a request of a person: it implements server.Tally.
func (m *metrics) Answered(kind string, status int) {
	m.asked.WithLabelValues(kind, resultOf(&http.Response{StatusCode: status}, nil)).Inc()
}

// Streaming counts the streams to people.
func (m *metrics) Streaming(kind string, change int) {
	m.open.WithLabelValues(kind).Add(float64(change))
}

// collected brings the gauges up to date whenever they are read.
func (ag *Agent) collected() prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		ag.measure(time.Now())
		return ag.metrics.registry.Gather()
	})
}

func (ag *Agent) measure(now time.Time) {
	ag.mu.Lock()
	apps, known := slices.Collect(maps.Values(ag.apps)), slices.Collect(maps.Values(ag.repos))
	renewed := ag.beatAt
	ag.mu.Unlock()
	m := ag.metrics
	counts, verified, held := map[v1alpha1.State]int{}, 0, 0
	for _, a := range apps {
		counts[a.shownState()]++
		held += a.heldDeletions()
		if a.isCarried() {
			verified++
		}
	}
	for _, s := range v1alpha1.States {
		m.states.WithLabelValues(string(s)).Set(float64(counts[s]))
	}
	m.states.WithLabelValues(string(v1alpha1.StateUnknown)).Add(float64(counts[""]))
	m.verified.Set(float64(verified))
	m.held.Set(float64(held))
	m.queued.Set(float64(ag.queue.Len()))
	if !renewed.IsZero() {
		m.renewed.Set(float64(renewed.UnixMilli()) / 1000)
	}
	m.stale.Reset() // a Repo that was deleted is not stale for ever
	for _, r := range known {
		m.stale.WithLabelValues(r.Key.String()).Set(r.StaleFor(now).Seconds())
	}
}

// heldDeletions gives how many deletions of the app wait for consent, as it was judged last.
func (a *app) heldDeletions() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == "" && a.object != nil {
		return a.object.Status.HeldCount
	}
	return a.held
}
