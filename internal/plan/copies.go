package plan

import (
	"fmt"
	"slices"

	"plumb.dev/plumb/internal/object"
)

// copies finds the namespaces that the app has moved out of: an object that Git no longer has in one of them, and has
// under the same name in the app's own namespace. The objects of Git there are new copies; the old ones hold data.
// It gives the objects of the old copy by namespace.
func (m *maker) copies() map[string][]object.ID {
	target := m.in.App.Target
	if target == "" || m.in.Policy.Removed {
		return nil
	}
	found := map[string][]object.ID{}
	for id := range m.entries {
		if id.Namespace == "" || id.Namespace == target {
			continue
		}
		twin := id
		twin.Namespace = target
		_, stays := m.applies[id]
		_, copied := m.applies[twin]
		if !stays && copied {
			found[id.Namespace] = append(found[id.Namespace], id)
		}
	}
	return found
}

// copiesWarning says what a change of the app's namespace leaves behind, and the one-line way back (resources.md §7.3).
func (m *maker) copiesWarning() []string {
	var warnings []string
	for from, copied := range m.copies() {
		w := fmt.Sprintf("the app moves from namespace %s to %s: %d of its objects are made anew there, the old ones stay until their deletion is allowed; "+
			"to stay, write namespace: %s in plumb.yaml", from, m.in.App.Target, len(copied), from)
		var claims []string
		for id := range m.entries {
			if _, stays := m.applies[id]; !stays && id.Namespace == from && id.Kind == "PersistentVolumeClaim" {
				claims = append(claims, id.String())
			}
		}
		if len(claims) > 0 {
			w += "; data that stays behind: " + list(claims)
		}
		warnings = append(warnings, w)
	}
	slices.Sort(warnings)
	return warnings
}
