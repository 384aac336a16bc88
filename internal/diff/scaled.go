package diff

import (
	"bytes"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"plumb.dev/plumb/internal/object"
)

// ScaledField is a field that somebody else than Git has set in the way in which autoscalers do.
type ScaledField struct {
	Field   string `json:"field"` // a path of package object
	Manager string `json:"manager"`
	// Count: it is a number of replicas, set through the subresource scale (HorizontalPodAutoscaler, KEDA, kubectl scale).
	// Else it is of the resources of a container, set by a VerticalPodAutoscaler.
	Count bool `json:"count,omitempty"`
}

// verticalPrefixes begin the field managers of a VerticalPodAutoscaler: its programs are vpa-recommender, vpa-updater and
// vpa-admission-controller (kubernetes/autoscaler), and a manager is named after the program.
var verticalPrefixes = []string{"vpa-", "vertical-pod-autoscaler"}

// Scaled gives the fields that autoscalers, or those who use the same way, have set: those that came through the
// subresource scale, and container resources set by a VerticalPodAutoscaler. Ours are not among them. It looks at the
// names of the entries first, so that an object that nobody scales costs nothing.
func Scaled(entries []metav1.ManagedFieldsEntry, manager string) []ScaledField {
	var found []ScaledField
	for _, e := range entries {
		count := e.Subresource == "scale"
		vertical := e.Subresource == "" && isVertical(e.Manager)
		if e.Manager == manager || !count && !vertical {
			continue
		}
		s := set(e)
		if s == nil {
			continue
		}
		s.Leaves().Iterate(func(p fieldpath.Path) {
			if path := pathOf(p); count && !inStatus(path) || vertical && ofResources(path) {
				found = append(found, ScaledField{Field: path.String(), Manager: e.Manager, Count: count})
			}
		})
	}
	slices.SortFunc(found, func(a, b ScaledField) int { return strings.Compare(a.Field+" "+a.Manager, b.Field+" "+b.Manager) })
	return found
}

func isVertical(manager string) bool {
	return slices.ContainsFunc(verticalPrefixes, func(prefix string) bool { return strings.HasPrefix(manager, prefix) })
}

func pathOf(p fieldpath.Path) object.Path {
	path := make(object.Path, len(p))
	for i, e := range p {
		path[i] = step(e)
	}
	return path
}

func inStatus(path object.Path) bool {
	top, _ := path[0].Key()
	return top == "status" || top == "metadata"
}

func ofResources(path object.Path) bool {
	return slices.ContainsFunc(path, func(s object.Step) bool { key, ok := s.Key(); return ok && key == "resources" })
}

// OwnsReplicas tells whether the entry of one of the managers has a field replicas: if it becomes ours and Git does not
// have it, the API server sets it to its default.
func OwnsReplicas(entries []metav1.ManagedFieldsEntry, managers ...string) bool {
	return slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource == "" && slices.Contains(managers, e.Manager) && e.FieldsV1 != nil &&
			bytes.Contains(e.FieldsV1.GetRawBytes(), []byte(`"f:replicas":`))
	})
}

// Uncounted tells whether nobody owns a number of replicas. Where Git has one, and it is not ours any more, somebody has
// scaled to none: a Scale leaves out a zero, so that the API server does not see who wrote it.
func Uncounted(entries []metav1.ManagedFieldsEntry) bool {
	return !slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource != "status" && e.FieldsV1 != nil && bytes.Contains(e.FieldsV1.GetRawBytes(), []byte(`"f:replicas":`))
	})
}

// ScaledText writes ScaledFields in one line each, and ReadScaled reads them: for values that must be comparable.
func ScaledText(fields []ScaledField) string {
	var b strings.Builder
	for _, f := range fields {
		way := "resources"
		if f.Count {
			way = "count"
		}
		b.WriteString(f.Field + "\t" + f.Manager + "\t" + way + "\n")
	}
	return b.String()
}

// ReadScaled reads what ScaledText wrote.
func ReadScaled(text string) []ScaledField {
	var fields []ScaledField
	for line := range strings.Lines(text) {
		if parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(parts) == 3 {
			fields = append(fields, ScaledField{Field: parts[0], Manager: parts[1], Count: parts[2] == "count"})
		}
	}
	return fields
}
