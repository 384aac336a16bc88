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

// route has the news of the objects that an app wants, or has, sent to it. What it wants comes to it whoever had it
// before; what it only has, unless another app wants it now.
func (ag *Agent) route(a *app) {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	if ag.apps[a.key] != a {
		return
	}
	for id := range a.routed {
		_, has := a.inventory[id]
		if _, wants := a.wishes[id]; !wants && !has && ag.owners[id] == a.key {
			delete(ag.owners, id)
		}
	}
	a.routed = make(map[object.ID]bool, len(a.inventory))
	for id := range a.inventory {
		if _, taken := ag.owners[id]; !taken {
			ag.owners[id] = a.key
		}
		a.routed[id] = true
	}
	for id := range a.wishes {
		ag.owners[id] = a.key
		a.routed[id] = true
	}
}

// forgetStrangers drops what was kept of objects that the app has no part in any more.
func (a *app) forgetStrangers() {
	strange := func(id object.ID) bool {
		_, wanted := a.wishes[id]
		return !wanted
	}
	maps.DeleteFunc(a.fights, func(id object.ID, _ *fight) bool { return strange(id) })
	maps.DeleteFunc(a.existing, func(id object.ID, _ bool) bool { return strange(id) })
	maps.DeleteFunc(a.accepted, func(id object.ID, digest string) bool { return strange(id) || digest == "" })
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
// may be applied again but never deleted. What an earlier try could not write counts as not recorded.
func (t *turn) writeAhead(ctx context.Context) error {
	entries, grew := plan.Ahead(t.app.entries(), *t.plan)
	if !grew && !t.app.unsaved {
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
	if a.times.seen.IsZero() {
		a.times.seen = begun
		if t.offer != nil {
			a.times.seen = t.offer.seen
		}
	}
	if a.times.planned.IsZero() {
		a.times.planned, a.times.ours = begun, true
	}
	tried := false
	done := map[object.ID]plan.Done{}
	for i := range t.outcomes {
		out := &t.outcomes[i]
		if out.Found {
			done[out.Step.ID] = plan.Done{Found: true}
			a.existing[out.Step.ID] = true
		}
		if !out.Done || !out.Tried {
			continue
		}
		tried = true
		id := out.Step.ID
		t.plan.Steps[i] = out.Step
		answer := plan.Done{UID: string(out.Applied.UID), Owned: diff.Owned(out.Applied.ManagedFields, t.manager())}
		answer.Taken = out.Step.UID == "" && !out.Applied.Created
		done[id] = answer
		if a.status.Revision != a.target { // what is healed later is no change of the revision
			a.times.changed++
			a.times.took = append(a.times.took, out.Took...)
		}
		switch out.Step.Action {
		case plan.Apply, plan.Replace:
			t.agent.facts.Observe(id, out.Applied.ObjectMeta)
			t.overwrite(id, time.Now())
		case plan.Delete:
			t.agent.facts.Forget(id)
		}
	}
	a.take(plan.After(a.entries(), *t.plan, done))
	if a.times.applied.IsZero() || tried && a.status.Revision != a.target {
		a.times.applied = time.Now()
	}
	t.unhealed()
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

func timeOf(t *metav1.MicroTime) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// writeAfter writes the Inventory if it differs from what was written, and keeps the commit that is applied now through
// force-pushes and the server's clean-ups.
func (t *turn) writeAfter(ctx context.Context) error {
	guarded := t.app.target
	if end := t.app.status.EndHooks; end != nil && t.offer.removed {
		guarded = end.Revision // what its hooks are is still needed
	}
	if err := t.offer.mirror.Guard(ctx, guardName(t.app.key), guarded); err != nil {
		t.log.Warn("the applied commit is not guarded against a force-push", "revision", t.app.target, "error", err)
	}
	return t.writeInventory(ctx)
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
