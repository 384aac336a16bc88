package record

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

var (
	noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	cart = plan.App{Namespace: "plumb-system", Name: "cart-prod", UID: "0a1b-uid", App: "cart", Env: "prod", Cluster: "local", Target: "shop"}
)

func at(d time.Duration) *metav1.Time {
	t := metav1.NewTime(noon.Add(d))
	return &t
}

func seen(d time.Duration) *metav1.MicroTime {
	t := metav1.NewMicroTime(noon.Add(d))
	return &t
}

func configMap(name string, data map[string]any) object.Object {
	return object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": data}}
}

func rendersOf(before, after []object.Object) Renders {
	all := func(object.Object) bool { return true }
	return Renders{Before: Rendered(before, cart, all), After: Rendered(after, cart, all), Known: true}
}

func id(name string) object.ID { return object.ID{Kind: "ConfigMap", Namespace: "shop", Name: name} }

func step(name string, action plan.Action) plan.Step {
	o := configMap(name, nil)
	return plan.Step{ID: id(name), Action: action, Object: &o, UID: "u"}
}

func gathered(c *Chapter) []string {
	e := Revision(cart, Row{HistoryRow: v1alpha1.HistoryRow{Revision: "9f31c2a", Result: "ok"}, Chapter: c})
	var out []string
	for _, change := range e.Revision.Changes {
		line := change.Change + " " + change.Object
		for _, f := range change.Fields {
			line += fmt.Sprintf(" %s %s %s→%s", f.Kind, f.Field, f.From, f.To)
		}
		if len(change.From) > 0 {
			line += " from " + strings.Join(change.From, ",")
		}
		if change.Why != "" {
			line += ": " + change.Why
		}
		out = append(out, line)
	}
	return out
}

func TestWhatHappenedToAnObject(t *testing.T) {
	before := []object.Object{configMap("a", map[string]any{"x": "1"}), configMap("b", nil)}
	after := []object.Object{configMap("a", map[string]any{"x": "2"}), configMap("new", nil)}
	drifted := step("a", plan.Apply)
	drifted.Drift = "changed"
	first := step("a", plan.Apply)
	first.First = true
	handed := step("b", plan.Release)
	handed.To = "plumb-system/other"
	holding := step("b", plan.Hold)
	holding.Hold = "Limit"
	for _, row := range []struct {
		reason string
		first  bool // the app's first revision
		done   Done
		want   string
	}{
		{"it was sent, and existed", false, Done{Step: step("a", plan.Apply), Done: true, Tried: true}, "changed ConfigMap/shop/a changed data.x 1→2"},
		{"it was sent, and did not exist", false, Done{Step: step("new", plan.Apply), Done: true, Tried: true, Created: true}, "created ConfigMap/shop/new"},
		{"it was somebody's", false, Done{Step: first, Done: true, Tried: true, Took: []string{"helm"}}, "taken-over ConfigMap/shop/a changed data.x 1→2 from helm"},
		{"what is healed is no change of the revision", false, Done{Step: drifted, Done: true, Tried: true}, ""},
		{"an earlier life has applied it", false, Done{Step: step("a", plan.Unchanged), Done: true}, "changed ConfigMap/shop/a changed data.x 1→2"},
		{"an earlier life has made it", false, Done{Step: step("new", plan.Unchanged), Done: true}, "created ConfigMap/shop/new"},
		{"refused by the API server", false, Done{Step: step("a", plan.Apply), Tried: true, Fault: fault.New(fault.Rejected, "no")}, "failed ConfigMap/shop/a changed data.x 1→2: Rejected: no"},
		{"a newer commit came first", false, Done{Step: step("a", plan.Apply), Fault: fault.New(fault.Superseded, "stopped")}, ""},
		{"deleted", false, Done{Step: step("b", plan.Delete), Done: true, Tried: true}, "deleted ConfigMap/shop/b"},
		{"gone before it was deleted", false, Done{Step: step("b", plan.Forget), Done: true}, "deleted ConfigMap/shop/b: it was gone already"},
		{"never there: its apply was refused at the commit before", false, Done{Step: step("never", plan.Forget), Done: true}, ""},
		{"deletion asked for", false, Done{Step: step("b", plan.Delete), Tried: true}, "deleted ConfigMap/shop/b: asked for; finalizers hold it"},
		{"held", false, Done{Step: holding}, "held ConfigMap/shop/b: Limit"},
		{"handed over", false, Done{Step: handed, Done: true, Tried: true}, "released ConfigMap/shop/b from plumb-system/other"},
	} {
		c := &Chapter{Previous: "77ab410"}
		was := before[:1]
		if row.done.Step.ID == id("b") {
			was = before
		}
		c.Gather([]Done{row.done}, rendersOf(was, after))
		got := strings.Join(gathered(c), "; ")
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
}

func TestAChapterOfSeveralPasses(t *testing.T) {
	before := []object.Object{configMap("a", map[string]any{"x": "1"}), configMap("gone", nil)}
	after := []object.Object{configMap("a", map[string]any{"x": "2"}), configMap("new", nil)}
	c := &Chapter{Previous: "77ab410"}
	c.Gather([]Done{
		{Step: step("a", plan.Apply), Tried: true, Fault: fault.New(fault.Rejected, "no")},
		{Step: step("new", plan.Apply), Done: true, Tried: true, Created: true},
		{Step: step("gone", plan.Delete), Fault: fault.New(fault.ApplyFailed, "not everything was applied")},
	}, rendersOf(before, after))
	c.Gather([]Done{
		{Step: step("a", plan.Apply), Done: true, Tried: true},
		{Step: step("new", plan.Unchanged), Done: true},
	}, rendersOf(before, after))
	want := []string{"failed ConfigMap/shop/gone: ApplyFailed: not everything was applied", "changed ConfigMap/shop/a changed data.x 1→2", "created ConfigMap/shop/new"}
	if got := gathered(c); !slices.Equal(got, want) {
		t.Errorf("two passes gave %q, want %q", got, want)
	}
	// An agent that was killed after it deleted has no step for what is gone.
	c = &Chapter{Previous: "77ab410"}
	c.Gather([]Done{{Step: step("a", plan.Unchanged), Done: true}, {Step: step("new", plan.Unchanged), Done: true}}, rendersOf(before, after))
	want = []string{"deleted ConfigMap/shop/gone", "changed ConfigMap/shop/a changed data.x 1→2", "created ConfigMap/shop/new"}
	if got := gathered(c); !slices.Equal(got, want) {
		t.Errorf("after a kill it is %q, want %q", got, want)
	}
}

func TestResults(t *testing.T) {
	for _, row := range []struct {
		reason  string
		history v1alpha1.HistoryRow
		want    v1alpha1.Result
		settled bool
	}{
		{"ok", v1alpha1.HistoryRow{Result: "ok"}, "ok", true},
		{"failed", v1alpha1.HistoryRow{Result: "failed", Reason: "HookFailed"}, "failed", true},
		{"held", v1alpha1.HistoryRow{Result: "waiting", Reason: "DeletionHeld"}, "held", true},
		{"overtaken", v1alpha1.HistoryRow{Result: "superseded"}, "superseded", true},
		{"waits for another app: it goes on", v1alpha1.HistoryRow{Result: "waiting", Reason: "WaitingForApp"}, "", false},
		{"rolling out: it goes on", v1alpha1.HistoryRow{Result: "rolling"}, "", false},
		{"paused: it goes on when that ends", v1alpha1.HistoryRow{Result: "paused"}, "", false},
	} {
		row.history.Revision = "9f31c2a"
		if got := Settled(row.history); got != row.settled {
			t.Errorf("%s: settled is %v", row.reason, got)
		}
		if e := Revision(cart, Row{HistoryRow: row.history}); e.Result != row.want {
			t.Errorf("%s: the result is %q, want %q", row.reason, e.Result, row.want)
		}
	}
}

// Names are in the order of time whatever the commits and kinds are, and two Apps of one name have different ones.
func TestNames(t *testing.T) {
	row := func(d time.Duration, revision string) v1alpha1.HistoryRow {
		return v1alpha1.HistoryRow{Revision: revision, Seen: seen(d)}
	}
	a, b := Name(cart, row(0, "ffffffff")), Name(cart, row(time.Millisecond, "00000000")) // in one second
	drift := Healed(cart, nil, []v1alpha1.Drift{{Object: "ConfigMap/a", Seen: at(0), Healed: at(0)}}, noon.Add(2*time.Second)).Name
	if !slices.IsSortedFunc([]string{a, b, drift}, Older) || !IsDrift(drift) || IsDrift(a) {
		t.Errorf("%s, %s, %s", a, b, drift)
	}
	other := cart
	other.UID = "another"
	if Name(other, row(0, "ffffffff")) == a {
		t.Error("another App of the same name, at the same commit, has the same Entry")
	}
	long := cart
	long.Name = strings.Repeat("a.b-", 63)
	if n := Name(long, row(0, "ffffffff")); len(n) > 253 || !strings.HasPrefix(n, "a.b-") {
		t.Errorf("the name %s has %d bytes", n, len(n))
	}
}

func TestRepeatedCorrectionsAreCounted(t *testing.T) {
	row := v1alpha1.Drift{Object: "Deployment/shop/cart", Field: "spec.replicas", Kind: "changed", Manager: "kubectl", Git: "5", Live: "9"}
	var e *v1alpha1.Entry
	for i := range 500 {
		row.Seen, row.Healed = at(time.Duration(i)*time.Minute), at(time.Duration(i)*time.Minute)
		row.Live = fmt.Sprint(i)
		e = Healed(cart, e, []v1alpha1.Drift{row}, row.Healed.Time)
	}
	if len(e.Corrections) != 1 || e.Corrections[0].Count != 500 || !e.Corrections[0].Seen.Equal(at(0)) || e.Corrections[0].Live != "499" {
		t.Errorf("500 times the same is %+v", e.Corrections)
	}
	before := e.DeepCopy()
	next := Healed(cart, e, []v1alpha1.Drift{{Object: "ConfigMap/shop/a", Seen: at(500 * time.Minute), Healed: at(500 * time.Minute)}}, noon.Add(500*time.Minute))
	if len(next.Corrections) != 2 || next.Name != e.Name || len(e.Corrections) != len(before.Corrections) {
		t.Errorf("something else is %d corrections, and what was given has %d", len(next.Corrections), len(e.Corrections))
	}
	if later := Healed(cart, e, []v1alpha1.Drift{row}, noon.Add(25*time.Hour)); later.Name == e.Name || len(later.Corrections) != 1 {
		t.Errorf("a day later it is still %s", later.Name)
	}
}

func TestSurplus(t *testing.T) {
	var names []string
	for i := range 150 {
		names = append(names, Name(cart, v1alpha1.HistoryRow{Revision: fmt.Sprintf("%07x", 1000-i), Seen: seen(time.Duration(i) * time.Minute)}))
	}
	if gone := Surplus(names, 200); len(gone) > 0 {
		t.Errorf("there is room, and %d go", len(gone))
	}
	if gone := Surplus(names, 149); !slices.Equal(gone, names[:1]) {
		t.Errorf("%v go, want the oldest", gone)
	}
	for i := range 400 { // a fight
		at := metav1.NewMicroTime(noon.Add(time.Duration(i)*time.Hour + time.Second))
		names = append(names, name(cart, &at, driftName))
	}
	gone := Surplus(names, 200)
	kept := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(gone, n) })
	drift := slices.DeleteFunc(slices.Clone(kept), func(n string) bool { return !IsDrift(n) })
	if len(kept) != 200 || len(drift) != 100 || !slices.Contains(kept, names[149]) || !slices.Contains(kept, names[len(names)-1]) {
		t.Errorf("%d are kept, %d of drift", len(kept), len(drift))
	}
}

// Whatever goes in, an Entry is valid UTF-8, has at most MaxBytes, and says how much was left out.
func TestAnEntryIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	wild := func() string {
		b := make([]byte, random.IntN(1000))
		for i := range b {
			b[i] = byte(random.IntN(256))
		}
		return string(b)
	}
	for round := range 6 {
		n := random.IntN(120)
		var before, after []object.Object
		var steps []Done
		for i := range n {
			name := fmt.Sprint(i, wild())
			fields, others := map[string]any{}, map[string]any{}
			for range random.IntN(30) {
				fields[wild()], others[wild()] = wild(), wild()
			}
			before, after = append(before, configMap(name, fields)), append(after, configMap(name, others))
			steps = append(steps, Done{Step: step(name, plan.Apply), Done: i%3 > 0, Tried: true, Took: []string{wild(), wild()}, Fault: map[bool]*fault.Fault{true: fault.New(fault.Rejected, "%s", wild())}[i%3 == 0]})
		}
		c := &Chapter{Previous: wild(), By: wild(), Message: wild(), Blocking: &v1alpha1.Blocking{Kind: wild(), Name: wild(), Message: wild(), LastEvent: wild()}}
		for range 30 {
			c.ChangedBy = append(c.ChangedBy, v1alpha1.CommitLine{ID: "9f31c2a", Author: wild(), Subject: wild()})
		}
		c.Gather(steps, rendersOf(before, after))
		row := v1alpha1.HistoryRow{Revision: wild(), Result: "failed", Reason: wild(), Took: []string{wild(), wild()}}
		bounded(t, Revision(cart, Row{HistoryRow: row, Chapter: c}), n)

		var drift *v1alpha1.Entry
		for range 5 {
			var rows []v1alpha1.Drift
			for range random.IntN(40) {
				rows = append(rows, v1alpha1.Drift{Object: wild(), Field: wild(), Manager: wild(), Git: wild(), Live: wild(), Healed: at(0)})
			}
			if drift = Healed(cart, drift, rows, noon); drift != nil {
				bounded(t, *drift, 0)
			}
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

func bounded(t *testing.T, e v1alpha1.Entry, objects int) {
	t.Helper()
	e.ObjectMeta = metav1.ObjectMeta{}
	data, err := json.Marshal(e)
	if err != nil || len(data) > MaxBytes || !utf8.Valid(data) {
		t.Errorf("an Entry has %d bytes, %v", len(data), err)
	}
	if e.Revision == nil {
		return
	}
	left, counted := 0, 0
	if e.LeftOut != nil {
		left = e.LeftOut.Objects
	}
	for _, n := range e.Revision.Counts {
		counted += n
	}
	if len(e.Revision.Changes)+left != objects || counted != objects {
		t.Errorf("%d changes, %d left out, %d counted: of %d objects", len(e.Revision.Changes), left, counted, objects)
	}
}

// A Secret's value is nowhere, wherever it stood: in the data that came, went and changed, in a field named by it, in the copy
// that kubectl keeps.
func TestNoSecretGetsIn(t *testing.T) {
	secret := func(fields map[string]any) object.Object {
		fields["apiVersion"], fields["kind"] = "v1", "Secret"
		if fields["metadata"] == nil {
			fields["metadata"] = map[string]any{"name": "key"}
		}
		return object.Object{Fields: fields}
	}
	const value = "hunter2hunter2"
	copied := map[string]any{"name": "key", "annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": `{"data":{"a":"` + value + `"}}`}}
	for _, row := range []struct {
		reason        string
		before, after object.Object
	}{
		{"changed", secret(map[string]any{"data": map[string]any{"a": value}}), secret(map[string]any{"data": map[string]any{"a": value + "2"}})},
		{"a key came", secret(map[string]any{"data": map[string]any{}}), secret(map[string]any{"data": map[string]any{"a": value}})},
		{"a key went", secret(map[string]any{"data": map[string]any{"a": value}}), secret(map[string]any{"data": map[string]any{}})},
		{"all came", secret(map[string]any{}), secret(map[string]any{"data": map[string]any{"a": value}})},
		{"all went", secret(map[string]any{"stringData": map[string]any{"a": value}}), secret(map[string]any{})},
		{"data became text", secret(map[string]any{"data": map[string]any{"a": value}}), secret(map[string]any{"stringData": map[string]any{"a": value}})},
		{"data is no map", secret(map[string]any{"data": value}), secret(map[string]any{"data": []any{value}})},
		{"kubectl's copy", secret(map[string]any{"metadata": copied}), secret(map[string]any{})},
	} {
		s := plan.Step{ID: object.ID{Kind: "Secret", Namespace: "shop", Name: "key"}, Action: plan.Apply, Object: &row.after, UID: "u"}
		c := &Chapter{Previous: "77ab410"}
		c.Gather([]Done{{Step: s, Done: true, Tried: true}}, rendersOf([]object.Object{row.before}, []object.Object{row.after}))
		e := Revision(cart, Row{HistoryRow: v1alpha1.HistoryRow{Revision: "9f31c2a", Result: "ok"}, Chapter: c})
		data, err := json.Marshal(e)
		if err != nil || strings.Contains(string(data), "hunter2") {
			t.Errorf("%s: %s", row.reason, data)
		}
		if len(e.Revision.Changes) != 1 || len(e.Revision.Changes[0].Fields) == 0 {
			t.Errorf("%s: that it changed is not told: %+v", row.reason, e.Revision.Changes)
		}
	}
}

// So it is where it stands in another object, as a variable of a container does that somebody wrote out.
func TestNoSecretGetsInByAnotherObject(t *testing.T) {
	settings := func(value string) object.Object {
		return object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "settings"}, "data": map[string]any{"url": "db://lena:" + value + "@db", "a": value + "3"}}}
	}
	secret := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "key"}, "stringData": map[string]any{"a": "hunter2hunter2"}}}
	before, after := []object.Object{settings("nothing"), secret}, []object.Object{settings("hunter2hunter2"), secret}
	s := plan.Step{ID: object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, Action: plan.Apply, Object: &after[0], UID: "u"}
	c := &Chapter{Previous: "77ab410"}
	c.Gather([]Done{{Step: s, Done: true, Tried: true}}, rendersOf(before, after))
	e := Revision(cart, Row{HistoryRow: v1alpha1.HistoryRow{Revision: "9f31c2a", Result: "ok"}, Chapter: c})
	data, err := json.Marshal(e)
	if err != nil || strings.Contains(string(data), "hunter2") || !strings.Contains(string(data), "db://lena:‹redacted›@db") {
		t.Errorf("%s, %v", data, err)
	}
}

// Without Entries the history is what the status says; with them each revision is there once, newest first.
func TestHistory(t *testing.T) {
	app := v1alpha1.App{Spec: v1alpha1.AppSpec{App: "cart", Env: "prod"}}
	app.Namespace, app.Name, app.UID = cart.Namespace, cart.Name, "0a1b-uid"
	app.Status.History = []v1alpha1.HistoryRow{
		{Revision: "ccc", Seen: seen(3 * time.Hour), Result: "rolling"},
		{Revision: "bbb", Seen: seen(2 * time.Hour), Applied: seen(2 * time.Hour), Healthy: seen(2 * time.Hour), Result: "ok"},
		{Revision: "aaa", Seen: seen(time.Hour), Applied: seen(time.Hour), Result: "failed", Reason: "HealthDegraded"},
	}
	app.Status.Drift = []v1alpha1.Drift{{Object: "ConfigMap/shop/a", Healed: at(150 * time.Minute)}, {Object: "ConfigMap/shop/b"}}
	told := func(list []v1alpha1.Entry) string {
		var parts []string
		for _, e := range list {
			what := "drift"
			if e.Revision != nil {
				what = e.Revision.Commit.ID
				if e.Revision.Incomplete {
					what += "?"
				}
			}
			parts = append(parts, what+" "+string(e.Result))
		}
		return strings.Join(parts, ", ")
	}
	if got, want := told(History(app, nil)), "ccc rolling, drift healed, bbb? ok, aaa? failed"; got != want {
		t.Errorf("from the status alone: %s; want %s", got, want)
	}
	written := Revision(cart, Row{HistoryRow: v1alpha1.HistoryRow{Revision: "bbb", Seen: seen(2 * time.Hour), Result: "failed"}, Chapter: &Chapter{}})
	older := Revision(cart, Row{HistoryRow: v1alpha1.HistoryRow{Revision: "000", Seen: seen(0), Result: "ok"}, Chapter: &Chapter{}})
	other := older.DeepCopy()
	other.AppUID = "another"
	drift := Healed(cart, nil, []v1alpha1.Drift{app.Status.Drift[0]}, noon.Add(150*time.Minute))
	entries := []v1alpha1.Entry{*other, older, written, *drift}
	if got, want := told(History(app, entries)), "ccc rolling, drift healed, bbb ok, aaa? failed, 000 ok"; got != want {
		t.Errorf("with Entries: %s; want %s", got, want)
	}
	if found := Find(History(app, entries), "bbbb"); len(found) > 0 {
		t.Error("a longer id than there is was found")
	}
	if found := Find(History(app, entries), written.Name); len(found) != 1 {
		t.Error("the name of an Entry was not found")
	}
}
