package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// chunkBytes is the size at which an Inventory is split (resources.md §2).
const chunkBytes = 256 << 10

// layout knows in which chunk of an Inventory an entry lies. An entry stays in its chunk for life: whatever the order in
// which chunks are written, and wherever a write fails, the union of those in the cluster holds every entry.
type layout struct {
	chunk   map[object.ID]int
	written map[int]string // digest of what was written of each chunk
}

func newLayout() *layout { return &layout{chunk: map[object.ID]int{}, written: map[int]string{}} }

// lay gives the entries of each chunk, in order. New entries go where there is room. Chunk 0 is always there.
func (s *layout) lay(entries []v1alpha1.InventoryEntry) map[int][]v1alpha1.InventoryEntry {
	there := make(map[object.ID]bool, len(entries))
	sizes := map[int]int{}
	for _, e := range entries {
		id := plan.EntryID(e)
		there[id] = true
		if n, ok := s.chunk[id]; ok {
			sizes[n] += entrySize(e)
		}
	}
	maps.DeleteFunc(s.chunk, func(id object.ID, _ int) bool { return !there[id] })
	chunks := map[int][]v1alpha1.InventoryEntry{0: nil}
	room := 0
	for _, e := range entries {
		id := plan.EntryID(e)
		n, ok := s.chunk[id]
		if !ok {
			for sizes[room] > 0 && sizes[room]+entrySize(e) > chunkBytes {
				room++
			}
			n = room
			s.chunk[id] = n
			sizes[n] += entrySize(e)
		}
		chunks[n] = append(chunks[n], e)
	}
	return chunks
}

// entrySize is about how many bytes an entry has in JSON.
func entrySize(e v1alpha1.InventoryEntry) int {
	size := 220 + len(e.Group) + len(e.Kind) + len(e.Namespace) + len(e.Name)
	if e.From != nil {
		size += len(object.Canonical(toJSON(e.From)))
	}
	return size
}

// takeInventory gives an app the Inventory that was found at start, if it is of this App object and of this cluster.
func (ag *Agent) takeInventory(o *v1alpha1.App) (map[object.ID]v1alpha1.InventoryEntry, *layout) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	found := ag.inventories[key]
	delete(ag.inventories, key)
	ag.mu.Unlock()
	entries, s := map[object.ID]v1alpha1.InventoryEntry{}, newLayout()
	for _, inventory := range found {
		n, ok := chunkOf(o.Name, inventory.Name)
		if !ok || inventory.AppUID != string(o.UID) || inventory.Cluster != "" && inventory.Cluster != ag.uid {
			continue
		}
		s.written[n] = digestOf(inventory.Objects)
		for _, e := range inventory.Objects {
			id := plan.EntryID(e)
			if known, twice := entries[id]; twice && known.UID != "" {
				continue
			}
			entries[id], s.chunk[id] = e, n
		}
	}
	return entries, s
}

// writeInventory writes the chunks that differ from what was written, and removes those that hold nothing any more.
func (t *turn) writeInventory(ctx context.Context) error {
	a := t.app
	a.unsaved = true
	if err := t.agent.mayWrite(ctx); err != nil {
		return err
	}
	chunks := a.layout.lay(a.entries())
	for _, n := range slices.Sorted(maps.Keys(chunks)) {
		text := digestOf(chunks[n])
		if a.layout.written[n] == text {
			continue
		}
		if err := t.agent.ledger.PutInventory(ctx, t.inventory(n, chunks[n])); err != nil {
			return err
		}
		a.layout.written[n] = text
	}
	for _, n := range slices.Sorted(maps.Keys(a.layout.written)) {
		if _, used := chunks[n]; used {
			continue
		}
		if err := t.agent.ledger.DeleteInventory(ctx, t.object.Namespace, inventoryName(t.object.Name, n)); err != nil {
			return err
		}
		delete(a.layout.written, n)
	}
	a.unsaved = false
	return nil
}

func (t *turn) inventory(n int, entries []v1alpha1.InventoryEntry) *v1alpha1.Inventory {
	yes := true
	return &v1alpha1.Inventory{
		ObjectMeta: metav1.ObjectMeta{
			Name: inventoryName(t.object.Name, n), Namespace: t.object.Namespace,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "App", Name: t.object.Name, UID: t.object.UID, Controller: &yes,
			}},
		},
		App: t.object.Name, AppUID: string(t.object.UID), Revision: t.app.target, Cluster: t.agent.uid, Objects: entries,
	}
}

func digestOf(entries []v1alpha1.InventoryEntry) string {
	return object.DigestBytes(object.Canonical(toJSON(append([]v1alpha1.InventoryEntry{}, entries...))))
}

func inventoryName(app string, chunk int) string { return fmt.Sprintf("%s-%d", app, chunk) }

// chunkOf is the reverse of inventoryName.
func chunkOf(app, name string) (chunk int, ok bool) {
	number, ok := strings.CutPrefix(name, app+"-")
	chunk, err := strconv.Atoi(number)
	return chunk, ok && err == nil && chunk >= 0 && inventoryName(app, chunk) == name
}
