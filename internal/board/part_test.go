package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
)

// thing is an item of a list in these tests.
type thing struct{ name, colour, size string }

var things = Listing[thing]{
	ID:   func(t *thing) string { return t.name },
	Text: func(t *thing) string { return t.name + " " + t.colour },
	Columns: map[string]func(*thing) string{
		"colour": func(t *thing) string { return t.colour }, "size": func(t *thing) string { return t.size },
	},
	Orders: []Order[thing]{{"name", func(*thing) string { return "" }}, {"size", func(t *thing) string { return t.size }}},
}

func shelf() []thing {
	return []thing{{"d", "red", "1"}, {"a", "red", "3"}, {"c", "blue", "2"}, {"b", "blue", "3"}, {"e", "green", "1"}}
}

func spell(all []thing) string {
	var out []string
	for _, t := range all {
		out = append(out, t.name)
	}
	return strings.Join(out, "")
}

func TestListing(t *testing.T) {
	for _, row := range []struct {
		reason string
		q      ListQuery
		want   string
		facets string // of colour
	}{
		{"nothing asked: all, in the first order", ListQuery{}, "abcde", "blue:2 green:1 red:2"},
		{"another order, names within it", ListQuery{Sort: "size"}, "decab", "blue:2 green:1 red:2"},
		{"values of a column are alternatives, and leave its own counts alone", ListQuery{Chosen: map[string][]string{"colour": {"red", "green"}}}, "ade", "blue:2 green:1 red:2"},
		{"columns add up, and count for each other", ListQuery{Chosen: map[string][]string{"colour": {"red"}, "size": {"3"}}}, "a", "blue:1 red:1"},
		{"all words, in any case", ListQuery{Text: "RED d"}, "ad", "red:2"},
		{"nothing fits", ListQuery{Text: "nothing"}, "", ""},
	} {
		page, chosen, err := things.Of(shelf(), row.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := spell(page.Items); got != row.want || spell(chosen) != row.want || page.Total != len(row.want) || page.Next != "" {
			t.Errorf("%s: %q (%q, %d, next %q), want %q", row.reason, got, spell(chosen), page.Total, page.Next, row.want)
		}
		if got := counts(page.Facets["colour"]); got != row.facets {
			t.Errorf("%s: colours %q, want %q", row.reason, got, row.facets)
		}
	}
}

// Page by page, everything comes once and in order, also where items go meanwhile.
func TestListingByPages(t *testing.T) {
	for _, sort := range []string{"name", "size"} {
		whole, _, _ := things.Of(shelf(), ListQuery{Sort: sort})
		for limit := 1; limit <= 6; limit++ {
			got, cursor := "", ""
			for range 6 {
				page, _, err := things.Of(shelf(), ListQuery{Sort: sort, Limit: limit, Cursor: cursor})
				if err != nil {
					t.Fatal(err)
				}
				got += spell(page.Items)
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if got != spell(whole.Items) {
				t.Errorf("%s, %d at once: %q", sort, limit, got)
			}
		}
	}
	page, _, _ := things.Of(shelf(), ListQuery{Limit: 2})
	left := slices.DeleteFunc(shelf(), func(t thing) bool { return t.name == "b" || t.name == "c" })
	if rest, _, _ := things.Of(left, ListQuery{Limit: 2, Cursor: page.Next}); spell(rest.Items) != "de" {
		t.Errorf("after what stood at the cursor went: %q", spell(rest.Items))
	}
}

func TestListingRefuses(t *testing.T) {
	page, _, _ := things.Of(shelf(), ListQuery{Limit: 2})
	for reason, q := range map[string]ListQuery{
		"an order that there is not": {Sort: "weight"}, "a cursor that is none": {Cursor: "?"}, "a cursor of another order": {Sort: "size", Cursor: page.Next},
	} {
		if _, _, err := things.Of(shelf(), q); fault.Of(err, "").Reason != fault.InvalidQuery {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// The orders of the lists tell all apart and put trouble first.
func TestOrdersOfLists(t *testing.T) {
	repos := map[string]RepoRow{}
	for _, state := range []string{"ok", "failed", "new", "deciding"} {
		repos[state] = RepoRow{ID: "a/" + state, State: state}
	}
	page, _, err := repoListing.Of(slices.Collect(maps.Values(repos)), ListQuery{Sort: "trouble"})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range page.Items {
		got += r.State + " "
	}
	if got != "failed deciding new ok " {
		t.Errorf("Repos by trouble: %s", got)
	}
	var pulls []PullRow
	for n, status := range []string{"success", "failure", "pending", "success"} {
		pulls = append(pulls, PullRow{Repo: "a/fleet", Number: n + 1, Status: status, Risks: n})
	}
	for sort, want := range map[string]string{"repo": "4 3 2 1 ", "trouble": "2 3 4 1 "} {
		page, _, err := pullListing.Of(pulls, ListQuery{Sort: sort})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range page.Items {
			got += fmt.Sprint(r.Number, " ")
		}
		if got != want {
			t.Errorf("pull requests by %s: %s, want %s", sort, got, want)
		}
	}
}
