package diff

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.dev/plumb/internal/object"
)

// Dropped gives the fields that go from an object because nobody has them any more: those of our entry as Migrate left it,
// before, that our entry in the answer to an apply, after, does not have, and that no manager but the migrated ones has.
// Of a map or a list entry that goes as a whole only its top is given.
func Dropped(before, after []metav1.ManagedFieldsEntry, manager string, migrated []string) []object.Path {
	was, is := own(before, manager), own(after, manager)
	if was == nil || is == nil || set(*was) == nil || set(*is) == nil {
		return nil
	}
	left := union(owners(after, func(e metav1.ManagedFieldsEntry) bool {
		return movable(e, manager, migrated, "") == nil
	}))
	var paths []object.Path
	var walk func(set *fieldpath.Set, left *fieldpath.Set, path object.Path)
	walk = func(set, left *fieldpath.Set, path object.Path) {
		for _, e := range elements(set) {
			path := path.Join(step(e))
			if set.Members.Has(e) && !owns(left, e) {
				paths = append(paths, path)
				continue
			}
			if below := descend(set, e); below != nil {
				walk(below, descend(left, e), path)
			}
		}
	}
	walk(set(*was).Difference(set(*is)), left, nil)
	return paths
}
