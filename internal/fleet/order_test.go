package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/internal/fault"
)

// node makes a node of "app/env@cluster" and what it comes after.
func node(t interface{ Fatalf(string, ...any) }, address string, after ...string) Node {
	a, err := ParseAddress(address)
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	return Node{Name: ObjectName(a), Address: a, After: after}
}

func TestNeeds(t *testing.T) {
	nodes := []Node{
		node(t, "ledger/prod"), node(t, "ledger/dev"), node(t, "ledger/prod@eu-1"), node(t, "infra"), node(t, "queue@eu-1"),
		{Name: "by-hand", Address: Address{App: "twin"}}, {Name: "by-hand-too", Address: Address{App: "twin", Cluster: Local}},
	}
	for _, row := range []struct {
		reason, of, written string
		apps                []string
		near                string
	}{
		{"the same environment", "cart/prod", "ledger", []string{"ledger-prod"}, ""},
		{"the same environment and cluster", "cart/prod@eu-1", "ledger", []string{"ledger-prod-eu-1"}, ""},
		{"another environment", "cart/prod", "ledger/dev", []string{"ledger-dev"}, ""},
		{"another environment, on the same cluster", "cart/dev@eu-1", "ledger/prod", []string{"ledger-prod-eu-1"}, ""},
		{"another cluster", "cart/prod", "ledger/prod@eu-1", []string{"ledger-prod-eu-1"}, ""},
		{"the same environment on another cluster", "cart/prod", "ledger@eu-1", []string{"ledger-prod-eu-1"}, ""},
		{"local, said", "cart/prod@eu-1", "ledger/prod@local", []string{"ledger-prod"}, ""},
		{"an app without environment, from one that has one", "cart/prod", "infra", []string{"infra"}, ""},
		{"also from another cluster: without environment it runs on local", "cart/prod@eu-1", "infra", []string{"infra"}, ""},
		{"but first on its own", "cart/prod@eu-1", "queue", []string{"queue-eu-1"}, ""},
		{"no app without environment stands for one with", "cart", "ledger", nil, "ledger/dev"},
		{"an environment that is said must be there", "cart", "infra/prod", nil, "infra"},
		{"the nearest name, in the same place", "cart/prod", "legder", nil, "ledger/prod"},
		{"nothing is near", "cart/prod", "something-else", nil, ""},
		{"two App objects of one name: both", "cart", "twin", []string{"by-hand", "by-hand-too"}, ""},
	} {
		t.Run(row.reason, func(t *testing.T) {
			asks := node(t, row.of, row.written)
			asks.Name = "asks"
			needs := NewOrder(append(slices.Clone(nodes), asks)).Needs("asks")
			if diff := cmp.Diff([]Need{{Written: row.written, Apps: row.apps, Near: row.near}}, needs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCycleFault(t *testing.T) {
	place := fault.Place{File: "apps/a/plumb.yaml", Line: 3}
	a := node(t, "a", "b")
	a.Place = place
	o := NewOrder([]Node{a, node(t, "b", "c"), node(t, "c", "a", "b"), node(t, "tail", "a"), node(t, "own", "own"), node(t, "apart")})
	for name, want := range map[string]string{
		"a": "apps wait for each other: a after b after c after a", "b": "apps wait for each other: b after c after b", "own": "own waits for itself",
	} {
		bad := o.CycleFault(name)
		if bad == nil || bad.Reason != fault.DependencyCycle || bad.Message != want {
			t.Errorf("%s: %v, want %q", name, bad, want)
		}
	}
	if bad := o.CycleFault("a"); bad.Place != place {
		t.Errorf("it stands at %v", bad.Place)
	}
	for _, name := range []string{"tail", "apart", "nobody"} {
		if bad := o.CycleFault(name); bad != nil {
			t.Errorf("%s is in no cycle: %v", name, bad)
		}
	}
}

// What the root file says of all apps does not make one wait for itself; what an app says of itself does.
func TestAfterInDefaults(t *testing.T) {
	r := Discover(Input{Tree: tree("plumb.yaml=defaults: {after: [infra]}", "apps/infra/x.yaml", "apps/infra/envs/prod/x.yaml", "apps/cart/x.yaml", "apps/free/x.yaml",
		"apps/free/plumb.yaml=after: []", "apps/self/x.yaml", "apps/self/plumb.yaml=after: [self]")})
	got := map[string]string{}
	for _, a := range r.Apps {
		got[a.Address().String()] = strings.Join(a.Settings.After, " ")
	}
	want := map[string]string{"infra/prod": "", "cart": "infra", "free": "", "self": "self"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExplainedOrder(t *testing.T) {
	r := Explain(Input{Tree: tree("apps/web/x.yaml", "apps/web/plumb.yaml=after: [cart, legder]", "apps/cart/x.yaml", "apps/cart/plumb.yaml=after: [ledger]",
		"apps/ledger/x.yaml", "apps/apart/x.yaml", "apps/x/x.yaml", "apps/x/plumb.yaml=after: [y]", "apps/y/x.yaml", "apps/y/plumb.yaml=after: [x]")})
	var b strings.Builder
	if err := ExplainText(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"ORDER\nledger  first\ncart    after ledger\nweb     after cart, legder (there is no such app here; did you mean ledger?)\nx       after y\ny       after x\n",
		"! DependencyCycle: x\n  apps/x/plumb.yaml:1:1: apps wait for each other: x after y after x\n  take one after out\n",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("there is no\n%s\nin\n%s", part, b.String())
		}
	}
}

// randomOrder is a graph of up to nine apps, with names that are nobody's and apps that name themselves.
func randomOrder(t *rapid.T) []Node {
	n := rapid.IntRange(1, 9).Draw(t, "apps")
	nodes := make([]Node, n)
	for i := range nodes {
		names := rapid.SliceOfN(rapid.IntRange(0, n), 0, 3).Draw(t, "after")
		after := make([]string, len(names))
		for j, other := range names {
			after[j] = fmt.Sprintf("app-%d", other) // app-<n> does not exist
		}
		nodes[i] = node(t, fmt.Sprintf("app-%d", i), after...)
	}
	return nodes
}

// reach tells by squaring the relation, not by searching, who comes after whom at last.
func reach(nodes []Node) map[[2]string]bool {
	to := map[[2]string]bool{}
	for _, a := range nodes {
		for _, other := range a.After {
			to[[2]string{a.Name, other}] = true
		}
	}
	ends := []string{fmt.Sprintf("app-%d", len(nodes))}
	for _, n := range nodes {
		ends = append(ends, n.Name)
	}
	for _, via := range nodes {
		for _, a := range nodes {
			for _, end := range ends {
				if to[[2]string{a.Name, via.Name}] && to[[2]string{via.Name, end}] {
					to[[2]string{a.Name, end}] = true
				}
			}
		}
	}
	return to
}

// An app has a cycle if, and only if, it comes after itself; what is named is one, along what is written.
func TestCyclesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := randomOrder(t)
		o, to := NewOrder(nodes), reach(nodes)
		byName := map[string]Node{}
		for _, n := range nodes {
			byName[n.Name] = n
		}
		for _, n := range nodes {
			way := o.Cycle(n.Name)
			if (way != nil) != to[[2]string{n.Name, n.Name}] || (o.CycleFault(n.Name) != nil) != (way != nil) {
				t.Fatalf("%s: cycle %v, comes after itself: %v", n.Name, way, to[[2]string{n.Name, n.Name}])
			}
			if way == nil {
				continue
			}
			if way[0] != n.Name || way[len(way)-1] != n.Name {
				t.Fatalf("%v does not lead from %s to itself", way, n.Name)
			}
			for i := 1; i < len(way); i++ {
				if !slices.Contains(byName[way[i-1]].After, way[i]) {
					t.Fatalf("%v: %s does not name %s", way, way[i-1], way[i])
				}
			}
		}
	})
}

// If every app is applied as soon as all that it comes after are, those are left, and only those, that lead into a cycle or
// to a name that is nobody's. Sorted has the same order, and everybody who takes part, once.
func TestEverybodyElseGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := randomOrder(t)
		o, to := NewOrder(nodes), reach(nodes)
		missing := fmt.Sprintf("app-%d", len(nodes))
		done := map[string]bool{}
		for more := true; more; {
			more = false
			for _, n := range nodes {
				free := !done[n.Name] && !slices.ContainsFunc(o.Needs(n.Name), func(need Need) bool {
					return len(need.Apps) == 0 || slices.ContainsFunc(need.Apps, func(app string) bool { return !done[app] })
				})
				if free {
					done[n.Name], more = true, true
				}
			}
		}
		for _, n := range nodes {
			lost := to[[2]string{n.Name, missing}]
			for _, other := range nodes {
				cyclic := to[[2]string{other.Name, other.Name}]
				lost = lost || cyclic && (other.Name == n.Name || to[[2]string{n.Name, other.Name}])
			}
			if done[n.Name] == lost {
				t.Fatalf("%s is applied: %v, can never be: %v", n.Name, done[n.Name], lost)
			}
		}
		sorted := o.Sorted()
		for i, name := range sorted {
			if slices.Contains(sorted[i+1:], name) {
				t.Fatalf("%s is there twice: %v", name, sorted)
			}
			for _, other := range o.next(name) {
				if done[name] && !slices.Contains(sorted[:i], other) {
					t.Fatalf("%s stands before %s, which it comes after: %v", name, other, sorted)
				}
			}
		}
		for _, n := range nodes {
			if takesPart := len(o.Needs(n.Name))+len(o.Dependents(n.Name)) > 0; takesPart != slices.Contains(sorted, n.Name) {
				t.Fatalf("%s takes part: %v, and it is in %v", n.Name, takesPart, sorted)
			}
		}
	})
}
