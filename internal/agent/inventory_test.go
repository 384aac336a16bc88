package agent

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

func entry(name string) v1alpha1.InventoryEntry {
	return v1alpha1.InventoryEntry{Version: "v1", Kind: "ConfigMap", Namespace: "web", Name: name, UID: "uid-" + name, Created: true}
}

func entries(names ...string) []v1alpha1.InventoryEntry {
	var out []v1alpha1.InventoryEntry
	for _, name := range slices.Sorted(slices.Values(names)) {
		out = append(out, entry(name))
	}
	return out
}

// TestChunksHoldEveryEntry writes random changes of a large Inventory chunk by chunk, in random order, and stops anywhere:
// what is in the cluster then must hold every entry that was there before and is there after.
func TestChunksHoldEveryEntry(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s, cluster := newLayout(), map[int][]v1alpha1.InventoryEntry{}
	var now []string
	for round := range 60 {
		var next []string
		for _, name := range now {
			if random.IntN(4) > 0 {
				next = append(next, name)
			}
		}
		for range random.IntN(900) {
			next = append(next, fmt.Sprintf("%06d", random.IntN(900000)))
		}
		slices.Sort(next)
		next = slices.Compact(next)
		chunks := s.lay(entries(next...))
		order := slices.Collect(maps.Keys(chunks))
		for n := range cluster {
			if _, used := chunks[n]; !used {
				order = append(order, n)
			}
		}
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, n := range order {
			if len(chunks[n]) == 0 {
				delete(cluster, n)
			} else {
				cluster[n] = chunks[n]
			}
			if lost := missing(cluster, now, next); lost != "" {
				t.Fatalf("round %d: after a write of chunk %d entry %s is nowhere", round, n, lost)
			}
		}
		for n, chunk := range chunks {
			size := 0
			for _, e := range chunk {
				size += entrySize(e)
			}
			if size > chunkBytes {
				t.Fatalf("round %d: chunk %d has %d bytes", round, n, size)
			}
		}
		now = next
	}
}

func missing(cluster map[int][]v1alpha1.InventoryEntry, before, after []string) string {
	there := map[string]bool{}
	for _, chunk := range cluster {
		for _, e := range chunk {
			there[e.Name] = true
		}
	}
	for _, name := range before {
		if _, stays := slices.BinarySearch(after, name); stays && !there[name] {
			return name
		}
	}
	return ""
}

func TestLay(t *testing.T) {
	s := newLayout()
	if chunks := s.lay(nil); len(chunks) != 1 || len(chunks[0]) != 0 {
		t.Errorf("an empty Inventory has the chunks %v, want one without entries", chunks)
	}
	long := strings.Repeat("x", chunkBytes/2)
	chunks := s.lay(entries("a"+long, "b"+long, "c"))
	if len(chunks) != 2 || len(chunks[0]) != 1 || len(chunks[1]) != 2 {
		t.Errorf("laid into %d chunks: %d and %d entries", len(chunks), len(chunks[0]), len(chunks[1]))
	}
	chunks = s.lay(entries("b"+long, "c"))
	if len(chunks[0]) != 0 || len(chunks[1]) != 2 {
		t.Error("an entry was moved to another chunk")
	}
	chunks = s.lay(entries("b"+long, "c", "d"))
	if len(chunks[0]) != 1 || chunks[0][0].Name != "d" {
		t.Error("room is not used again")
	}
	if chunks = s.lay(entries(long + long + long)); len(chunks[0]) != 1 {
		t.Error("an entry that is larger than a chunk has no place")
	}
}

func TestTakeInventory(t *testing.T) {
	of := func(name, uid, cluster string, names ...string) v1alpha1.Inventory {
		return v1alpha1.Inventory{ObjectMeta: metav1.ObjectMeta{Name: name}, App: "cart", AppUID: uid, Cluster: cluster, Objects: entries(names...)}
	}
	unconfirmed := entry("twice")
	unconfirmed.UID = ""
	second := of("cart-2", "u1", "here", "c")
	second.Objects = append(second.Objects, unconfirmed)
	ag := &Agent{uid: "here", inventories: map[types.NamespacedName][]v1alpha1.Inventory{cart: {
		of("cart-0", "u1", "here", "a", "twice"), second,
		of("cart-1", "u-before", "here", "of the App of the same name before"),
		of("cart-3", "u1", "elsewhere", "of another cluster"),
		of("cart-db-0", "u1", "here", "of another name"),
	}}}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: cart.Namespace, Name: cart.Name, UID: "u1"}}
	got, s := ag.takeInventory(app)
	var names []string
	for id := range got {
		names = append(names, id.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"a", "c", "twice"}) {
		t.Errorf("took %q", names)
	}
	if twice := got[object.ID{Kind: "ConfigMap", Namespace: "web", Name: "twice"}]; twice.UID == "" {
		t.Error("of two entries for one object the confirmed one counts")
	}
	chunks := s.lay(slices.Collect(maps.Values(got)))
	if len(chunks[0]) != 2 || len(chunks[2]) != 1 {
		t.Errorf("laid into %v, want every entry where it was", chunks)
	}
	if s.written[0] != digestOf(entries("a", "twice")) {
		t.Error("a restart would write an Inventory that did not change")
	}
	if again, _ := ag.takeInventory(app); len(again) != 0 {
		t.Error("an Inventory was taken twice")
	}
}

func TestRoutes(t *testing.T) {
	id := func(name string) object.ID { return plan.EntryID(entry(name)) }
	ag := idle(t)
	ag.owners = map[object.ID]types.NamespacedName{}
	a := &app{key: cart, inventory: map[object.ID]v1alpha1.InventoryEntry{id("a"): {}, id("b"): {}}, wishes: map[object.ID]wish{id("a"): {}}}
	b := &app{key: books, wishes: map[object.ID]wish{id("b"): {}}}
	ag.apps[cart], ag.apps[books] = a, b
	ag.route(a)
	ag.route(b)
	ag.route(a)
	if ag.owners[id("a")] != cart || ag.owners[id("b")] != books {
		t.Errorf("routed to %v: news go to the one that wants the object", ag.owners)
	}
	a.inventory, a.wishes = nil, nil
	ag.route(a)
	if _, kept := ag.owners[id("a")]; kept || ag.owners[id("b")] != books {
		t.Errorf("routed to %v after the app has nothing", ag.owners)
	}
	delete(ag.apps, books)
	delete(ag.owners, id("b"))
	ag.route(b)
	if len(ag.owners) != 0 {
		t.Error("an app that is gone gets news")
	}
}
