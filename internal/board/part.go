package board

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// ListQuery chooses from a list that is short enough to be gone through whole: Repos, clusters, pull requests, drift. Apps and
// changes have queries of their own.
type ListQuery struct {
	Text   string              // words that must all be found, in any case
	Chosen map[string][]string // by column: any of the values will do; columns add up
	Sort   string              // "" is the first order of the list
	Limit  int
	Cursor string
}

// Listing is how the items of a list are told apart, searched, chosen and ordered.
type Listing[T any] struct {
	ID      func(*T) string
	Text    func(*T) string
	Columns map[string]func(*T) string
	Orders  []Order[T]
}

// Order is one in which a list is told: by a key, then by the items' IDs.
type Order[T any] struct {
	Name string
	Key  func(*T) string
}

// Part is one page of a list.
type Part[T any] struct {
	Items  []T                `json:"items"`
	Next   string             `json:"next,omitempty" doc:"The cursor of what follows; absent at the end"`
	Total  int                `json:"total" doc:"How many are chosen"`
	Facets map[string][]Facet `json:"facets" doc:"By column, the values that may be chosen; the counts of a column obey the choices of all others"`
}

// Of gives the page of a list that a query asks for, and all that is chosen, in order. A cursor stays good when items come, go and
// move: what follows is what stands behind it then.
//
// Errors: InvalidQuery for an order that there is not, and for a cursor that is none of this list.
func (l Listing[T]) Of(all []T, q ListQuery) (page Part[T], chosen []T, err error) {
	order, err := l.order(q.Sort)
	if err != nil {
		return page, nil, err
	}
	after, err := parsePlace(order.Name, q.Cursor)
	if err != nil {
		return page, nil, err
	}
	page.Items = []T{}
	chosen, page.Facets = l.choose(all, q)
	page.Total = len(chosen)
	places := l.sort(chosen, order)
	begin := 0
	if after != nil {
		begin, _ = slices.BinarySearchFunc(places, *after, listPlace.compare)
		if begin < len(places) && places[begin].compare(*after) == 0 {
			begin++ // what stands at the cursor was on the page before
		}
	}
	end := min(begin+clamp(q.Limit), len(chosen))
	page.Items = append(page.Items, chosen[begin:end]...)
	if end < len(chosen) {
		page.Next = places[end-1].String()
	}
	return page, chosen, nil
}

// sort puts items in order, and gives their places. A place is worked out once, however often it is compared.
func (l Listing[T]) sort(items []T, order Order[T]) []listPlace {
	places := make([]listPlace, len(items))
	index := make([]int, len(items))
	for i := range items {
		places[i], index[i] = listPlace{order.Name, order.Key(&items[i]), l.ID(&items[i])}, i
	}
	slices.SortFunc(index, func(a, b int) int { return places[a].compare(places[b]) })
	sorted, at := make([]T, len(items)), make([]listPlace, len(items))
	for to, from := range index {
		sorted[to], at[to] = items[from], places[from]
	}
	copy(items, sorted)
	return at
}

func (l Listing[T]) order(name string) (Order[T], error) {
	if name == "" {
		return l.Orders[0], nil
	}
	var names []string
	for _, o := range l.Orders {
		if o.Name == name {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return Order[T]{}, fault.New(fault.InvalidQuery, "there is no order %q", name).WithNext("sort by %s", strings.Join(names, " or "))
}

// choose gives the items that a query chooses, and counts the values of each column among those that all other choices leave.
func (l Listing[T]) choose(all []T, q ListQuery) ([]T, map[string][]Facet) {
	words := strings.Fields(strings.ToLower(q.Text))
	counts := map[string]map[string]int{}
	for name := range l.Columns {
		counts[name] = map[string]int{}
	}
	var chosen []T
	for i := range all {
		if item := &all[i]; (len(words) == 0 || containsAll(strings.ToLower(l.Text(item)), words)) && l.take(item, q.Chosen, counts) {
			chosen = append(chosen, *item)
		}
	}
	facets := map[string][]Facet{}
	for name, of := range counts {
		facets[name] = facet(of)
	}
	return chosen, facets
}

func (l Listing[T]) take(item *T, wanted map[string][]string, counts map[string]map[string]int) bool {
	missing, misses := "", 0
	for name, value := range l.Columns {
		if values := wanted[name]; len(values) > 0 && !slices.Contains(values, value(item)) {
			missing, misses = name, misses+1
		}
	}
	for name, value := range l.Columns {
		if misses == 0 || misses == 1 && missing == name {
			counts[name][value(item)]++
		}
	}
	return misses == 0
}

func containsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// listPlace is a place in an order.
type listPlace struct {
	Order string `json:"o"`
	Key   string `json:"k"`
	ID    string `json:"i"`
}

func (p listPlace) compare(o listPlace) int {
	return cmp.Or(cmp.Compare(p.Key, o.Key), cmp.Compare(p.ID, o.ID))
}

// String gives the cursor as text.
func (p listPlace) String() string {
	data, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func parsePlace(order, text string) (*listPlace, error) {
	if text == "" {
		return nil, nil
	}
	var p listPlace
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.Order != order {
		return nil, fault.New(fault.InvalidQuery, "the cursor is none of this list").WithNext("begin without a cursor")
	}
	return &p, nil
}
