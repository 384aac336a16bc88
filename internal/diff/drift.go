package diff

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// Drift gives the fields of applied, the object as we applied it, that our live entry no longer owns: who owns each now,
// its value in Git and in the cluster, in the order of their paths. Additions are not among them: see Foreign.
//
// If we own all of it, and if there is no entry of ours, the values are compared instead; an object whose managedFields
// were stripped has a Change of metadata.managedFields too. A field that is absent in the cluster and false, 0 or empty
// in Git does not differ.
func Drift(applied, live object.Object, entries []metav1.ManagedFieldsEntry, manager string) []Change {
	d := drift{id: applied.ID(), live: live, owners: owners(entries, func(metav1.ManagedFieldsEntry) bool { return true })}
	var ours *fieldpath.Set
	if e := own(entries, manager); e != nil {
		ours, d.manager = set(*e), manager
	}
	d.sets = union(d.owners)
	d.compare = ours == nil
	d.fields(applied, ours)
	if ours != nil && len(d.changes) == 0 { // the same fields by a later apply of our manager's name: another value
		d.compare, d.manager = true, ""
		d.fields(applied, nil)
	}
	if len(entries) == 0 {
		return append([]Change{{Kind: Removed, Field: "metadata.managedFields"}}, d.changes...)
	}
	return d.changes
}

type drift struct {
	id      object.ID
	live    object.Object
	owners  []owner
	sets    *fieldpath.Set // of all owners: it knows how lists are keyed
	manager string         // ours, which does not count as somebody else
	compare bool           // equal values are no change
	changes []Change
}

// node is one place of the object: the value in Git, who owns it, the value in the cluster.
type node struct {
	git     any
	mine    *fieldpath.Set // of our entry, below this place; nil if none
	all     *fieldpath.Set // of all entries, below this place; nil if none
	at      fieldpath.Path // as managedFields writes it
	path    object.Path
	live    any
	present bool // in the cluster
}

// identity are the fields that managedFields leaves out (k8s.io/apimachinery, managedfields stripmeta).
var identity = map[string]bool{
	"apiVersion": true, "kind": true, "metadata": true,
	"metadata.name": true, "metadata.namespace": true, "metadata.generateName": true,
}

func (d *drift) fields(applied object.Object, ours *fieldpath.Set) {
	root := node{git: any(applied.Fields), mine: ours, all: d.sets, live: any(d.live.Fields), present: true}
	d.children(root)
}

// children looks at each field of a map.
func (d *drift) children(n node) {
	m := n.git.(map[string]any)
	for _, key := range sortedKeys(m) {
		c := n.child(m[key], fieldpath.FieldNameElement(key), object.Field(key))
		name := c.path.String()
		if name == "metadata" {
			d.children(c)
			continue
		}
		if !identity[name] {
			d.visit(n, c, fieldpath.FieldNameElement(key))
		}
	}
}

func (n node) child(git any, e fieldpath.PathElement, s object.Step) node {
	c := node{git: git, mine: descend(n.mine, e), all: descend(n.all, e), at: append(n.at[:len(n.at):len(n.at)], e), path: n.path.Join(s)}
	if n.present {
		c.live, c.present = child(n.live, s)
	}
	return c
}

// visit looks at a place that the element e of its parent leads to.
func (d *drift) visit(parent, n node, e fieldpath.PathElement) {
	owned := parent.mine != nil && parent.mine.Members.Has(e)
	switch v := n.git.(type) {
	case map[string]any:
		if n.mine != nil || len(v) > 0 && isMarks(n.path) {
			d.children(n)
			return
		}
		if !owned && len(v) > 0 && n.present {
			if _, ok := n.live.(map[string]any); ok {
				d.children(n)
				return
			}
		}
	case []any:
		if n.mine != nil || !owned {
			if d.entries(n, v) {
				return
			}
		}
	}
	if !owned {
		d.lost(n)
	}
}

// isMarks tells whether a place is that of the labels or the annotations: they are told one by one, also where the last of
// them is gone and the map with it.
func isMarks(path object.Path) bool {
	name := path.String()
	return name == "metadata.labels" || name == "metadata.annotations"
}

// entries looks at each entry of a list whose entries have names of their own; false if the list is one value.
func (d *drift) entries(n node, list []any) bool {
	if n.all == nil {
		return d.guessed(n, list)
	}
	known := elements(n.all)
	if len(known) == 0 || known[0].Key == nil && known[0].Value == nil {
		return false
	}
	for i, git := range list {
		if e, ok := elementOf(known, git); ok {
			d.visit(n, n.child(git, e, step(e)), e)
			continue
		}
		missing := n.child(git, fieldpath.IndexElement(i), named(git, known[0]))
		missing.all = nil
		d.visit(n, missing, fieldpath.IndexElement(i))
	}
	return true
}

// guessed compares the entries of a list that nobody owns any more, by the keys that such lists usually have.
func (d *drift) guessed(n node, list []any) bool {
	live, ok := n.live.([]any)
	if !ok || !n.present {
		return false
	}
	keys := listKeys(n.path, list, live)
	if keys == nil {
		return false
	}
	for i, git := range list {
		d.visit(n, n.child(git, fieldpath.IndexElement(i), itemStep(git, keys)), fieldpath.IndexElement(i))
	}
	return true
}

// named gives the step to an entry that is in nobody's set any more, by the keys that another entry of its list has.
func named(git any, like fieldpath.PathElement) object.Step {
	if like.Key == nil {
		return object.Element(git)
	}
	var names []string
	for _, k := range *like.Key {
		names = append(names, k.Name)
	}
	return itemStep(git, names)
}

// elementOf finds the element of managedFields that stands for an entry of a list. A key that the entry leaves out was
// filled in by the API server (the protocol of a port).
func elementOf(known []fieldpath.PathElement, git any) (fieldpath.PathElement, bool) {
	for _, exact := range []bool{true, false} {
		for _, e := range known {
			if e.Value != nil && object.Text(plain((*e.Value).Unstructured())) == object.Text(git) || e.Key != nil && hasKeys(git, e, exact) {
				return e, true
			}
		}
	}
	return fieldpath.PathElement{}, false
}

func hasKeys(git any, e fieldpath.PathElement, exact bool) bool {
	item, ok := git.(map[string]any)
	if !ok {
		return false
	}
	if exact {
		return step(e).IndexIn([]any{git}) == 0
	}
	found := false
	for _, k := range *e.Key {
		v, has := item[k.Name]
		if has && object.Text(v) != object.Text(plain(k.Value.Unstructured())) {
			return false
		}
		found = found || has
	}
	return found
}

// lost records a place that is not ours any more.
func (d *drift) lost(n node) {
	if d.compare && n.present && same(n.git, n.live) || !n.present && zero(n.git) {
		return
	}
	c := Change{Kind: Changed, Field: n.path.String(), Git: redact.Value(d.id, n.path, n.git)}
	if n.present {
		c.Live, c.Same = redact.Value(d.id, n.path, n.live), same(n.git, n.live)
	} else {
		c.Kind = Removed
	}
	if mark := n.path.String(); mark == labelPath || mark == ownerPath {
		c.Kind = Label
	}
	d.changes = append(d.changes, d.sign(c, n.at))
}

var (
	labelPath = object.Fields("metadata", "labels", v1alpha1.LabelManaged).String()
	ownerPath = object.Fields("metadata", "annotations", v1alpha1.AnnotationOwner).String()
)

// sign names the newest owner of a place.
func (d *drift) sign(c Change, at fieldpath.Path) Change {
	var newest *owner
	for i := range d.owners {
		o := &d.owners[i]
		if o.entry.Manager == d.manager && o.entry.Operation == metav1.ManagedFieldsOperationApply || !o.set.Has(at) {
			continue
		}
		if newest == nil || newest.entry.Time == nil || newest.entry.Time.Before(o.entry.Time) {
			newest = o
		}
	}
	if newest == nil {
		return c
	}
	return newest.sign(c)
}
