package diff

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// Added is a field that a person's tool added to an object of ours. All that lies below it is that tool's too.
type Added struct {
	Path    object.Path
	Manager string
	owner   owner
}

// Foreign gives the fields that people's tools own alone and that applied, the object of ours as in Git, does not have:
// sorted, and of an added map or list entry only its top. Not drift, so not given: metadata, status, what came through
// a subresource, and annotations of a pod template (kubectl rollout restart must not restart twice).
func Foreign(applied object.Object, entries []metav1.ManagedFieldsEntry, manager string) []Added {
	people := owners(entries, func(e metav1.ManagedFieldsEntry) bool { return byPerson(e, manager) })
	if len(people) == 0 {
		return nil
	}
	others := owners(entries, func(e metav1.ManagedFieldsEntry) bool { return !byPerson(e, manager) })
	s := search{people: people}
	s.walk(union(people), union(others), any(applied.Fields), nil, nil)
	return s.found
}

type search struct {
	people []owner
	found  []Added
}

// walk goes down what people's tools own, beside what others own and what Git has at the same path. others may be nil.
func (s *search) walk(people, others *fieldpath.Set, git any, at fieldpath.Path, path object.Path) {
	for _, e := range elements(people) {
		at, path := append(at[:len(at):len(at)], e), path.Join(step(e))
		if notDrift(path) {
			continue
		}
		below, has := people.Children.Get(e)
		inGit, isInGit := child(git, step(e))
		if people.Members.Has(e) && !owns(others, e) && !isInGit {
			s.add(at, path)
			continue
		}
		if has {
			s.walk(below, descend(others, e), inGit, at, path)
		}
	}
}

func (s *search) add(at fieldpath.Path, path object.Path) {
	for _, o := range s.people {
		if o.set.Has(at) {
			s.found = append(s.found, Added{Path: path, Manager: o.entry.Manager, owner: o})
			return
		}
	}
}

// elements gives the path elements of a set, members and parents, sorted.
func elements(s *fieldpath.Set) []fieldpath.PathElement {
	var all []fieldpath.PathElement
	s.Members.Iterate(func(e fieldpath.PathElement) { all = append(all, e) })
	s.Children.Iterate(func(e fieldpath.PathElement) {
		if !s.Members.Has(e) {
			all = append(all, e)
		}
	})
	slices.SortFunc(all, func(a, b fieldpath.PathElement) int { return a.Compare(b) })
	return all
}

// owns tells whether a set has the element itself or anything below it.
func owns(s *fieldpath.Set, e fieldpath.PathElement) bool {
	return s != nil && (s.Members.Has(e) || descend(s, e) != nil)
}

func descend(s *fieldpath.Set, e fieldpath.PathElement) *fieldpath.Set {
	if s == nil {
		return nil
	}
	below, ok := s.Children.Get(e)
	if !ok || below.Empty() {
		return nil
	}
	return below
}

// child gives the value that a step leads to.
func child(v any, s object.Step) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		if key, ok := s.Key(); ok {
			e, ok := v[key]
			return e, ok
		}
	case []any:
		if i := s.IndexIn(v); i >= 0 {
			return v[i], true
		}
	}
	return nil, false
}

// notDrift tells which additions of people stay.
func notDrift(path object.Path) bool {
	top, _ := path[0].Key()
	if top == "metadata" || top == "status" {
		return true
	}
	if len(path) < 3 {
		return false
	}
	var names [3]string
	for i := range names {
		names[i], _ = path[len(path)-3+i].Key()
	}
	return names == [3]string{"template", "metadata", "annotations"}
}

// AddedChanges gives the additions as Changes, with the values that they have in the live object.
func AddedChanges(live object.Object, added []Added) []Change {
	changes := make([]Change, 0, len(added))
	for _, a := range added {
		v, _ := object.Get(live, a.Path)
		changes = append(changes, a.owner.sign(Change{Kind: Addition, Field: a.Path.String(), Live: redact.Value(live.ID(), a.Path, v)}))
	}
	return changes
}

// RemovalPatch gives a JSON patch that takes the additions out of the live object, and nothing else: it fails, rather
// than remove a neighbour, if the object has changed meanwhile. nil if there is nothing to take out.
func RemovalPatch(live object.Object, added []Added) ([]byte, error) {
	version, _ := object.Get(live, object.Fields("metadata", "resourceVersion"))
	if version == nil {
		return nil, fault.New(fault.ApplyFailed, "%s was read without its resourceVersion", live.ID())
	}
	var pointers [][]string
	for _, a := range added {
		if p, ok := pointer(live, a.Path); ok {
			pointers = append(pointers, p)
		}
	}
	if len(pointers) == 0 {
		return nil, nil
	}
	slices.SortFunc(pointers, lastFirst)
	patch := []map[string]any{{"op": "test", "path": "/metadata/resourceVersion", "value": version}}
	for _, p := range pointers {
		patch = append(patch, map[string]any{"op": "remove", "path": "/" + strings.Join(p, "/")})
	}
	return json.Marshal(patch)
}

// pointer finds the JSON pointer of a path in an object; false if it is not there.
func pointer(o object.Object, path object.Path) ([]string, bool) {
	var tokens []string
	at := any(o.Fields)
	for _, s := range path {
		next, ok := child(at, s)
		if !ok {
			return nil, false
		}
		if key, isField := s.Key(); isField {
			tokens = append(tokens, strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
		} else {
			tokens = append(tokens, strconv.Itoa(s.IndexIn(at.([]any))))
		}
		at = next
	}
	return tokens, true
}

// lastFirst orders the entries of a list from the last to the first, so that a removal moves none that is still to go.
func lastFirst(a, b []string) int {
	for i := 0; i < min(len(a), len(b)); i++ {
		if a[i] == b[i] {
			continue
		}
		x, errX := strconv.Atoi(a[i])
		y, errY := strconv.Atoi(b[i])
		if errX == nil && errY == nil && x != y {
			return y - x
		}
		return strings.Compare(a[i], b[i])
	}
	return len(b) - len(a)
}
