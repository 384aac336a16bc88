// Package board is what the page reads: the fleet as rows that are found, filtered, sorted and counted without a look at any
// object, and the changes since a moment.
//
// Values go in as they are judged (Put, Drop), answers come out (List, Snapshot, Since). It does no I/O, knows no clock, starts
// nothing, and never holds a value of a Secret: what it is given has passed package redact. Every answer is over what one
// person may see, counts included.
//
// Start at Board; row.go makes a row of an App, list.go answers a query, delta.go says what changed.
package board

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"plumb.dev/plumb/api/v1alpha1"
)

// Board is the read model. Its methods may be called from several goroutines.
type Board struct {
	stream string

	mu      sync.RWMutex
	seq     uint64
	rows    map[string]*entry
	slots   slots
	orders  map[string][]slot   // by the name of the order, sorted
	log     []change            // the newest last, of which old ones are forgotten
	changed chan struct{}       // closed when seq grows
	names   map[string]string   // one copy of each string that many rows have
	columns [columnCount]legend // numbers of the values that rows are chosen by
	history history
	repos   map[string]RepoRow
	pulls   map[string]PullRow
	heard   map[string]bool // pull requests that were told or dropped while the past was still being read
	drifted map[string]bool // ids of rows with drift, or corrections of it
}

// entry is a row with what it is found by.
type entry struct {
	Row
	slot   slot
	newest string // the commit of the newest change
	drift  []v1alpha1.Drift
}

// New makes an empty board. The stream names this life of it: cursors of another life are refused.
func New(stream string) *Board {
	b := &Board{
		stream: stream, rows: map[string]*entry{}, orders: map[string][]slot{}, changed: make(chan struct{}),
		names: map[string]string{}, history: newHistory(), repos: map[string]RepoRow{}, pulls: map[string]PullRow{}, heard: map[string]bool{}, drifted: map[string]bool{},
	}
	for _, s := range v1alpha1.States {
		b.columns[columnState].any(string(s))
	}
	return b
}

// Sight is what a person may see: the App objects of all namespaces, or of some.
type Sight struct {
	All        bool
	Namespaces map[string]bool
}

// Sees tells whether the Apps of a namespace may be seen.
func (s Sight) Sees(namespace string) bool { return s.All || s.Namespaces[namespace] }

// Equal tells whether two people, or one at two times, see the same.
func (s Sight) Equal(o Sight) bool { return s.All == o.All && maps.Equal(s.Namespaces, o.Namespaces) }

// Put takes in how an App is now.
func (b *Board) Put(app *v1alpha1.App) {
	row := rowOf(app)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.share(&row)
	e := &entry{Row: row, newest: newestOf(app), drift: app.Status.Drift}
	news := b.history.put(&row, app.Status.History)
	before := b.rows[row.ID]
	told := commitKey{} // the commit that the row has told of until now
	if before != nil {
		told = commitKey{before.Repo, before.newest}
	}
	e.Change = b.history.line(row.Repo, e.newest)
	if e.Change == nil && before != nil && before.newest == e.newest {
		e.Change = before.Change
	}
	if len(e.drift) > 0 {
		b.drifted[row.ID] = true
	} else {
		delete(b.drifted, row.ID)
	}
	if before != nil && same(&before.Row, &e.Row) {
		if !reflect.DeepEqual(before.drift, e.drift) { // who looks at drift reads it again
			b.note(kindApp, row.ID)
		}
		before.drift, before.newest = e.drift, e.newest
	} else {
		b.replace(before, e)
		b.note(kindApp, row.ID)
	}
	b.retally(told, row.ID)
	b.retally(commitKey{row.Repo, e.newest}, row.ID)
	for _, r := range app.Status.History {
		b.retally(commitKey{row.Repo, r.Revision}, row.ID)
	}
	if news {
		b.note(kindChange, row.Namespace+"/")
	}
}

// Drop forgets an App that is gone.
func (b *Board) Drop(namespace, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.rows[namespace+"/"+name]
	if e == nil {
		return
	}
	b.replace(e, nil)
	delete(b.drifted, e.ID)
	b.retally(commitKey{e.Repo, e.newest}, e.ID)
	b.note(kindApp, e.ID)
}

// replace puts one entry in the place of another; either may be nil.
func (b *Board) replace(before, after *entry) {
	var was, is place
	if before != nil {
		was = placeOf(&before.Row)
	}
	if after != nil {
		is = placeOf(&after.Row)
	}
	stays := func(order string) bool { // a state that changes leaves the order of names as it is
		return before != nil && after != nil && orders[order](&was, &is) == 0
	}
	for order := range orders {
		if before != nil && !stays(order) {
			if i, found := b.find(order, &was); found {
				b.orders[order] = slices.Delete(b.orders[order], i, i+1)
			}
		}
	}
	if after == nil {
		delete(b.rows, before.ID)
		b.slots.drop(before)
		return
	}
	b.rows[after.ID] = after
	b.slots.put(after, before, b.codesOf(&after.Row))
	for order := range orders {
		if !stays(order) {
			i, _ := b.find(order, &is)
			b.orders[order] = slices.Insert(b.orders[order], i, after.slot)
		}
	}
}

// find gives where a place is in an order, and whether a row has it.
func (b *Board) find(order string, p *place) (int, bool) {
	compare := orders[order]
	var there place
	return slices.BinarySearchFunc(b.orders[order], p, func(at slot, p *place) int {
		there = placeOf(&b.slots.entries[at].Row)
		return compare(&there, p)
	})
}

// codesOf gives the numbers of a row's values.
func (b *Board) codesOf(r *Row) (codes [columnCount]int32) {
	for i, v := range [columnCount]string{string(r.State), r.Env, r.Cluster, r.Repo, r.Namespace} {
		codes[i] = int32(b.columns[i].any(v))
	}
	return codes
}

// Row gives one row, if the person may see it.
func (b *Board) Row(sight Sight, id string) (Row, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.rows[id]
	if e == nil || !sight.Sees(e.Namespace) {
		return Row{}, false
	}
	return e.Row, true
}

// Siblings gives the rows of the same app, itself among them, in the order of promotion.
func (b *Board) Siblings(sight Sight, namespace, app string) []Row {
	b.mu.RLock()
	defer b.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(b.orders[ByName], app, func(at slot, app string) int { return strings.Compare(b.slots.entries[at].App, app) })
	out := []Row{}
	for _, at := range b.orders[ByName][i:] {
		e := b.slots.entries[at]
		if e.App != app {
			break
		}
		if e.Namespace == namespace && sight.Sees(namespace) {
			out = append(out, e.Row)
		}
	}
	return out
}

// Namespaces gives those that have, or had, Apps, in order: of what people may be asked to see.
func (b *Board) Namespaces() []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Sorted(slices.Values(b.columns[columnNamespace].values))
}

// share has rows of the same app, repository and revision share the bytes of what they have in common.
func (b *Board) share(r *Row) {
	for _, s := range []*string{&r.Namespace, &r.App, &r.Env, &r.Cluster, &r.Repo, &r.Path, &r.Revision, &r.Target, &r.Reason} {
		if kept, ok := b.names[*s]; ok {
			*s = kept
		} else {
			b.names[*s] = *s
		}
	}
	if len(b.names) > 4*len(b.rows)+10000 {
		clear(b.names)
	}
}
