package board

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/api/v1alpha1"
)

// Whatever is put, replaced and dropped: a search finds the rows whose text has the words, and every order has each row once.
func TestSearchFindsWhatIsInTheText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := New("life")
	for range 3000 { // of 2,400 that may be
		app := target(fmt.Sprint("team-", r.IntN(4)), fmt.Sprintf("app-%d/%s", r.IntN(200), []string{"dev", "prod", "prod@eu-1"}[r.IntN(3)]), v1alpha1.States[r.IntN(6)], r.IntN(5000))
		if r.IntN(4) == 0 {
			b.Drop(app.Namespace, app.Name)
		} else {
			b.Put(app)
		}
	}
	for _, at := range slices.Clone(b.orders[ByName][:50]) {
		e := b.slots.entries[at]
		b.Drop(e.Namespace, e.Name)
	}
	if len(b.rows) < 300 || len(b.slots.free) == 0 || len(b.slots.entries) != len(b.rows)+len(b.slots.free) {
		t.Fatalf("%d rows in %d slots, %d of them free", len(b.rows), len(b.slots.entries), len(b.slots.free))
	}
	for order, compare := range orders {
		slotsOf := b.orders[order]
		if len(slotsOf) != len(b.rows) || !slices.IsSortedFunc(slotsOf, func(x, y slot) int {
			p, q := placeOf(&b.slots.entries[x].Row), placeOf(&b.slots.entries[y].Row)
			return compare(&p, &q)
		}) {
			t.Errorf("the order %s has %d rows of %d, or not in their order", order, len(slotsOf), len(b.rows))
		}
	}
	rows := slices.Collect(func(yield func(*entry) bool) {
		for _, e := range b.rows {
			if !yield(e) {
				return
			}
		}
	})
	textOf := func(e *entry) string { // the values of columns are found without their text
		return strings.ToLower(strings.Join([]string{b.slots.texts[e.slot], e.Namespace, e.Env, e.Cluster, e.Repo}, "\n"))
	}
	found := 0
	for range 500 {
		var words []string
		for range 1 + r.IntN(2) {
			text := textOf(rows[r.IntN(len(rows))])
			text = strings.Fields(text)[r.IntN(len(strings.Fields(text)))]
			from := r.IntN(len(text))
			words = append(words, text[from:min(len(text), from+1+r.IntN(8))])
		}
		want := 0
		for _, e := range rows {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(textOf(e), w) }) {
				want++
			}
		}
		page, err := b.List(all, Query{Text: strings.ToUpper(strings.Join(words, " "))})
		if err != nil || page.Total != want {
			t.Errorf("%q finds %d rows of %d: %v", words, page.Total, want, err)
		}
		found += want
	}
	if found < 500 {
		t.Errorf("the words of the test are in %d rows only", found)
	}
}
