package board

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

var now = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

var all = Sight{All: true}

// target makes an App "app/env" in a namespace, that changed some minutes ago.
func target(namespace, address string, state v1alpha1.State, minutes int) *v1alpha1.App {
	app, env, _ := strings.Cut(address, "/")
	env, cluster, _ := strings.Cut(env, "@")
	changed := metav1.NewMicroTime(now.Add(-time.Duration(minutes) * time.Minute))
	o := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: app + "-" + env, Labels: map[string]string{v1alpha1.LabelRepo: "fleet"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Repo", Name: "fleet", Controller: new(true)}},
		},
		Spec: v1alpha1.AppSpec{App: app, Env: env, Cluster: cluster, Path: "apps/" + app},
		Status: v1alpha1.AppStatus{
			State: state, Summary: "it is " + string(state), Revision: commitID(minutes), Target: commitID(minutes),
			AsOf: &metav1.Time{Time: changed.Time}, History: []v1alpha1.HistoryRow{{Revision: commitID(minutes), Seen: &changed, Applied: &changed, Result: string(state)}},
		},
	}
	if cluster != "" {
		o.Name += "-" + cluster
	}
	return o
}

func commitID(n int) string { return fmt.Sprintf("%07x%033x", n+0xabc0000, n) }

// fleet is a board of two namespaces.
func fleet() *Board {
	b := New("life")
	for _, o := range []*v1alpha1.App{
		target("a", "cart/prod", v1alpha1.StateFailed, 5), target("a", "cart/dev", v1alpha1.StateOK, 9), target("a", "cart/staging", v1alpha1.StateRolling, 7),
		target("a", "ledger/prod", v1alpha1.StateDrifted, 3), target("b", "search/prod", v1alpha1.StateOK, 1), target("b", "search/prod@eu-1", v1alpha1.StateFailed, 2),
		target("b", "wiki/dev", v1alpha1.StatePaused, 8), target("b", "web/dev", v1alpha1.StateWaiting, 4),
	} {
		b.Put(o)
	}
	return b
}

func names(rows []Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, addressOf(&r))
	}
	return strings.Join(out, " ")
}

func counts(facets []Facet) string {
	var out []string
	for _, f := range facets {
		out = append(out, fmt.Sprintf("%s:%d", f.Value, f.Count))
	}
	return strings.Join(out, " ")
}

func TestList(t *testing.T) {
	one := Sight{Namespaces: map[string]bool{"a": true}}
	for _, row := range []struct {
		reason string
		sight  Sight
		query  Query
		want   string
		state  string // the facet
	}{
		{"trouble first, then what changed last", all, Query{}, "search/prod@eu-1 cart/prod ledger/prod wiki/dev web/dev cart/staging search/prod cart/dev", "failed:2 drifted:1 rolling:1 waiting:1 paused:1 ok:2"},
		{"by name environments are in the order of promotion, and the local cluster is first", all, Query{Sort: ByName}, "cart/dev cart/staging cart/prod ledger/prod search/prod search/prod@eu-1 web/dev wiki/dev", "failed:2 drifted:1 rolling:1 waiting:1 paused:1 ok:2"},
		{"what changed last", all, Query{Sort: ByChange, Limit: 2}, "search/prod search/prod@eu-1", "failed:2 drifted:1 rolling:1 waiting:1 paused:1 ok:2"},
		{"a person sees only their namespaces, also in counts", one, Query{}, "cart/prod ledger/prod cart/staging cart/dev", "failed:1 drifted:1 rolling:1 ok:1"},
		{"nobody sees nothing", Sight{}, Query{}, "", ""},
		{"what may not be seen is not found by searching", one, Query{Text: "search"}, "", ""},
		{"the counts of a column obey the choices of all others, not its own", all, Query{State: []string{"failed"}, Env: []string{"prod"}}, "search/prod@eu-1 cart/prod", "failed:2 drifted:1 ok:1"},
		{"values of a column are alternatives", all, Query{State: []string{"failed", "paused"}}, "search/prod@eu-1 cart/prod wiki/dev", "failed:2 drifted:1 rolling:1 waiting:1 paused:1 ok:2"},
		{"a value that nothing has", all, Query{Cluster: []string{"mars"}}, "", ""},
		{"a namespace chosen beyond what may be seen", one, Query{Namespace: []string{"b"}}, "", ""},
		{"all words must be found, in any case", all, Query{Text: "CART Prod"}, "cart/prod", "failed:1"},
		{"the sentence of what is not ok is searched", all, Query{Text: "it is paused"}, "wiki/dev", "paused:1"},
		{"a commit is found by its first digits", all, Query{Text: commitID(3)[:7]}, "ledger/prod", "drifted:1"},
		{"while the agent is silent every state is unknown", all, Query{Silent: true, State: []string{"failed"}}, "", "unknown:8"},
	} {
		page, err := fleet().List(row.sight, row.query)
		if got := names(page.Items); err != nil || got != row.want || counts(page.Facets.State) != row.state {
			t.Errorf("%s: %q, %q, %v", row.reason, got, counts(page.Facets.State), err)
		}
	}
}

func TestRefusedQueries(t *testing.T) {
	for _, q := range []Query{{Sort: "size"}, {Cursor: "x"}, {Cursor: cursorOf(ByName, place{})}} {
		if _, err := fleet().List(all, q); !fault.Is(err, fault.InvalidQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Pages follow each other without a gap and without a row twice, also when rows come, go and move between two of them.
func TestCursorsHoldWhileRowsChange(t *testing.T) {
	for name := range orders {
		b := fleet()
		var got []string
		q := Query{Sort: name, Limit: 3}
		for round := 0; ; round++ {
			page, err := b.List(all, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Items {
				got = append(got, r.ID)
			}
			if page.Next == "" {
				break
			}
			last := page.Items[len(page.Items)-1]
			b.Drop(last.Namespace, last.Name)                            // where the cursor stands
			b.Put(target("a", "aaa/dev", v1alpha1.StateFailed, 0))       // before it, in every order
			b.Put(target("a", "aab/dev", v1alpha1.StateFailed, 0-round)) // likewise
			q.Cursor = page.Next
		}
		slices.Sort(got)
		if len(got) != 8 || len(slices.Compact(got)) != 8 {
			t.Errorf("by %s: %d rows: %v", name, len(got), got)
		}
	}
}

func TestRowOfAnApp(t *testing.T) {
	b := fleet()
	r, ok := b.Row(all, "a/cart-prod")
	if !ok || r.Repo != "a/fleet" || r.Cluster != "local" || r.Changed == nil || !r.Changed.Equal(now.Add(-5*time.Minute)) || r.Next == "" {
		t.Errorf("%+v", r)
	}
	if _, ok := b.Row(Sight{Namespaces: map[string]bool{"b": true}}, "a/cart-prod"); ok {
		t.Error("it is seen by whoever may not")
	}
	b.Put(target("a", "cart", v1alpha1.StateOK, 6))
	b.Put(target("a", "car", v1alpha1.StateOK, 6))
	if got := names(b.Siblings(all, "a", "cart")); got != "cart cart/dev cart/staging cart/prod" {
		t.Errorf("siblings %q", got)
	}
	byHand := target("a", "tool/", v1alpha1.StateOK, 1)
	byHand.OwnerReferences = nil
	b.Put(byHand)
	if r, _ := b.Row(all, "a/tool-"); r.Repo != "" {
		t.Errorf("an App by hand is of %s", r.Repo)
	}
}

// What a reader has from a snapshot and the deltas behind it is what a later snapshot shows, whatever happened in between.
// A matrix says which commit is there, and which is wanted where that is another one.
func TestASnapshotSaysWhatIsWanted(t *testing.T) {
	b := New("life")
	for name, revisions := range map[string][2]string{"a": {"aaaaaaaaaa", "aaaaaaaaaa"}, "b": {"aaaaaaaaaa", "bbbbbbbbbb"}, "c": {"", "bbbbbbbbbb"}, "d": {"", ""}} {
		o := target("a", name+"/dev", v1alpha1.StateRolling, 0)
		o.Status.Revision, o.Status.Target = revisions[0], revisions[1]
		b.Put(o)
	}
	f := b.Snapshot(all, Agent{}, now)
	got := ""
	for i := range f.N {
		for _, n := range []int{f.Revision[i], f.Wanted[i]} {
			if n < 0 {
				got += " none"
			} else {
				got += " " + f.Revisions[n]
			}
		}
	}
	if want := " aaaaaaa none aaaaaaa bbbbbbb none bbbbbbb none none"; got != want {
		t.Errorf("%s, want%s", got, want)
	}
}

func TestDeltasLeadFromOneSnapshotToTheNext(t *testing.T) {
	b := fleet()
	first := b.Snapshot(all, Agent{}, now)
	from := Position{first.Stream, first.Seq}
	b.Put(target("a", "cart/prod", v1alpha1.StateOK, 0))
	b.Put(target("a", "cart/prod", v1alpha1.StateRolling, 0))
	b.Drop("b", "wiki-dev")
	b.Put(target("c", "new/dev", v1alpha1.StateOK, 0))
	b.PutRepo(&v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "fleet"}}, time.Time{})
	b.PutPull(report.PullPlan{Repo: "b/fleet", Number: 7})
	d := b.Since(all, from)
	if names(d.Rows) != "cart/prod new/dev" || d.Rows[0].State != v1alpha1.StateRolling || !slices.Equal(d.Gone, []string{"b/wiki-dev"}) || len(d.Repos) != 1 || !d.Pulls || !d.Changes || d.Reset {
		t.Errorf("%+v", d)
	}
	narrow := b.Since(Sight{Namespaces: map[string]bool{"c": true}}, from)
	if names(narrow.Rows) != "new/dev" || len(narrow.Gone)+len(narrow.Repos) != 0 || narrow.Pulls {
		t.Errorf("who sees one namespace is told %+v", narrow)
	}
	if again := b.Since(all, d.At); !again.Empty() {
		t.Errorf("nothing happened: %+v", again)
	}
	if second := b.Snapshot(all, Agent{}, now); second.Seq != d.At.Seq || second.N != 8 {
		t.Errorf("%d targets at %d", second.N, second.Seq)
	}
}

func TestWhatIsTooOldBeginsAnew(t *testing.T) {
	b := fleet()
	at, _ := b.Now()
	for _, row := range []struct {
		reason string
		from   Position
		want   bool
	}{
		{"now", at, false},
		{"another life", Position{"other", at.Seq}, true},
		{"the future", Position{at.Stream, at.Seq + 1}, true},
	} {
		if d := b.Since(all, row.from); d.Reset != row.want {
			t.Errorf("%s: reset %v", row.reason, d.Reset)
		}
	}
	for n := range maxLog + 10 {
		b.PutPull(report.PullPlan{Repo: "a/fleet", Number: 1, Head: fmt.Sprint(n)})
	}
	if d := b.Since(all, at); !d.Reset {
		t.Error("what is forgotten is told as nothing")
	}
	if len(b.log) > maxLog {
		t.Errorf("the log has %d entries", len(b.log))
	}
}

func TestNothingNewIsNoNews(t *testing.T) {
	b := fleet()
	at, news := b.Now()
	b.Put(target("a", "cart/prod", v1alpha1.StateFailed, 5))
	select {
	case <-news:
		t.Error("the same again wakes readers")
	default:
	}
	if next, _ := b.Now(); next != at {
		t.Errorf("%v, then %v", at, next)
	}
	b.Put(target("a", "cart/prod", v1alpha1.StateOK, 5))
	select {
	case <-news:
	default:
		t.Error("another state does not wake readers")
	}
}

func TestSnapshotIsInColumns(t *testing.T) {
	f := fleet().Snapshot(all, Agent{}, now)
	v := reflect.ValueOf(f)
	for _, column := range []string{"App", "Name", "Namespace", "Env", "Cluster", "Repo", "State", "Revision", "Since", "Changed", "Drifted", "Why"} {
		if n := v.FieldByName(column).Len(); n != f.N {
			t.Errorf("%s has %d of %d", column, n, f.N)
		}
	}
	if !slices.Equal(f.Envs, []string{"dev", "staging", "prod"}) || !slices.Equal(f.Clusters, []string{"local", "eu-1"}) || !slices.Equal(f.Apps, []string{"cart", "ledger", "search", "web", "wiki"}) {
		t.Errorf("%v %v %v", f.Envs, f.Clusters, f.Apps)
	}
	if got := f.States[f.State[2]]; got != v1alpha1.StateFailed || f.Why[2] != "it is failed" || f.Why[0] != "" || f.Changed[2] != 300 || f.Name[2] != "" {
		t.Errorf("cart/prod: %s %q, changed %d, named %q", got, f.Why[2], f.Changed[2], f.Name[2])
	}
	if f.Since[2] != sinceChanged { // both are known, and the same
		t.Errorf("cart/prod began to fail %d seconds ago", f.Since[2])
	}
	if empty := New("x").Snapshot(all, Agent{}, now); empty.N != 0 || empty.Apps == nil || empty.Revisions == nil {
		t.Errorf("an empty fleet: %+v", empty)
	}
}

// What is written by hand is what encoding/json writes.
func TestSnapshotAsJSON(t *testing.T) {
	b := fleet()
	byHand := target("a", "tool/", v1alpha1.StateOK, 1)
	byHand.OwnerReferences = nil
	b.Put(byHand)
	f := b.Snapshot(all, Agent{Heard: now}, now)
	if i := slices.Index(f.Apps, "tool"); !slices.Contains(f.Repo, -1) || i < 0 {
		t.Errorf("an App by hand is of a Repo: %v", f.Repo)
	}
	want, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := f.WriteJSON(&got); err != nil || got.String() != string(want)+"\n" {
		t.Errorf("%v\n%s\n%s", err, got.String(), want)
	}
}

func TestCountsByCluster(t *testing.T) {
	got := fleet().Counts(all, false)
	if counts(got["eu-1"]) != "failed:1" || counts(got["local"]) != "failed:1 drifted:1 rolling:1 waiting:1 paused:1 ok:2" {
		t.Errorf("%v", got)
	}
	if silent := fleet().Counts(all, true); counts(silent["local"]) != "unknown:7" {
		t.Errorf("%v", silent)
	}
}

func pullsOf(t *testing.T, b *Board, sight Sight) []PullRow {
	t.Helper()
	page, err := b.Pulls(sight, ListQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

func TestPulls(t *testing.T) {
	b := New("life")
	b.PutPull(report.PullPlan{Repo: "a/fleet", Number: 7, Title: "more\x1b[31m", Pending: "it is being made"})
	b.PutPull(report.PullPlan{Repo: "a/fleet", Number: 9})
	b.PutPull(report.PullPlan{Repo: "b/fleet", Number: 1})
	if got := pullsOf(t, b, all); len(got) != 3 || got[0].Number != 9 || got[1].Status != "pending" || strings.Contains(got[1].Title, "\x1b") || got[0].Line != "no deployment affected" {
		t.Errorf("%+v", got)
	}
	if got := pullsOf(t, b, Sight{Namespaces: map[string]bool{"b": true}}); len(got) != 1 {
		t.Errorf("whoever sees one namespace: %+v", got)
	}
	at, _ := b.Now()
	b.PutPull(report.PullPlan{Repo: "a/fleet", Number: 9})
	if now, _ := b.Now(); now != at {
		t.Error("the same plan again is news")
	}
	b.DropPull("a/fleet", 7)
	b.DropPull("b/fleet", 0)
	if got := pullsOf(t, b, all); len(got) != 1 || got[0].Number != 9 {
		t.Errorf("after two went: %+v", got)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursorOf(ByName, place{app: "cart", env: "prod"}), "life-12")
	f.Add("e30", "-")
	f.Add("", "life-99999999999999999999999")
	b := fleet()
	f.Fuzz(func(t *testing.T, cursor, position string) {
		for name := range orders {
			page, err := b.List(all, Query{Sort: name, Cursor: cursor, Text: cursor})
			if err == nil && page.Total > 8 {
				t.Errorf("%d rows", page.Total)
			}
		}
		if _, err := b.Changes(all, ChangeQuery{Cursor: cursor}); err != nil && !fault.Is(err, fault.InvalidQuery) {
			t.Error(err)
		}
		if page, chosen, err := things.Of(shelf(), ListQuery{Cursor: cursor, Limit: 2}); err == nil && (len(page.Items) > 2 || len(chosen) != 5) {
			t.Errorf("%d of %d things", len(page.Items), len(chosen))
		}
		if p, err := ParsePosition(position); err == nil {
			if again, err := ParsePosition(p.String()); err != nil || again != p {
				t.Errorf("%q is %v, and then %v", position, p, again)
			}
			b.Since(all, p)
		}
	})
}
