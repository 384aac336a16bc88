package server

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

//go:embed page
var files embed.FS

// pages are the parsed templates, one set for each page.
type pages struct{ fleet, app, pull, refused *template.Template }

func parsePages() pages {
	parse := func(name string) *template.Template {
		return template.Must(template.New("layout.html").Funcs(template.FuncMap{
			"word": report.Word, "short": shortCommit,
		}).ParseFS(files, "page/layout.html", "page/"+name))
	}
	return pages{fleet: parse("fleet.html"), app: parse("app.html"), pull: parse("pull.html"), refused: parse("refused.html")}
}

// page is what every page shows.
type page struct {
	Title     string
	Refresh   string // content of meta refresh; "" is none
	State     v1alpha1.State
	Simulated bool
	ReadOnly  string
	Weak      string
	Silent    string
	Now       string
	Heard     string
	Body      any
}

// refreshSeconds is how often a page asks again.
const refreshSeconds = 3

// page makes the frame around a body. After a visit with ?t= the address without the token takes its place at once.
func (s *server) page(r *http.Request, f report.Fleet, title string, state v1alpha1.State) page {
	seconds := refreshSeconds
	if r.URL.Query().Has("t") {
		seconds = 0
	}
	p := page{
		Title: report.Style{}.Glyph(state) + " " + title + " · plumb", State: state,
		Refresh:   fmt.Sprintf("%d;url=%s", seconds, r.URL.EscapedPath()),
		Simulated: s.Simulated, Weak: s.Weak, Silent: f.Agent.Silent(f.Now),
		Now: f.Now.Format("15:04:05"),
	}
	if f.Agent.ReadOnly {
		p.ReadOnly = report.ReadOnlyText
	}
	if !f.Agent.Heard.IsZero() {
		p.Heard = report.Age(f.Now.Sub(f.Agent.Heard)) + " ago"
	}
	return p
}

func (p pages) write(w http.ResponseWriter, t *template.Template, status int, data page) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		text(w, http.StatusInternalServerError, "the page could not be made; plumb status shows the same")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader is gone if this fails
}

func (p pages) refuse(w http.ResponseWriter) {
	p.write(w, p.refused, http.StatusUnauthorized, page{Title: "plumb: not opened yet"})
}

func style(w http.ResponseWriter, _ *http.Request) {
	css, err := files.ReadFile("page/style.css")
	if err != nil {
		text(w, http.StatusInternalServerError, "the style is missing")
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(css)
}

// fleetBody is the first page: counters, trouble, the matrix.
type fleetBody struct {
	Repos    []repoLine
	Total    int
	Counters []counter
	Troubles []report.Trouble
	More     int // troubles that are not shown
	Columns  []string
	Rows     []row
	MoreRows int
}

type repoLine struct{ Text, Stale string }

type counter struct {
	State v1alpha1.State
	N     int
}

type row struct {
	Namespace, App, Changed string
	Cells                   []cell
}

// cell is one target; the zero cell is an app that is not there.
type cell struct {
	State           v1alpha1.State
	Commit, Label   string
	Namespace, Name string
}

// The page shows at most this much; plumb status --all shows everything.
const (
	maxRows     = 500
	maxTroubles = 20
)

func (s *server) fleetPage(w http.ResponseWriter, r *http.Request) {
	f := s.fleet()
	targets := f.Targets()
	counts, worst := report.Count(targets), report.Worst(targets)
	body := fleetBody{Total: counts.Total, Troubles: f.Troubles()}
	for _, state := range v1alpha1.States {
		if n := *counts.Of(state); n > 0 {
			body.Counters = append(body.Counters, counter{state, n})
		}
	}
	for _, repo := range f.Repos {
		body.Repos = append(body.Repos, repoLine{Text: report.Style{}.Head(repo, f.Now)})
	}
	if more := len(body.Troubles) - maxTroubles; more > 0 {
		body.Troubles, body.More = body.Troubles[:maxTroubles], more
	}
	body.matrix(report.MatrixOf(targets), f.Now)
	p := s.page(r, f, fleetTitle(counts, worst), worst)
	p.Body = body
	s.pages.write(w, s.pages.fleet, http.StatusOK, p)
}

func fleetTitle(counts v1alpha1.AppCounts, worst v1alpha1.State) string {
	switch {
	case counts.Total == 0:
		return "no apps yet"
	case worst == v1alpha1.StateOK:
		return fmt.Sprintf("all %d ok", counts.Total)
	}
	return fmt.Sprintf("%d %s of %d", *counts.Of(worst), report.Word(worst), counts.Total)
}

// matrix fills in the table, trouble first.
func (b *fleetBody) matrix(m report.Matrix, now time.Time) {
	for _, c := range m.Columns {
		b.Columns = append(b.Columns, c.Title())
	}
	slices.SortStableFunc(m.Rows, func(x, y report.Row) int {
		return cmp.Compare(rank(x), rank(y))
	})
	if more := len(m.Rows) - maxRows; more > 0 {
		m.Rows, b.MoreRows = m.Rows[:maxRows], more
	}
	for _, r := range m.Rows {
		line := row{App: r.App, Changed: "–"}
		if r.Namespace != v1alpha1.Namespace {
			line.Namespace = r.Namespace
		}
		if at := r.Changed(); !at.IsZero() {
			line.Changed = report.Age(now.Sub(at)) + " ago"
		}
		for _, t := range r.Cells {
			line.Cells = append(line.Cells, cellOf(t))
		}
		b.Rows = append(b.Rows, line)
	}
}

// rank is the place of a row by its worst state, in the order of the state words.
func rank(r report.Row) int { return slices.Index(v1alpha1.States, report.Worst(r.Targets())) }

func cellOf(t *report.Target) cell {
	if t == nil {
		return cell{}
	}
	return cell{
		State: t.State, Commit: shortCommit(report.ShownRevision(*t)), Namespace: t.App.Namespace, Name: t.App.Name,
		Label: t.Address() + ": " + report.Word(t.State) + ". " + t.Summary(),
	}
}

// appBody is the page of one target.
type appBody struct {
	Target   report.Target
	Address  string
	Summary  string
	Next     string
	Consent  []string
	Since    string
	Pause    *v1alpha1.Pause
	Until    string
	Blocking *v1alpha1.Blocking
	Drift    []driftLine
	Because  []metav1.Condition
	History  []historyLine
}

type driftLine struct {
	v1alpha1.Drift
	Seen, Healed string
}

type historyLine struct {
	v1alpha1.HistoryRow
	Seen, Applied, Healthy string
}

func (s *server) appPage(w http.ResponseWriter, r *http.Request) {
	f := s.fleet()
	targets := f.Targets()
	i := slices.IndexFunc(targets, func(t report.Target) bool {
		return t.App.Namespace == r.PathValue("namespace") && t.App.Name == r.PathValue("name")
	})
	if i < 0 {
		text(w, http.StatusNotFound, "there is no such app; the list is at /")
		return
	}
	t := targets[i]
	p := s.page(r, f, t.Address()+" "+report.Word(t.State), t.State)
	p.Body = appBodyOf(t, f.Now)
	s.pages.write(w, s.pages.app, http.StatusOK, p)
}

func appBodyOf(t report.Target, now time.Time) appBody {
	st := t.App.Status
	b := appBody{
		Target: t, Address: t.Address(), Summary: t.Summary(), Next: t.Next(), Consent: t.ConsentLines(),
		Since: clock(st.AsOf, now), Pause: t.App.Spec.Pause, Blocking: st.Blocking,
	}
	if b.Pause != nil {
		b.Until = clock(b.Pause.Until, now)
	}
	for _, d := range st.Drift {
		b.Drift = append(b.Drift, driftLine{d, clock(d.Seen, now), clock(d.Healed, now)})
	}
	for _, c := range st.Conditions {
		if c.Type != v1alpha1.ConditionReady || c.Status != metav1.ConditionTrue {
			b.Because = append(b.Because, c)
		}
	}
	for _, h := range st.History {
		b.History = append(b.History, historyLine{h, exactClock(h.Seen, now), exactClock(h.Applied, now), exactClock(h.Healthy, now)})
	}
	return b
}

func clock(t *metav1.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return report.Clock(t.Time, now)
}

func exactClock(t *metav1.MicroTime, now time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return report.Clock(t.Time, now)
}

// shortCommit gives the first seven characters that people know a commit by.
func shortCommit(id string) string {
	if id = strings.TrimSpace(id); len(id) > 7 {
		return id[:7]
	}
	return id
}
