package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Make decides what a revision means for an app: for each object of Desired and each entry of the Inventory exactly one
// Step, in the order in which they are carried out. Hooks are the exception: they have Steps while their revision is not
// done, one for each phase in which they run, and one more if their object is to go; those to skip have none. Equal inputs
// give equal Plans, whatever the order of Desired and Inventory.
//
// A Plan sends at most what one turn of the order asks for (phase, then wave). What comes after it waits, and is sent by a
// later Plan that finds it healthy.
//
// Plan.Fault is set, and there are no Steps, if the app as a whole cannot be planned: DuplicateObject, or InvalidObject for
// a mark. What is wrong with one object is a Step with Action Refuse or Wait; the others go on.
func Make(in Input) Plan {
	p := Plan{Version: Version, App: in.App, Revision: in.Revision}
	in.Desired = yielded(in)
	m, warnings, f := newMaker(in)
	if f != nil {
		p.Fault = f
		return p
	}
	if applies := m.applySteps(); in.Rollout.Ending() {
		p.Steps = m.around(m.removalSteps(), false)
	} else {
		p.Steps = m.inOrder(applies, m.removalSteps())
	}
	slices.SortStableFunc(p.Steps, compareSteps)
	p.Consumed = m.consumed(p.Steps)
	p.Warnings = slices.Concat(warnings, m.copiesWarning(), m.releaseWarnings(p.Steps), m.markWarnings())
	return p
}

// compareSteps orders by turn, then by what needs what; removals come last.
func compareSteps(a, b Step) int {
	if a.Removes() != b.Removes() {
		return cmp.Compare(a.Order, b.Order)
	}
	if !a.Removes() {
		if c := a.turn().compare(b.turn()); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.Order, b.Order), a.ID.Compare(b.ID), cmp.Compare(phaseIndex(a.Phase), phaseIndex(b.Phase)))
}

func (s Step) turn() turn { return turn{phaseIndex(s.Phase), s.Wave} }

// wish is one object of Desired with what Make knows of it without the cluster.
type wish struct {
	object object.Object
	id     object.ID
	marks  object.Marks
	target bool // the app's own namespace, which is not in Git
}

// maker holds one Input, indexed.
type maker struct {
	in        Input
	wishes    []wish
	entries   map[object.ID]v1alpha1.InventoryEntry
	defined   map[string]object.ID // definitions of Desired, by the group/Kind that they define
	applies   map[object.ID]Step   // the steps of the wishes, as they are decided
	ownGroups map[string]bool      // API groups of which the app has, or had, a definition
	used      map[int]bool         // consents that allowed something, by their index
	hooks     []*hook              // that are due in this revision, in each of their phases
	gitHooks  []object.Object      // all that Git has
}

func newMaker(in Input) (*maker, []string, *fault.Fault) {
	m := &maker{
		in:        in,
		entries:   make(map[object.ID]v1alpha1.InventoryEntry, len(in.Inventory)),
		defined:   map[string]object.ID{},
		applies:   make(map[object.ID]Step, len(in.Desired)),
		ownGroups: map[string]bool{}, used: map[int]bool{},
	}
	for _, e := range in.Inventory {
		m.addEntry(e)
	}
	warnings, f := m.readDesired()
	if f != nil {
		return nil, nil, f
	}
	m.addTarget()
	slices.SortFunc(m.hooks, func(a, b *hook) int {
		return cmp.Or(cmp.Compare(phaseIndex(a.phase), phaseIndex(b.phase)), cmp.Compare(a.marks.Wave, b.marks.Wave), a.id.Compare(b.id))
	})
	slices.SortFunc(m.wishes, func(a, b wish) int { return compareWishes(m, a, b) })
	return m, warnings, nil
}

// addEntry indexes an Inventory entry. Of two for one object the confirmed one counts.
func (m *maker) addEntry(e v1alpha1.InventoryEntry) {
	id := EntryID(e)
	if known, twice := m.entries[id]; twice && known.UID != "" {
		return
	}
	m.entries[id] = e
	if _, group, ok := strings.Cut(id.Name, "."); ok && isDefinition(id) {
		m.ownGroups[group] = true
	}
}

// wishesOfGit tells whether Git has any object for the app.
func (m *maker) wishesOfGit() bool {
	return len(m.gitHooks) > 0 || slices.ContainsFunc(m.wishes, func(w wish) bool { return !w.target })
}

// readDesired fills wishes and defined. The Fault is the first in the order of IDs and places.
func (m *maker) readDesired() ([]string, *fault.Fault) {
	desired := slices.Clone(m.in.Desired)
	slices.SortStableFunc(desired, func(a, b object.Object) int {
		if c := a.ID().Compare(b.ID()); c != 0 {
			return c
		}
		return comparePlaces(a.Place, b.Place)
	})
	var warnings []string
	for i, o := range desired {
		marks, said, f := readMarks(o)
		if f != nil {
			return nil, f
		}
		if m.in.Rollout.Ending() {
			if f := m.addEnd(o, marks); f != nil {
				return nil, f
			}
			continue
		}
		warnings = append(warnings, said...)
		if marks.Skip {
			continue
		}
		if i > 0 && desired[i-1].ID() == o.ID() && o.Name() != "" {
			return nil, duplicate(desired[i-1], o)
		}
		if marks.Hook {
			if marks.LeaveAlone {
				continue
			}
			if f := m.addHook(o, marks); f != nil {
				return nil, f
			}
			continue
		}
		m.wishes = append(m.wishes, wish{object: o, id: o.ID(), marks: marks})
		if kind := definedKind(o); kind != "" {
			m.defined[kind] = o.ID()
		}
	}
	slices.Sort(warnings)
	return slices.Compact(warnings), nil
}

func duplicate(first, second object.Object) *fault.Fault {
	f := fault.New(fault.DuplicateObject, "%s is written twice", second.ID())
	if place := first.Place.String(); place != "" {
		f = fault.New(fault.DuplicateObject, "%s is written twice, first in %s", second.ID(), place)
	}
	return f.At(second.Place).WithNext("keep one of the two")
}

// addTarget adds the app's own namespace as a wish where Git does not have it: if it must be created for an object that
// lives in it, or if this app created it earlier. A namespace of somebody else is used, not claimed.
func (m *maker) addTarget() {
	if m.in.App.Target == "" || m.in.Policy.Removed {
		return
	}
	id := namespaceID(m.in.App.Target)
	used := false
	for _, w := range m.wishes {
		if w.id == id {
			return
		}
		used = used || w.id.Namespace == id.Name
	}
	used = used || slices.ContainsFunc(m.hooks, func(h *hook) bool { return h.id.Namespace == id.Name })
	if used && m.in.Picture.Absent[id] || m.madeTarget(id) {
		m.wishes = append(m.wishes, wish{object: targetNamespace(id.Name), id: id, target: true})
	}
}

// madeTarget tells whether the app's namespace exists by the Inventory's word, or by that of an entry written ahead and
// the label.
func (m *maker) madeTarget(id object.ID) bool {
	entry, recorded := m.entries[id]
	live, exists := m.in.Picture.Live[id]
	if !recorded || !exists || !m.mayClaim(live) {
		return false
	}
	return entry.UID == live.UID || entry.UID == "" && live.Managed
}

// targetNamespace is the app's namespace as we create it: with the label that we watch, without a claim, because apps may
// share it and one of them may have it in Git one day.
func targetNamespace(name string) object.Object {
	return object.Object{Fields: map[string]any{
		"apiVersion": "v1",
		"kind":       "Namespace",
		"metadata": map[string]any{
			"name":   name,
			"labels": map[string]any{v1alpha1.LabelManaged: "true"},
		},
	}}
}

// Needs lists the objects that the Picture for this Input must know: those of Desired and of the Inventory, and the app's
// own namespace. Hooks are among them while their revision is not done. In order of ID, each once.
func Needs(in Input) []object.ID {
	return slices.SortedFunc(maps.Keys(Versions(in)), object.ID.Compare)
}

// Versions gives the API version to ask for of each object that Needs lists.
func Versions(in Input) map[object.ID]string {
	versions := map[object.ID]string{}
	for _, e := range in.Inventory {
		if e.Hook == "" || !in.Rollout.Done || in.Rollout.Ending() {
			versions[EntryID(e)] = e.Version
		}
	}
	for _, o := range in.Desired {
		marks, _, f := readMarks(o)
		switch {
		case in.Rollout.Ending():
			for _, phase := range marks.Ends {
				versions[hookID(o, in.App, in.Rollout.Last, phase)] = o.Version()
			}
		case f == nil && (marks.Skip || marks.Hook && in.Rollout.Done):
		case f == nil && marks.Hook:
			for _, phase := range marks.Phases {
				versions[hookID(o, in.App, in.Revision, phase)] = o.Version()
			}
		default:
			versions[o.ID()] = o.Version()
		}
	}
	if in.App.Target != "" {
		versions[namespaceID(in.App.Target)] = "v1"
	}
	return versions
}

// Fresh lists the objects of Desired that may be presumed absent where the watches show none: the app never had them, nothing
// else depends on whether they exist, and an API server that finds one after all refuses to make it.
func Fresh(in Input) map[object.ID]bool {
	fresh := map[object.ID]bool{}
	for _, o := range in.Desired {
		marks, _, f := readMarks(o)
		if id := o.ID(); id.Namespace != "" && f == nil && !marks.Hook && !marks.Skip && !marks.LeaveAlone {
			fresh[id] = true
		}
	}
	for _, e := range in.Inventory {
		delete(fresh, EntryID(e))
	}
	return fresh
}

// Claims lists the objects of Desired that an app claims: what it leaves alone or skips is not among them. It is what
// Picture.Wanted of the other apps is made from. An object whose marks are wrong counts as claimed. The names that are
// generated for hooks are an app's own anyway.
func Claims(desired []object.Object) []object.ID {
	var ids []object.ID
	for _, o := range desired {
		if marks, _, f := readMarks(o); o.Name() == "" || f == nil && (marks.Skip || marks.LeaveAlone) {
			continue
		}
		ids = append(ids, o.ID())
	}
	slices.SortFunc(ids, object.ID.Compare)
	return slices.Compact(ids)
}

// EntryID gives the identity of an Inventory entry.
func EntryID(e v1alpha1.InventoryEntry) object.ID {
	return object.ID{Group: e.Group, Kind: e.Kind, Namespace: e.Namespace, Name: e.Name}
}

func compareWishes(m *maker, a, b wish) int {
	if c := m.applyOrder(a.id) - m.applyOrder(b.id); c != 0 {
		return c
	}
	return a.id.Compare(b.id)
}

func (m *maker) applyOrder(id object.ID) int {
	_, defined := m.defined[id.GroupKind()]
	return applyOrders[classOf(id, defined)]
}

func comparePlaces(a, b fault.Place) int {
	if a.File != b.File {
		if a.File < b.File {
			return -1
		}
		return 1
	}
	return a.Line - b.Line
}
