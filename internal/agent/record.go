package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// chunkBytes is the size at which an Inventory is split (resources.md §2).
const chunkBytes = 256 << 10

// takeInventory gives an app the Inventory that was found at start, if it is of this App object.
func (ag *Agent) takeInventory(o *v1alpha1.App) (entries map[object.ID]v1alpha1.InventoryEntry, chunks int) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	found := ag.inventories[key]
	delete(ag.inventories, key)
	ag.mu.Unlock()
	entries = map[object.ID]v1alpha1.InventoryEntry{}
	for _, inventory := range found {
		if inventory.AppUID != string(o.UID) || inventory.Cluster != "" && inventory.Cluster != ag.uid {
			continue
		}
		chunks++
		for _, e := range inventory.Objects {
			entries[plan.EntryID(e)] = e
		}
	}
	return entries, chunks
}

// own sends the news of the objects of an Inventory to its app, unless another app wants them now.
func (ag *Agent) own(key types.NamespacedName, inventory map[object.ID]v1alpha1.InventoryEntry) {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	for id := range inventory {
		if _, taken := ag.owners[id]; !taken {
			ag.owners[id] = key
		}
	}
}

// ownWishes sends the news of the objects that an app wishes for to it: it wants them now, whoever had them before.
func (ag *Agent) ownWishes(key types.NamespacedName, wishes map[object.ID]wish) {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	for id := range wishes {
		ag.owners[id] = key
	}
}

// entries gives the Inventory in order.
func (a *app) entries() []v1alpha1.InventoryEntry {
	out := make([]v1alpha1.InventoryEntry, 0, len(a.inventory))
	for _, id := range slices.SortedFunc(maps.Keys(a.inventory), object.ID.Compare) {
		out = append(out, a.inventory[id])
	}
	return out
}

func (t *turn) versions() map[object.ID]string {
	versions := make(map[object.ID]string, len(t.app.inventory))
	for id, e := range t.app.inventory {
		versions[id] = e.Version
	}
	return versions
}

// writeAhead records what is about to be created before it is: a crash in between leaves an entry without a UID, which
// may be applied again but never deleted.
func (t *turn) writeAhead(ctx context.Context) error {
	entries, grew := plan.Ahead(t.app.entries(), *t.plan)
	if !grew {
		return nil
	}
	t.app.take(entries)
	return t.writeInventory(ctx)
}

func (a *app) take(entries []v1alpha1.InventoryEntry) {
	a.inventory = make(map[object.ID]v1alpha1.InventoryEntry, len(entries))
	for _, e := range entries {
		a.inventory[plan.EntryID(e)] = e
	}
}

// note takes the outcomes into the Inventory in memory, and into the times of the revision.
func (t *turn) note(begun time.Time) {
	a := t.app
	if a.times.revision != a.target {
		a.times = timesOf(a.status.History, a.target)
	}
	if a.times.planned.IsZero() {
		a.times.seen, a.times.planned = t.offer.seen, begun
	}
	tried := a.times.applied.IsZero()
	done := map[object.ID]plan.Done{}
	for i := range t.outcomes {
		out := &t.outcomes[i]
		if !out.Done || !out.Tried {
			continue
		}
		tried = true
		id := out.Step.ID
		t.plan.Steps[i] = out.Step
		answer := plan.Done{UID: string(out.Applied.UID), Owned: diff.Owned(out.Applied.ManagedFields, t.manager())}
		answer.Taken = out.Step.UID == "" && !out.Applied.Created
		done[id] = answer
		a.times.changed++
		a.times.took = append(a.times.took, out.Took...)
		switch out.Step.Action {
		case plan.Apply, plan.Replace:
			t.agent.facts.Observe(id, out.Applied.ObjectMeta)
		case plan.Delete:
			t.agent.facts.Forget(id)
		}
	}
	a.take(plan.After(a.entries(), *t.plan, done))
	if tried {
		a.times.applied = time.Now()
	}
}

// timesOf takes up the times of a revision that a former life of the agent recorded.
func timesOf(history []v1alpha1.HistoryRow, revision string) times {
	out := times{revision: revision}
	if len(history) == 0 || history[0].Revision != revision {
		return out
	}
	row := history[0]
	out.seen, out.planned, out.applied, out.healthy = timeOf(row.Seen), timeOf(row.Planned), timeOf(row.Applied), timeOf(row.Healthy)
	out.changed, out.took = row.Changed, row.Took
	return out
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// writeAfter writes the Inventory if it differs from what was written, and keeps the commit that is applied now through
// force-pushes and the server's clean-ups.
func (t *turn) writeAfter(ctx context.Context) error {
	if err := t.offer.mirror.Guard(ctx, guardName(t.app.key), t.app.target); err != nil {
		t.log.Warn("the applied commit is not guarded against a force-push", "commit", t.app.target, "error", err)
	}
	if string(object.Canonical(toJSON(t.app.entries()))) == t.app.written {
		return nil
	}
	return t.writeInventory(ctx)
}

// writeInventory writes the Inventory in chunks, and removes chunks that are not needed any more, in this order: at any
// moment the union of the chunks holds every entry.
func (t *turn) writeInventory(ctx context.Context) error {
	a := t.app
	entries := a.entries()
	yes := true
	chunks := 0
	for first := 0; first < len(entries) || chunks == 0; chunks++ {
		n, size := 0, 0
		for first+n < len(entries) && size < chunkBytes {
			size += entrySize(entries[first+n])
			n++
		}
		inventory := &v1alpha1.Inventory{
			ObjectMeta: metav1.ObjectMeta{
				Name: inventoryName(t.object.Name, chunks), Namespace: t.object.Namespace,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: v1alpha1.GroupVersion.String(), Kind: "App", Name: t.object.Name, UID: t.object.UID, Controller: &yes,
				}},
			},
			App: t.object.Name, AppUID: string(t.object.UID), Revision: a.target, Cluster: t.agent.uid,
			Objects: entries[first : first+n],
		}
		if err := t.agent.ledger.PutInventory(ctx, inventory); err != nil {
			return err
		}
		first += n
		if len(entries) == 0 {
			chunks++
			break
		}
	}
	for extra := chunks; extra < a.chunks; extra++ {
		if err := t.agent.ledger.DeleteInventory(ctx, t.object.Namespace, inventoryName(t.object.Name, extra)); err != nil {
			return err
		}
	}
	a.chunks = chunks
	a.written = string(object.Canonical(toJSON(entries)))
	return nil
}

func entrySize(e v1alpha1.InventoryEntry) int {
	return 220 + len(e.Group) + len(e.Kind) + len(e.Namespace) + len(e.Name)
}

func toJSON(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("agent: a bookkeeping value is no JSON: %v", err))
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(fmt.Sprintf("agent: a bookkeeping value is no JSON: %v", err))
	}
	return out
}

// guardName is a name of at most 80 bytes for an app, as a Mirror takes it.
func guardName(key types.NamespacedName) string {
	name := key.Namespace + "/" + key.Name
	if len(name) <= 80 {
		return name
	}
	return object.DigestBytes([]byte(name))[len("sha256:"):]
}

func inventoryName(app string, chunk int) string { return fmt.Sprintf("%s-%d", app, chunk) }
