package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Node is an app and what must be ok before it. The apps of one namespace of App objects are the nodes of one Order.
type Node struct {
	Name    string      // of the App object: unique among the nodes
	Address Address     // what others write in their after
	After   []string    // as written: app, app/env or app/env@cluster
	Place   fault.Place // where that is written
}

// Need is one line of an app's after, and the apps that it means.
type Need struct {
	Written string   `json:"written"`
	Apps    []string `json:"apps,omitempty"` // names of App objects; usually one, none if there is no such app
	Near    string   `json:"near,omitempty"` // what may have been meant, where Apps is empty
}

// Order says which app waits for which.
type Order struct {
	nodes  map[string]Node
	needs  map[string][]Need
	before map[string][]string // apps that wait for this one
	rings  map[string]int      // by app: the number of the ring it is in; no entry if it is in none
}

// NewOrder finds out what the after of each node means (resources.md §6.2). Equal nodes give equal Orders, whatever their
// order.
func NewOrder(nodes []Node) *Order {
	o := &Order{nodes: make(map[string]Node, len(nodes)), needs: map[string][]Need{}, before: map[string][]string{}, rings: map[string]int{}}
	known := make(directory, len(nodes))
	for _, n := range nodes {
		o.nodes[n.Name] = n
		at := n.Address.on(n.Address.Cluster)
		known[at] = append(known[at], n.Name)
	}
	for _, names := range known {
		slices.Sort(names)
	}
	for _, name := range slices.Sorted(maps.Keys(o.nodes)) {
		for _, written := range o.nodes[name].After {
			need := known.find(o.nodes[name].Address, written)
			o.needs[name] = append(o.needs[name], need)
			for _, other := range need.Apps {
				o.before[other] = append(o.before[other], name)
			}
		}
	}
	o.findRings()
	return o
}

// Needs gives what must be ok before an app, in the order in which it is written.
func (o *Order) Needs(name string) []Need { return o.needs[name] }

// Dependents gives the apps that wait for one, in name order; one that names it twice is there twice.
func (o *Order) Dependents(name string) []string { return o.before[name] }

// Address gives how people call an app.
func (o *Order) Address(name string) string { return o.nodes[name].Address.String() }

// Cycle gives the shortest way from an app along those that it waits for back to itself, as addresses; the app stands at
// both ends. It is nil for an app that no cycle goes through, also if it waits for one.
func (o *Order) Cycle(name string) []string {
	ring, in := o.rings[name]
	if !in {
		return nil
	}
	from := map[string]string{}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		for _, next := range o.next(queue[0]) {
			if next == name {
				return o.way(from, name, queue[0])
			}
			if _, seen := from[next]; !seen && o.rings[next] == ring {
				from[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// way reads the steps of a search backwards.
func (o *Order) way(from map[string]string, name, last string) []string {
	way := []string{o.Address(name)}
	for at := last; at != name; at = from[at] {
		way = append(way, o.Address(at))
	}
	way = append(way, o.Address(name))
	slices.Reverse(way)
	return way
}

// CycleFault says of an app that a cycle goes through it; nil if none does.
func (o *Order) CycleFault(name string) *fault.Fault {
	way := o.Cycle(name)
	switch len(way) {
	case 0:
		return nil
	case 2:
		return fault.New(fault.DependencyCycle, "%s waits for itself", way[0]).At(o.nodes[name].Place).WithNext("take it out of its own after")
	}
	return fault.New(fault.DependencyCycle, "apps wait for each other: %s", strings.Join(way, " after ")).
		At(o.nodes[name].Place).WithNext("take one after out")
}

// Sorted gives the apps that wait, or are waited for, each behind all that it waits for; those of cycles last. Apps that
// could go at once are in name order.
func (o *Order) Sorted() []string {
	open, ready := map[string]int{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(o.nodes)) {
		if len(o.needs[name]) == 0 && len(o.before[name]) == 0 {
			continue
		}
		if open[name] = len(o.next(name)); open[name] == 0 {
			ready = append(ready, name)
		}
	}
	sorted := make([]string, 0, len(open))
	for len(ready) > 0 {
		var more []string
		for _, name := range ready {
			sorted = append(sorted, name)
			delete(open, name)
			for _, other := range o.before[name] {
				if open[other]--; open[other] == 0 {
					more = append(more, other)
				}
			}
		}
		slices.Sort(more)
		ready = more
	}
	return append(sorted, slices.Sorted(maps.Keys(open))...)
}

// next lists the apps that one waits for, as often as it names them.
func (o *Order) next(name string) []string {
	var next []string
	for _, need := range o.needs[name] {
		next = append(next, need.Apps...)
	}
	return next
}

// findRings numbers the strongly connected parts that hold a cycle (Tarjan's algorithm).
func (o *Order) findRings() {
	index, low, on := map[string]int{}, map[string]int{}, map[string]bool{}
	var stack []string
	rings := 0
	var visit func(name string)
	visit = func(name string) {
		index[name] = len(index) + 1
		low[name] = index[name]
		stack, on[name] = append(stack, name), true
		self := false
		for _, next := range o.next(name) {
			self = self || next == name
			if index[next] == 0 {
				visit(next)
				low[name] = min(low[name], low[next])
			} else if on[next] {
				low[name] = min(low[name], index[next])
			}
		}
		if low[name] != index[name] {
			return
		}
		first := slices.Index(stack, name)
		if part := stack[first:]; len(part) > 1 || self {
			rings++
			for _, member := range part {
				o.rings[member] = rings
			}
		}
		for _, member := range stack[first:] {
			on[member] = false
		}
		stack = stack[:first]
	}
	for _, name := range slices.Sorted(maps.Keys(o.nodes)) {
		if index[name] == 0 {
			visit(name)
		}
	}
}

// on is an address whose cluster is said.
func (a Address) on(cluster string) Address {
	a.Cluster = orLocal(cluster)
	return a
}

// meant gives what a line of after can mean, the first that exists: a name without an environment is the app of the same
// environment, else the one without any; without a cluster it is on the same one. An app without environment runs on
// Local (resources.md §4.3).
func (a Address) meant(written string) []Address {
	w, err := ParseAddress(written)
	if err != nil {
		return nil
	}
	cluster := cmp.Or(w.Cluster, a.Cluster)
	if w.Env != "" {
		return []Address{w.on(cluster)}
	}
	all := []Address{{App: w.App, Env: a.Env, Cluster: orLocal(cluster)}, w.on(cluster)}
	if w.Cluster == "" {
		all = append(all, w.on(Local))
	}
	return all
}

// directory finds App objects by their address.
type directory map[Address][]string

func (d directory) find(of Address, written string) Need {
	meant := of.meant(written)
	for _, address := range meant {
		if names := d[address]; len(names) > 0 {
			return Need{Written: written, Apps: names}
		}
	}
	need := Need{Written: written}
	if len(meant) > 0 {
		need.Near = d.near(meant[0])
	}
	return need
}

// near gives the app of the same name in another place, else the one whose name is nearest, in the place that was meant if
// it is there; "" if none is near.
func (d directory) near(want Address) string {
	places := map[string][]string{}
	for address := range d {
		places[address.App] = append(places[address.App], address.String())
	}
	app := want.App
	if len(places[app]) == 0 {
		app = nearest(app, slices.Sorted(maps.Keys(places)))
	}
	slices.Sort(places[app])
	want.App = app
	best, least := "", 0
	for _, place := range places[app] {
		if n := edits(place, want.String()); best == "" || n < least {
			best, least = place, n
		}
	}
	return best
}

// withoutItself takes the app's own name out of what the root file says of all apps: there it does not mean the app itself.
func (a App) withoutItself(after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(written string) bool {
		meant := a.Address().meant(written)
		return len(meant) > 0 && meant[0] == a.Address().on(a.Cluster)
	})
}

// Node gives the app as others may wait for it.
func (a App) Node() Node {
	return Node{Name: a.Name, Address: a.Address(), After: a.Settings.After, Place: a.Places["after"]}
}
