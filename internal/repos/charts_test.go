package repos

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/chart/charttest"
)

var (
	cart  = types.NamespacedName{Namespace: "plumb-system", Name: "cart"}
	books = types.NamespacedName{Namespace: "plumb-system", Name: "books"}
)

// supplied follows charts of this machine; each app that something is news to is on the channel.
func supplied(t *testing.T) (*Charts, <-chan types.NamespacedName) {
	t.Helper()
	store, err := chart.Open(t.TempDir(), chart.Options{Private: true})
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan types.NamespacedName, 100)
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	return NewCharts(ctx, ChartOptions{
		Store: store, Log: slog.New(slog.DiscardHandler), Changed: func(app types.NamespacedName) { changed <- app },
		Secret: func(context.Context, string, string) (map[string]string, error) {
			return map[string]string{"username": "me", "password": "hunter22"}, nil
		},
	}), changed
}

// Who uses a chart is told when it is there, and when another archive takes its place.
func TestAChartIsFollowed(t *testing.T) {
	r := charttest.NewRepository(t, charttest.Options{})
	r.Publish("podinfo", "6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
	cs, changed := supplied(t)
	key := KeyOf(cart.Namespace, chart.Ref{Repo: r.URL, Name: "podinfo", Version: "6.x"}, nil, time.Hour)
	if known := cs.Use(cart, []ChartKey{key})[key]; known.Settled() {
		t.Errorf("%+v is known of a chart that nobody was asked for", known)
	}
	if app := next(t, "that the chart is there", changed); app != cart {
		t.Errorf("told %s", app)
	}
	if known := cs.Use(books, []ChartKey{key})[key]; known.Found == nil || known.Found.Version != "6.0.0" {
		t.Errorf("%+v is known of the chart", known)
	}
	r.Publish("podinfo", "6.1.0", charttest.Archive(t, "podinfo", "6.1.0", nil))
	cs.Nudge(books)
	if told := map[types.NamespacedName]bool{next(t, "news", changed): true, next(t, "news", changed): true}; !told[cart] || !told[books] {
		t.Errorf("told %v of a new version, want both who use it", told)
	}
	if known := cs.Use(cart, []ChartKey{key})[key]; known.Found.Version != "6.1.0" {
		t.Errorf("%s is known after 6.1.0 came", known.Found.Version)
	}
	if found, ok := cs.Have(key); !ok || found.Version != "6.1.0" {
		t.Error("what was fetched is not here")
	}
	cs.Use(cart, nil)
	if len(cs.all) != 1 {
		t.Error("a chart that another app uses is followed no more")
	}
	cs.Use(books, nil)
	if len(cs.all) != 0 {
		t.Error("a chart that nobody uses is followed")
	}
}

// While nobody answers the archive of before is served, with why it is not known to be the newest.
func TestAChartWhoseRepositoryIsAway(t *testing.T) {
	r := charttest.NewRepository(t, charttest.Options{})
	r.Publish("podinfo", "6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
	cs, changed := supplied(t)
	key := KeyOf(cart.Namespace, chart.Ref{Repo: r.URL, Name: "podinfo", Version: "6.x"}, nil, time.Hour)
	cs.Use(cart, []ChartKey{key})
	next(t, "that the chart is there", changed)
	r.Break(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	cs.Nudge(cart)
	next(t, "that nobody answers", changed)
	known := cs.Use(cart, []ChartKey{key})[key]
	if known.Found == nil || known.Found.Version != "6.0.0" || known.Fault == nil || known.Since.IsZero() {
		t.Errorf("%+v is known while nobody answers, want the archive of before, and why", known)
	}
	r.Break(nil)
	cs.Nudge(cart)
	next(t, "that somebody answers", changed)
	if known := cs.Use(cart, []ChartKey{key})[key]; known.Fault != nil || !known.Since.IsZero() {
		t.Errorf("%+v is known after it is there again", known)
	}
}

// Who has another Secret, or another namespace, does not get the archive from the store.
func TestTheStoreIsParted(t *testing.T) {
	r := charttest.NewRepository(t, charttest.Options{User: "me", Password: "hunter22"})
	r.Publish("podinfo", "6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
	cs, _ := supplied(t)
	ref := chart.Ref{Repo: r.URL, Name: "podinfo", Version: "6.0.0"}
	access := func(secret string) []v1alpha1.ChartAccess {
		return []v1alpha1.ChartAccess{{URL: r.URL, Secret: secret}}
	}
	own := KeyOf("team-a", ref, access("a"), time.Hour)
	if _, err := cs.Ask(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		reason string
		key    ChartKey
		has    bool
	}{
		{"who fetched it", own, true},
		{"asked more often", KeyOf("team-a", ref, access("a"), time.Minute), true},
		{"another Secret", KeyOf("team-a", ref, access("b"), time.Hour), false},
		{"another namespace", KeyOf("team-b", ref, access("a"), time.Hour), false},
		{"nobody is listed", KeyOf("team-a", ref, nil, time.Hour), false},
	} {
		if _, ok := cs.Have(row.key); ok != row.has {
			t.Errorf("%s: has the archive: %v", row.reason, ok)
		}
	}
}
