package agent

import (
	"context"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/object"
)

// quiet tells whether everything in the cluster is as recorded and as wished: the usual case, and no request is made.
// Where it is not, it says what moved first.
func (t *turn) quiet(ctx context.Context) (moved string, quiet bool) {
	a := t.app
	switch {
	case a.wishes == nil:
		return "a new render", false
	case len(a.faults) > 0:
		return "a fault is tried again", false
	case a.cut:
		return "the last plan was not carried out to its end", false
	case a.unsaved:
		return "the Inventory is not written", false
	case a.deleting || a.planned != nil && (waitsFor(a.planned) || heldForFailing(a.planned)):
		return "what was waited for may be there", false
	case t.turns(ctx):
		return "what comes before is not as it was", false
	}
	for id, sight := range a.unwished {
		switch {
		case a.consentedAt != t.offer.commit:
			return id.String() + " is not in Git, and a new commit may allow its deletion", false
		case sight != t.sight(id):
			return id.String() + " is not in Git, and not as it was", false
		}
	}
	moved = t.moved()
	return moved, moved == ""
}

// moved says what is not as it was left, "" if everything is.
func (t *turn) moved() string {
	owner := t.identity().Owner()
	for id, w := range t.app.wishes {
		if t.app.course.gated[id] {
			continue
		}
		if why := t.movedObject(id, w, owner); why != "" {
			return id.String() + " " + why
		}
	}
	return ""
}

func (t *turn) movedObject(id object.ID, w wish, owner string) string {
	a := t.app
	entry, ok := a.inventory[id]
	fact, seen := t.agent.facts.Get(id)
	switch {
	case a.left[id] && (seen || !ok || entry.UID == ""):
		return ""
	case a.left[id]:
		return "is left alone, and gone"
	case !ok || entry.UID == "" || entry.Desired != w.digest:
		return "is not applied"
	}
	switch {
	case !seen:
		return "is not seen"
	case fact.UID != entry.UID:
		return "is another object"
	case fact.Owned != entry.Owned && !t.shared(fact):
		return "lost fields of ours"
	case !fact.Managed:
		return "lost our label"
	case fact.Terminating:
		return "is being deleted"
	case fact.Added != "" && fact.Added != a.accepted[id]:
		return "got fields of others"
	case fact.Owner != owner && !(id.Kind == "Namespace" && fact.Owner == ""):
		return "lost our claim"
	}
	return ""
}

// shared tells whether a fact is of a namespace that another app has made too: then the watch follows the fields of that one.
func (t *turn) shared(fact cluster.Fact) bool {
	return fact.Owner == "" && fact.Manager != "" && fact.Manager != t.manager()
}
