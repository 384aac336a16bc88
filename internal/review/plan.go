package review

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/policy"
	"plumb.dev/plumb/internal/preview"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
)

// appsAtOnce is how many apps of one pull request are compared at once.
const appsAtOnce = 2

// Hands are what a plan is made with. All of them are the agent's.
type Hands struct {
	Page     string // where people reach the agent's pages; "" is nowhere
	Renderer *render.Renderer
	Cluster  *cluster.Cluster
	// Request says what the render of an app depends on; Complete adds the charts from elsewhere, and asks for those that are not
	// here if it may.
	Request func(tree fs.FS, app fleet.App, upgrade bool) render.Request
	// Sources adds what the agent has read of the other repositories that an App by hand names (spec.sources).
	Sources  func(app *v1alpha1.App, req *render.Request) error
	Complete func(ctx context.Context, want Supply, req *render.Request) error
	// Outline gives what the agent knows of an app's render without reading anything; nil if it has not come to that yet.
	Outline func(app *v1alpha1.App) *Outline
	// Recorded gives the last render of an app.
	Recorded func(app *v1alpha1.App) (*render.Recorded, bool)
	// Eyes look at the cluster as a ServiceAccount that is there, "" is the default one, for objects in a namespace.
	Eyes        func(ctx context.Context, namespace, account, target string) (cluster.Person, error)
	Inventories func(ctx context.Context) ([]v1alpha1.Inventory, error)
	// Shown is told of each plan that is kept, and with nil of each that is kept no more.
	Shown func(repo string, number int, plan *report.PullPlan)
	// Reviewed takes in that a plan was told, with the state of the status; hinted is when a hint came, zero if none did.
	Reviewed func(state string, hinted time.Time)
}

// Supply says which charts are wanted, and for whom.
type Supply struct {
	Namespace string
	Access    []v1alpha1.ChartAccess // who may be asked, and with which credential
	Tree      fs.FS
	App       fleet.App
	Fetch     bool // what is not here is asked for
}

// planning is one plan under way.
type planning struct {
	*work
	tip, base, head, merged *commit                              // merged is nil if there are conflicts, and of a fork
	has                     map[string][]v1alpha1.InventoryEntry // by UID of the App

	lock    sync.Mutex
	applied map[string]*commit
}

// commit is one tree of a plan, and the apps in it.
type commit struct {
	id   string
	tree *source.Snapshot
	apps fleet.Result
}

func (c *commit) app(name string) *fleet.App {
	if c == nil {
		return nil
	}
	if i := slices.IndexFunc(c.apps.Apps, func(a fleet.App) bool { return a.Name == name }); i >= 0 {
		return &c.apps.Apps[i]
	}
	return nil
}

// candidate is one app that a pull request may affect, where it has it, and how it is rendered there.
type candidate struct {
	name   string
	object *v1alpha1.App // nil if it is new
	byHand bool          // a person wrote it
	at     map[*commit]*fleet.App
	known  []*render.Recorded
	app    preview.App
	said   manifests

	changes []policy.Change // what differs, for the policies
}

// plan works out what a pull request does. The error says that it cannot be told now; what is wrong with the change itself is in
// the plan.
func (w *work) plan(ctx context.Context) (report.PullPlan, error) {
	out := report.PullPlan{
		Repo: w.repo, Number: w.pull.Number, Title: w.pull.Title, Author: w.pull.Author, Link: w.pull.URL, Branch: w.at.Branch, Head: w.pull.Head.Commit, Tip: w.at.Tip, Lenient: w.pull.Fork || w.lenient(),
	}
	p := &planning{work: w, applied: map[string]*commit{}, has: map[string][]v1alpha1.InventoryEntry{}}
	release, err := p.trees(ctx, &out)
	if err != nil {
		return out, err
	}
	defer release()
	from, to := p.tip, p.merged
	if to == nil {
		from, to = p.base, p.head
	}
	if f := to.apps.Blocked(); f != nil {
		out.Fault = f
		return out, nil
	}
	candidates := p.candidates(from, to)
	affected, err := p.affected(ctx, candidates, from, to)
	if err != nil {
		return out, err
	}
	out.Unaffected = len(candidates) - len(affected)
	out.Apps = p.foldersAtFault(from, to)
	if len(affected) > 0 {
		apps, err := p.compareAll(ctx, affected, from, to)
		if err != nil {
			return out, err
		}
		out.Apps = append(out.Apps, apps...)
		slices.SortStableFunc(out.Apps, func(a, b report.PullApp) int { return strings.Compare(a.Address, b.Address) })
	}
	out.Findings, err = p.judge(ctx, affected, to)
	return out, err
}

// lenient tells whether the Repo lets a request pass about which the cluster cannot be asked.
func (w *work) lenient() bool {
	return w.at.Repo.Spec.Forge != nil && w.at.Repo.Spec.Forge.Lenient
}

// trees fetches and merges, and finds the apps of every tree.
func (p *planning) trees(ctx context.Context, out *report.PullPlan) (release func(), err error) {
	m, release := p.at.Mirror, func() {}
	head := headOf(p.at.Kind, p.pull.Number, p.pull.Head.Commit)
	if err := m.Fetch(ctx, head); err != nil {
		return release, err
	}
	base, err := m.MergeBase(ctx, p.at.Tip, head.Commit)
	if err != nil {
		return release, err
	}
	if base == "" {
		out.Fault = fault.New(fault.RevisionNotFound, "the branch has no history in common with %s", p.at.Branch).WithNext("rebase it")
		base = p.at.Tip
	}
	out.MergeBase = base
	var together source.Merged
	if base != p.at.Tip && out.Fault == nil && !p.pull.Fork {
		if together, err = m.Merge(ctx, p.at.Tip, head.Commit); err != nil {
			return release, err
		}
		out.Conflicts = together.Conflicts
	}
	release = together.Release
	commits := map[string]*commit{}
	at := func(id string, before *commit) *commit {
		if err != nil || commits[id] != nil {
			return commits[id]
		}
		commits[id], err = p.commit(ctx, id, before)
		return commits[id]
	}
	p.tip = at(p.at.Tip, nil)
	p.base = at(base, p.tip)
	p.head = at(head.Commit, p.base)
	switch {
	case p.pull.Fork:
	case base == p.at.Tip:
		p.merged = p.head
	case together.Commit != "":
		p.merged = at(together.Commit, p.tip)
	}
	return release, err
}

// commit reads a tree and its apps.
func (p *planning) commit(ctx context.Context, id string, before *commit) (*commit, error) {
	if err := p.at.Mirror.Complete(ctx, id, append(fleet.Roots(p.at.Repo.Spec.Apps), "plumb.yaml")); err != nil {
		return nil, err
	}
	tree, err := p.at.Mirror.Snapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	in := fleet.Input{Tree: tree, Apps: p.at.Repo.Spec.Apps, Clusters: p.at.Clusters, Repo: p.at.Repo.Name, Namespace: p.at.Repo.Namespace}
	if before != nil {
		in.Previous = &before.apps
	}
	return &commit{id: id, tree: tree, apps: fleet.Discover(in)}, nil
}

// candidates lists the apps of either tree that are for this cluster.
func (p *planning) candidates(from, to *commit) []*candidate {
	names := map[string]*candidate{}
	for _, c := range []*commit{from, to} {
		for i := range c.apps.Apps {
			app := &c.apps.Apps[i]
			if app.Cluster != "" && app.Cluster != fleet.Local {
				continue
			}
			if names[app.Name] == nil {
				names[app.Name] = &candidate{name: app.Name, at: map[*commit]*fleet.App{}}
			}
		}
	}
	for i := range p.at.Apps {
		if c := names[p.at.Apps[i].Name]; c != nil {
			c.object = &p.at.Apps[i]
		}
	}
	for i := range p.at.ByHand {
		o := &p.at.ByHand[i]
		if p.pull.Fork && len(o.Spec.Sources) > 0 {
			continue // a fork could show what is in the other repositories
		}
		if names[o.Name] == nil && (o.Spec.Cluster == "" || o.Spec.Cluster == fleet.Local) {
			names[o.Name] = &candidate{name: o.Name, object: o, byHand: true, at: map[*commit]*fleet.App{}}
		}
	}
	all := make([]*candidate, 0, len(names))
	for _, c := range names {
		for _, at := range []*commit{p.tip, p.base, p.head, p.merged} {
			if at != nil && c.at[at] == nil {
				c.at[at] = c.placed(at)
			}
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *candidate) int { return strings.Compare(a.name, b.name) })
	return all
}

// placed gives an app as a commit has it; nil where it has none.
func (c *candidate) placed(at *commit) *fleet.App {
	if !c.byHand {
		return at.app(c.name)
	}
	placed := fleet.ByHand(at.tree, c.object)
	placed.App.Fault = placed.Fault
	return &placed.App
}

// affected gives the apps whose inputs differ between two trees.
func (p *planning) affected(ctx context.Context, all []*candidate, from, to *commit) ([]*candidate, error) {
	var affected []*candidate
	for _, c := range all {
		same, err := p.same(ctx, c, from, to)
		if err != nil {
			return nil, err
		}
		if same {
			c.known = nil
			continue
		}
		affected = append(affected, c)
	}
	return affected, nil
}

// same tells whether the inputs of an app's render are the same in two trees: what its last render read, as far as that is the
// render of the first.
func (p *planning) same(ctx context.Context, c *candidate, from, to *commit) (bool, error) {
	was, is := c.at[from], c.at[to]
	if was == nil || is == nil || !samePlace(*was, *is) {
		return false, nil
	}
	if is.Fault != nil {
		return true, nil // the same fault, as the places are the same
	}
	recorded, err := p.recorded(ctx, c, from)
	if err != nil || recorded == nil {
		return false, err
	}
	return sameReads(recorded, from.tree, to.tree), nil
}

// samePlace tells whether discovery says the same of an app.
func samePlace(a, b fleet.App) bool {
	was, errWas := json.Marshal(a)
	is, errIs := json.Marshal(b)
	return errWas == nil && errIs == nil && string(was) == string(is)
}

// foldersAtFault gives the folders that the change makes into ones that cannot be read: there is no app to show them at.
func (p *planning) foldersAtFault(from, to *commit) []report.PullApp {
	var out []report.PullApp
	for _, f := range to.apps.Faults {
		isApp := slices.ContainsFunc(to.apps.Apps, func(a fleet.App) bool { return a.Fault != nil && a.Fault.Message == f.Fault.Message })
		isOld := slices.ContainsFunc(from.apps.Faults, func(o fleet.Fault) bool { return o.Fault.Message == f.Fault.Message })
		if !isApp && !isOld {
			address := f.App
			if address == "" {
				address = f.Path
			}
			out = append(out, report.PullApp{Address: address, Environment: f.Env, Fault: f.Fault})
		}
	}
	return out
}

// compareAll compares the apps that are affected, with what all others want.
func (p *planning) compareAll(ctx context.Context, affected []*candidate, from, to *commit) ([]report.PullApp, error) {
	fleetwide := &preview.Previewer{Namespaced: p.namespaced, Wants: map[string]preview.Wishes{}, Definitions: map[string]object.Object{}, Applies: true}
	if !p.pull.Fork {
		inventories, err := p.hands.Inventories(ctx)
		if err != nil {
			return nil, fault.New(fault.Unreachable, "the Inventories cannot be read: %w", err)
		}
		for _, inventory := range inventories {
			p.has[inventory.AppUID] = append(p.has[inventory.AppUID], inventory.Objects...)
			fleetwide.Has(inventory.AppUID, inventory.Namespace+"/"+inventory.App, inventory.Objects)
		}
	}
	out := make([]report.PullApp, len(affected))
	group, rendering := errgroup.WithContext(ctx)
	group.SetLimit(appsAtOnce)
	for i, c := range affected {
		group.Go(func() (err error) {
			out[i], err = p.rendered(rendering, c, from, to)
			return err
		})
	}
	if err := group.Wait(); err != nil || p.pull.Fork {
		return out, err
	}
	for _, c := range affected {
		if c.app.Fault == nil {
			fleetwide.Takes(ctx, c.app)
		}
	}
	group, comparing := errgroup.WithContext(ctx)
	group.SetLimit(appsAtOnce)
	for i, c := range affected {
		group.Go(func() error { return p.live(comparing, c, *fleetwide, &out[i]) })
	}
	return out, group.Wait()
}
