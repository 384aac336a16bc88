package board

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// Query chooses rows. Within a column any of the values will do; columns add up.
type Query struct {
	Text      string // words that all must be found, in any case
	State     []string
	Env       []string
	Cluster   []string
	Repo      []string
	Namespace []string
	Sort      string // "" is ByTrouble
	Limit     int
	Cursor    string
	Silent    bool // the agent is not heard from: every state is unknown
}

// MaxLimit is how many rows a page has at most, and DefaultLimit how many if nobody says.
const (
	MaxLimit     = 500
	DefaultLimit = 100
)

// columns are those that rows are chosen by.
const (
	columnState = iota
	columnEnv
	columnCluster
	columnRepo
	columnNamespace
	columnCount
)

// List answers a query with one page: it goes once over the rows that the person may see, and over no object.
//
// Errors: InvalidQuery for an order or a cursor that is none.
func (b *Board) List(sight Sight, q Query) (Page, error) {
	after, err := q.from()
	if err != nil {
		return Page{}, err
	}
	limit := clamp(q.Limit)
	page := Page{Items: []Row{}}
	b.mu.RLock()
	defer b.mu.RUnlock()
	c := b.choice(sight, q)
	rows := b.orders[q.order()]
	start := 0
	if after != nil {
		found := false
		if start, found = b.find(q.order(), after); found {
			start++ // what stands at the cursor was on the page before
		}
	}
	var last *entry
	for i, at := range rows {
		if !c.take(&b.slots, at) {
			continue
		}
		page.Total++
		switch {
		case i < start:
		case len(page.Items) < limit:
			last = b.slots.entries[at]
			page.Items = append(page.Items, last.said(q.Silent))
		case page.Next == "":
			page.Next = cursorOf(q.order(), placeOf(&last.Row))
		}
	}
	page.Facets = c.facets(b)
	return page, nil
}

// said gives the row with the state that may be said now.
func (e *entry) said(silent bool) Row { return Say(e.Row, silent) }

// Say gives a row with the state that may be said of it: unknown, if the agent is silent.
func Say(r Row, silent bool) Row {
	if silent && r.State != v1alpha1.StateUnknown {
		r.Last, r.State = r.State, v1alpha1.StateUnknown
	}
	return r
}

func clamp(limit int) int {
	if limit <= 0 {
		return DefaultLimit
	}
	return min(limit, MaxLimit)
}

func (q Query) order() string {
	if q.Sort == "" {
		return ByTrouble
	}
	return q.Sort
}

// from gives the place after which the page begins; nil is the beginning.
func (q Query) from() (*place, error) {
	if orders[q.order()] == nil {
		return nil, fault.New(fault.InvalidQuery, "there is no order %q", q.Sort).WithNext("sort by trouble, name or changed")
	}
	if q.Cursor == "" {
		return nil, nil
	}
	return parseCursor(q.order(), q.Cursor)
}

// cursor is a place in an order. It stays good when rows come, go and move: what follows is what stands behind it then.
type cursor struct {
	Order     string `json:"o"`
	Rank      int    `json:"r,omitempty"`
	Changed   int64  `json:"c,omitempty"`
	App       string `json:"a,omitempty"`
	Env       string `json:"e,omitempty"`
	Cluster   string `json:"k,omitempty"`
	Namespace string `json:"s,omitempty"`
	Name      string `json:"n,omitempty"`
}

func cursorOf(order string, p place) string {
	data, err := json.Marshal(cursor{order, p.rank, p.changed, p.app, p.env, p.cluster, p.namespace, p.name})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseCursor(order, text string) (*place, error) {
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Order != order {
		return nil, fault.New(fault.InvalidQuery, "the cursor is none of this list").WithNext("begin without a cursor")
	}
	return &place{c.Rank, c.Changed, c.App, report.EnvironmentRank(c.Env), c.Env, c.Cluster, c.Namespace, c.Name}, nil
}

// choice is a query on its way over the rows. Values are known by their numbers in the columns of the board.
type choice struct {
	words  []word
	sees   []bool // by namespace; nil: all
	wanted [columnCount][]bool
	counts [columnCount][]int
	silent int // the number of unknown, if that is what every state is; else -1
}

func (b *Board) choice(sight Sight, q Query) *choice {
	c := &choice{words: b.wordsOf(q.Text), sees: b.sees(sight), silent: -1}
	if q.Silent {
		c.silent = b.columns[columnState].any(string(v1alpha1.StateUnknown))
	}
	for i, values := range [columnCount][]string{q.State, q.Env, q.Cluster, q.Repo, q.Namespace} {
		c.counts[i] = make([]int, len(b.columns[i].values))
		if len(values) > 0 {
			c.wanted[i] = b.columns[i].chosen(values)
		}
	}
	return c
}

// sees gives by the number of a namespace whether a person may see it; nil is all of them.
func (b *Board) sees(sight Sight) []bool {
	if sight.All {
		return nil
	}
	var names []string
	for name, sees := range sight.Namespaces {
		if sees {
			names = append(names, name)
		}
	}
	return b.columns[columnNamespace].chosen(names)
}

// take tells whether a row is chosen, and counts it in the columns whose own choice alone leaves it out.
func (c *choice) take(rows *slots, at slot) bool {
	codes := rows.codes[at]
	if c.sees != nil && !c.sees[codes[columnNamespace]] {
		return false
	}
	if c.silent >= 0 {
		codes[columnState] = int32(c.silent)
	}
	missing, misses := -1, 0
	for i, code := range codes {
		if c.wanted[i] != nil && !c.wanted[i][code] {
			missing = i
			misses++
		}
	}
	if misses > 1 {
		return false
	}
	if len(c.words) > 0 && !rows.has(at, c.words) {
		return false
	}
	if misses == 1 {
		c.counts[missing][codes[missing]]++
		return false
	}
	for i, code := range codes {
		c.counts[i][code]++
	}
	return true
}

func (c *choice) facets(b *Board) Facets {
	told := func(column int) []Facet {
		counts := map[string]int{}
		for code, n := range c.counts[column] {
			if n > 0 {
				counts[b.columns[column].values[code]] = n
			}
		}
		return facet(counts)
	}
	f := Facets{State: told(columnState), Env: told(columnEnv), Cluster: told(columnCluster), Repo: told(columnRepo), Namespace: told(columnNamespace)}
	slices.SortFunc(f.State, func(a, b Facet) int { return stateIndex(a.Value) - stateIndex(b.Value) })
	slices.SortFunc(f.Env, func(a, b Facet) int { return compareEnvs(a.Value, b.Value) })
	return f
}

func stateIndex(s string) int { return slices.Index(v1alpha1.States, v1alpha1.State(s)) }

// Counts counts the Apps that a person may see by cluster and state.
func (b *Board) Counts(sight Sight, silent bool) map[string][]Facet {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c := b.choice(sight, Query{Silent: silent})
	states := len(b.columns[columnState].values)
	counts := make([]int, states*len(b.columns[columnCluster].values))
	for _, at := range b.orders[ByName] {
		if !c.take(&b.slots, at) {
			continue
		}
		codes := &b.slots.codes[at]
		state := int(codes[columnState])
		if silent {
			state = c.silent
		}
		counts[int(codes[columnCluster])*states+state]++
	}
	out := map[string][]Facet{}
	for cluster, name := range b.columns[columnCluster].values {
		for _, s := range v1alpha1.States {
			if state, known := b.columns[columnState].number[string(s)]; known && counts[cluster*states+state] > 0 {
				out[name] = append(out[name], Facet{string(s), counts[cluster*states+state]})
			}
		}
	}
	return out
}
