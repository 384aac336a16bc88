// Package preview works out what a tree would change in a live cluster before anybody pushes it: the renders of an app,
// one look, one plan each, one answer. The look is that of the person who asks; the API server itself is asked, by dry
// runs, what it would make of each object, so that defaults and what admission changes are in the answer.
//
// It splits what differs in three, because mixing them is why people distrust such answers: what is yours (the tree
// against the base), what is already waiting (the base against what was applied last), and drift (what was applied last
// against the cluster). It never writes: no package that does is in its import graph, and what is not a read is
// a dry run.
//
// It also works out what it means that an app takes its objects over from another delivery tool, and whether that tool
// lets go (Adopt).
//
// Start at App and Previewer.Compare.
package preview

import (
	"context"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// Eyes look at a cluster as a person; cluster.Person has them.
type Eyes interface {
	Get(ctx context.Context, id object.ID, version string) (object.Object, []metav1.ManagedFieldsEntry, error)
	List(ctx context.Context, id object.ID, version, selector string, limit int64) ([]object.Object, error)
	DryRun(ctx context.Context, o object.Object, manager string) (object.Object, error)
	DryReplace(ctx context.Context, o object.Object, manager string) (object.Object, error)
	HelmKeeps(ctx context.Context, namespace, release string) string
}

// App is one app with what it was, is about to be, and would be.
type App struct {
	Identity  plan.App
	Inventory []v1alpha1.InventoryEntry
	Settings  v1alpha1.Settings // of the tree
	Policy    plan.Policy       // of the tree
	// What was applied last, what the base says, and what the tree says; as rendered. A side without objects has none.
	Applied, Base, Tree Side
	Fault, Before       *fault.Fault // the tree, or the base, cannot be rendered
	Notes               []string
}

// Side is what one commit, or the tree, says of an app.
type Side struct {
	Objects   []object.Object // as rendered; nil if there is no such app
	Namespace string          // of objects that name none
}

// sides lists the three in the order in which they come true.
func (a App) sides() []Side { return []Side{a.Applied, a.Base, a.Tree} }

// at is the app as one side has it.
func (a App) at(s Side) plan.App {
	identity := a.Identity
	if s.Namespace != "" {
		identity.Target = s.Namespace
	}
	return identity
}

// Has notes objects that an app has, by its App's UID and its name: they count as what it wants, until Takes says more.
func (p *Previewer) Has(uid, app string, entries []v1alpha1.InventoryEntry) {
	wishes, ok := p.Wants[uid]
	if !ok {
		wishes = Wishes{App: app, IDs: map[object.ID]bool{}}
		p.Wants[uid] = wishes
	}
	for _, e := range entries {
		wishes.IDs[plan.EntryID(e)] = true
	}
}

// Takes notes what an app wants at the tree, in the place of what it has, and which kinds it defines with the change.
func (p *Previewer) Takes(ctx context.Context, app App) {
	maps.Copy(p.Definitions, DefinitionsOf(app.Applied.Objects, app.Tree.Objects))
	wishes := Wishes{App: app.Identity.Namespace + "/" + app.Identity.Name, IDs: map[object.ID]bool{}}
	ready, _, err := plan.Ready(app.Tree.Objects, app.at(app.Tree), p.namespaced(ctx))
	if err == nil {
		for _, id := range plan.Claims(ready) {
			wishes.IDs[id] = true
		}
	}
	p.Wants[app.Identity.UID] = wishes
}

// Previewer compares apps with one cluster. Its fields are set before the first call; Wants and Definitions by Has and Takes.
type Previewer struct {
	Eyes       Eyes
	Namespaced func(context.Context, object.Object) bool
	// Wants tells what each app of the fleet wants at the tree, by the UID of its App: to tell a move from a deletion.
	Wants map[string]Wishes
	// Applies: the Eyes are those of whoever will apply. What they have no right to will fail; a person's rights are another matter.
	Applies bool
	// Document gives the API server's OpenAPI 3 document of a group and version, for objects about which it cannot be asked; nil:
	// those are not checked.
	Document func(ctx context.Context, group, version string) ([]byte, error)
	// Definitions are the CustomResourceDefinitions that other apps bring or change with the same change, by the kind that they
	// define (DefinitionsOf).
	Definitions map[string]object.Object
}

// Wishes are the objects that one app wants.
type Wishes struct {
	App string // "<namespace>/<name>"
	IDs map[object.ID]bool
}

// Compare gives what differs for one app; nil if nothing does.
func (p *Previewer) Compare(ctx context.Context, app App) (*report.AppDiff, error) {
	answer := &report.AppDiff{Address: app.Identity.Address(), Notes: app.Notes, Before: app.Before}
	if app.Fault != nil {
		answer.Fault = app.Fault
		return answer, nil
	}
	s, err := p.see(ctx, app, app.sides()...)
	if err != nil {
		return nil, err
	}
	sides, f := p.sides(ctx, app, s, app.sides()...)
	if f != nil {
		answer.Fault = f
		return answer, nil
	}
	if f := sides[2].plan.Fault; f != nil {
		answer.Fault = f
		return answer, nil
	}
	if err := p.predict(ctx, s, sides...); err != nil {
		return nil, err
	}
	c := comparison{app: app, sight: s, applied: sides[0], base: sides[1], tree: sides[2]}
	answer.Objects, answer.Waiting, answer.Drift = c.yours(), c.waiting(), c.drift()
	answer.Objects = append(answer.Objects, Hooks(c.base.hooks, c.tree.hooks, app.Applied.Objects == nil, len(answer.Objects) > 0)...)
	answer.Allow = c.allow()
	answer.Notes = append(answer.Notes, s.notes()...)
	if len(answer.Objects)+len(answer.Waiting)+len(answer.Drift)+len(app.Notes) == 0 {
		return nil, nil
	}
	return answer, nil
}

// sides plans every side against the one look.
func (p *Previewer) sides(ctx context.Context, app App, s *sight, rendered ...Side) ([]side, *fault.Fault) {
	out := make([]side, len(rendered))
	for i, r := range rendered {
		var err error
		if out[i], err = p.side(ctx, app, s, r); err != nil {
			return nil, fault.Of(err, fault.InvalidObject)
		}
	}
	return out, nil
}
