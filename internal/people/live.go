package people

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/origin"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/revert"
	"plumb.dev/plumb/internal/server"
)

// Limits of what is read live.
const (
	lookFor        = 20 * time.Second // one answer, in all
	lookAtOnce     = 6                // kinds that are listed at once
	nodesAtMost    = 5000
	readsAtMost    = 5000 // objects of one kind in one namespace
	missingAsked   = 20   // objects that are asked for by name because no list had them
	inventoriesMax = 200
)

// Agent is what people need of the agent: what it knows of an app. Nothing live is asked of it.
type Agent interface {
	// Desired gives an app as it was rendered at the revision that is applied; false if there is no such app, or no render of it.
	Desired(ctx context.Context, namespace, name string) (Desired, bool)
	Reverts
}

// Reverts are what people need of the agent to have changes taken back.
type Reverts interface {
	// Revertible gives what a pull request of the agent's would take back of an app, or why it cannot.
	Revertible(namespace, name, to string) (revert.Change, error)
	// PreviewRevert makes that revert, and shows it. Nothing is pushed.
	PreviewRevert(ctx context.Context, namespace, name, to string) (server.RevertPreview, error)
	// Reverted waits for what becomes of a request for a revert; false if ctx ends before.
	Reverted(ctx context.Context, namespace, name, token string) (Answer, bool)
}

// Desired is an app as Git has it.
type Desired struct {
	Revision string
	Objects  []object.Object   // ready to be applied, with their places in Git. Secrets are as in Git: they stay in the process
	Rules    []health.Compiled // the app's own rules of health
	Ignore   []v1alpha1.IgnoreRule
	// Origins tells where Git says fields of one of the objects, in their order: the zero Origin where that is not known. It is nil
	// where nobody can be asked.
	Origins func(ctx context.Context, o object.Object, fields []origin.Field) []origin.Origin
}

// Answer is what has become of a request for a revert.
type Answer struct {
	URL       string // of the pull request
	Conflicts int    // files that people must mend in it
	Err       error  // why it is not carried out; nil if it is
}

func (d Desired) find(id object.ID) (object.Object, bool) {
	i := slices.IndexFunc(d.Objects, func(o object.Object) bool { return o.ID() == id })
	if i < 0 {
		return object.Object{}, false
	}
	return d.Objects[i], true
}

// mayNot is the fault of who lacks a right.
func mayNot(v Verdict) error {
	return fault.New(fault.Forbidden, "%s", v.Why).WithNext("ask whoever grants rights in the cluster")
}

// inventory reads what an app has, as the person.
func (p *Person) inventory(ctx context.Context, app *v1alpha1.App) ([]v1alpha1.InventoryEntry, error) {
	if err := p.need(ctx, Right{Verb: "get", Group: v1alpha1.GroupVersion.Group, Resource: "inventories", Namespace: app.Namespace}); err != nil {
		return nil, err
	}
	names := app.Status.Inventory[:min(len(app.Status.Inventory), inventoriesMax)]
	parts := make([][]v1alpha1.InventoryEntry, len(names))
	var all errgroup.Group
	all.SetLimit(lookAtOnce)
	for i, name := range names {
		all.Go(func() (err error) {
			parts[i], err = p.inventoryPart(ctx, app.Namespace, name)
			return err
		})
	}
	err := all.Wait()
	return slices.Concat(parts...), err
}

func (p *Person) inventoryPart(ctx context.Context, namespace, name string) ([]v1alpha1.InventoryEntry, error) {
	raw, err := answerOf(p.rest.Verb(http.MethodGet).AbsPath(plumbPath(namespace, "inventories", name)...).
		SetHeader("Accept", "application/json").Do(ctx))
	if err != nil {
		return nil, cluster.Explain(err, object.ID{Group: v1alpha1.GroupVersion.Group, Kind: "Inventory", Namespace: namespace, Name: name}, p.name)
	}
	var part v1alpha1.Inventory
	if err := json.Unmarshal(raw, &part); err != nil {
		return nil, fault.New(fault.InvalidObject, "Inventory %s/%s cannot be read: %w", namespace, name, err)
	}
	return part.Objects, nil
}

func plumbPath(namespace, resource, name string) []string {
	return []string{"apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, resource, name}
}

// Resources gives the objects of an app as the person may see them, and with children what those made: down to pods.
func (p *Person) Resources(ctx context.Context, app *v1alpha1.App, children bool) (server.Resources, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	t, err := p.tree(ctx, app, children)
	if err != nil {
		return server.Resources{}, err
	}
	return t.resources(), nil
}

// tree is the objects of an app while they are gathered.
type tree struct {
	person    *Person
	app       *v1alpha1.App
	desired   Desired
	want      map[object.ID]object.Object // of desired
	hide      redact.Filter
	entries   map[object.ID]v1alpha1.InventoryEntry
	mu        sync.Mutex
	nodes     []server.Node
	index     map[string]int // of nodes, by key
	owners    map[string]string
	truncated bool
}

// tree gathers what the app has itself, and with children what that has made. All kinds are listed beside each other: whose
// children are whose is found out when everything is there.
func (p *Person) tree(ctx context.Context, app *v1alpha1.App, children bool) (*tree, error) {
	t := &tree{person: p, app: app, entries: map[object.ID]v1alpha1.InventoryEntry{}, index: map[string]int{}, owners: map[string]string{}}
	var rendered sync.WaitGroup // it is read from the cache while the API server answers
	rendered.Go(func() { t.desired, _ = p.people.options.Agent.Desired(ctx, app.Namespace, app.Name) })
	entries, err := p.inventory(ctx, app)
	rendered.Wait()
	if err != nil {
		return nil, err
	}
	t.hide = redact.NewFilter(redact.Needles(t.desired.Objects...)...)
	t.want = make(map[object.ID]object.Object, len(t.desired.Objects))
	for _, o := range t.desired.Objects {
		t.want[o.ID()] = o
	}
	for _, e := range entries {
		t.entries[plan.EntryID(e)] = e
		t.add(t.nodeOf(e))
	}
	var all errgroup.Group
	all.SetLimit(lookAtOnce)
	var made map[object.ID]*offspring
	if children {
		made = t.gather(ctx, &all)
	}
	t.look(ctx, &all)
	if err := all.Wait(); err != nil {
		return nil, err
	}
	if children {
		t.addChildren(made)
	}
	return t, nil
}

func keyOfID(id object.ID) string {
	return id.Group + "/" + id.Kind + "/" + id.Namespace + "/" + id.Name
}

// add adds a node, unless there are too many.
func (t *tree) add(n server.Node) {
	if len(t.nodes) >= nodesAtMost {
		t.truncated = true
		return
	}
	if _, there := t.index[n.Key]; there {
		return
	}
	t.index[n.Key] = len(t.nodes)
	t.nodes = append(t.nodes, n)
}

// nodeOf is an entry before anybody has looked at the object.
func (t *tree) nodeOf(e v1alpha1.InventoryEntry) server.Node {
	id := plan.EntryID(e)
	n := server.Node{
		Key: keyOfID(id), Group: id.Group, Version: e.Version, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name,
		UID: e.UID, Health: string(v1alpha1.Unknown),
	}
	n.Drifted = slices.ContainsFunc(t.app.Status.Drift, func(d v1alpha1.Drift) bool { return d.Healed == nil && d.Object == id.String() })
	if want, ok := t.want[id]; ok {
		if want.Place.File != "" {
			n.File = want.Place.String()
		}
		if marks, _, err := object.MarksOf(want); err == nil {
			n.Phase, n.Wave = strings.Join(marks.Phases, ","), marks.Wave
		}
	}
	return n
}

// group is what is listed at once: objects of a kind in a namespace.
type group struct {
	id      object.ID // without a name
	version string
}

// look looks at the objects that the app has, kind by kind.
func (t *tree) look(ctx context.Context, all *errgroup.Group) {
	groups := map[group][]object.ID{}
	for id, e := range t.entries {
		g := group{id: object.ID{Group: id.Group, Kind: id.Kind, Namespace: id.Namespace}, version: e.Version}
		groups[g] = append(groups[g], id)
	}
	for g, ids := range groups {
		all.Go(func() error { return t.lookAt(ctx, g, ids) })
	}
}

func (t *tree) lookAt(ctx context.Context, g group, ids []object.ID) error {
	hidden, err := t.person.hides(ctx, "list", g.id, g.version)
	if err != nil {
		return err
	}
	if hidden != "" {
		t.each(ids, func(n *server.Node) { n.Hidden = hidden })
		return nil
	}
	if isSecret(g.id) {
		return t.lookAtSecrets(ctx, g, ids)
	}
	seen := map[object.ID]bool{}
	saw := func(o object.Object) {
		seen[o.ID()] = true
		t.saw(o)
	}
	var complete bool
	if ours := v1alpha1.LabelManaged + "=true"; health.NeedsStatus(schema.GroupKind{Group: g.id.Group, Kind: g.id.Kind}, t.desired.Rules) {
		complete, err = t.person.eyes.Walk(ctx, g.id, g.version, ours, readsAtMost, saw)
	} else {
		complete, err = t.person.eyes.WalkMetadata(ctx, g.id, g.version, ours, readsAtMost, func(meta metav1.ObjectMeta) { saw(existing(g, meta)) })
	}
	if err != nil {
		return t.refused(err, ids)
	}
	if !complete {
		return nil
	}
	return t.missing(ctx, slices.DeleteFunc(slices.Clone(ids), func(id object.ID) bool { return seen[id] }), g.version)
}

// existing is an object of a kind of which existing is all that is asked: as much of it as its health and its node are made of.
func existing(g group, meta metav1.ObjectMeta) object.Object {
	fields := map[string]any{
		"name": meta.Name, "namespace": meta.Namespace, "uid": string(meta.UID), "creationTimestamp": meta.CreationTimestamp.UTC().Format(time.RFC3339),
	}
	if meta.DeletionTimestamp != nil {
		finalizers := make([]any, len(meta.Finalizers))
		for i, f := range meta.Finalizers {
			finalizers[i] = f
		}
		fields["deletionTimestamp"], fields["finalizers"] = meta.DeletionTimestamp.UTC().Format(time.RFC3339), finalizers
	}
	version := schema.GroupVersion{Group: g.id.Group, Version: g.version}.String()
	return object.Object{Fields: map[string]any{"apiVersion": version, "kind": g.id.Kind, "metadata": fields}}
}

// missing notes objects that no list had. One may be there all the same, without our label: of a few it is asked by name.
func (t *tree) missing(ctx context.Context, ids []object.ID, version string) error {
	t.each(ids, func(n *server.Node) { n.Health = string(v1alpha1.Missing) })
	for _, id := range ids[:min(len(ids), missingAsked)] {
		hidden, err := t.person.hides(ctx, "get", id, version)
		if err != nil || hidden != "" {
			return err
		}
		live, _, err := t.person.eyes.Get(ctx, id, version)
		switch {
		case err == nil:
			t.saw(live)
		case !cluster.IsGone(err):
			return t.refused(err, []object.ID{id})
		}
	}
	return nil
}

func isSecret(id object.ID) bool { return id.Group == "" && id.Kind == "Secret" }

// lookAtSecrets looks at Secrets without their values: those never get here.
func (t *tree) lookAtSecrets(ctx context.Context, g group, ids []object.ID) error {
	there := map[string]metav1.ObjectMeta{}
	complete, err := t.person.eyes.WalkMetadata(ctx, g.id, g.version, "", readsAtMost, func(meta metav1.ObjectMeta) { there[meta.Name] = meta })
	if err != nil {
		return t.refused(err, ids)
	}
	for _, id := range ids {
		t.each([]object.ID{id}, func(n *server.Node) {
			if item, ok := there[id.Name]; ok {
				n.Health, n.UID, n.Created = string(v1alpha1.Healthy), string(item.UID), item.CreationTimestamp.Time
			} else if complete {
				n.Health = string(v1alpha1.Missing)
			}
		})
	}
	return nil
}

// refused notes what the API server says of objects that it does not show.
func (t *tree) refused(err error, ids []object.ID) error {
	if !fault.Is(err, fault.Forbidden) {
		return err
	}
	t.each(ids, func(n *server.Node) { n.Hidden = cut(fault.Of(err, fault.Forbidden).Message, maxNameSize) })
	return nil
}

func (t *tree) each(ids []object.ID, change func(*server.Node)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		if i, ok := t.index[keyOfID(id)]; ok {
			change(&t.nodes[i])
		}
	}
}

// saw notes how a live object is.
func (t *tree) saw(o object.Object) {
	id := o.ID()
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.index[keyOfID(id)]
	if !ok {
		return
	}
	n := &t.nodes[i]
	t.fill(n, o, metaOf(o))
	t.owners[n.UID] = n.Key
}

// fill says in a node how a live object is.
func (t *tree) fill(n *server.Node, o object.Object, meta metav1.ObjectMeta) {
	verdict := health.Assess(o, t.desired.Rules, t.person.people.now())
	n.Health, n.Message = string(verdict.Health), cut(t.hide.Text(verdict.Message), maxMessage)
	n.UID, n.Created, n.Hidden = string(meta.UID), meta.CreationTimestamp.Time, ""
}

// maxMessage is how much of a message of others is shown, in characters.
const maxMessage = 1024

// metaOf gives the few fields of an object's metadata that are looked at. What cannot be read is left out.
func metaOf(o object.Object) metav1.ObjectMeta {
	raw, _ := o.Fields["metadata"].(map[string]any)
	text := func(of map[string]any, name string) string {
		s, _ := of[name].(string)
		return s
	}
	meta := metav1.ObjectMeta{UID: types.UID(text(raw, "uid")), Name: text(raw, "name"), Namespace: text(raw, "namespace")}
	if at, err := time.Parse(time.RFC3339, text(raw, "creationTimestamp")); err == nil {
		meta.CreationTimestamp = metav1.NewTime(at)
	}
	owners, _ := raw["ownerReferences"].([]any)
	for _, v := range owners {
		owner, _ := v.(map[string]any)
		controls, _ := owner["controller"].(bool)
		meta.OwnerReferences = append(meta.OwnerReferences, metav1.OwnerReference{
			APIVersion: text(owner, "apiVersion"), Kind: text(owner, "kind"), Name: text(owner, "name"), UID: types.UID(text(owner, "uid")), Controller: &controls,
		})
	}
	return meta
}

// hides tells why the person may not do a verb to objects of a kind; "" if they may.
func (p *Person) hides(ctx context.Context, verb string, id object.ID, version string) (why string, err error) {
	kind, served, err := p.eyes.Kind(ctx, id, version)
	if err != nil {
		return "", err
	}
	if !served {
		return "the API server does not serve " + id.GroupKind(), nil
	}
	right := Right{Verb: verb, Group: kind.Resource.Group, Resource: kind.Resource.Resource}
	if kind.Namespaced {
		right.Namespace = id.Namespace
	}
	verdicts, err := p.may(ctx, right)
	if err != nil || verdicts[0].OK {
		return "", err
	}
	return verdicts[0].Why, nil
}

func (t *tree) resources() server.Resources {
	nodes := t.nodes
	slices.SortStableFunc(nodes, func(a, b server.Node) int {
		return strings.Compare(a.Kind+"\x00"+a.Namespace+"\x00"+a.Name, b.Kind+"\x00"+b.Namespace+"\x00"+b.Name)
	})
	if nodes == nil {
		nodes = []server.Node{}
	}
	return server.Resources{Nodes: nodes, Truncated: t.truncated}
}
