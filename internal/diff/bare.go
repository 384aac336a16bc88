package diff

import (
	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// kept by the API server or by us: none of it is anybody's change.
var bookkeeping = []object.Path{
	object.Fields("metadata", "managedFields"), object.Fields("metadata", "resourceVersion"), object.Fields("metadata", "uid"),
	object.Fields("metadata", "generation"), object.Fields("metadata", "creationTimestamp"), object.Fields("metadata", "selfLink"),
	object.Fields("metadata", "labels", v1alpha1.LabelManaged), object.Fields("metadata", "annotations", v1alpha1.AnnotationOwner),
	object.Fields("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"), object.Fields("status"),
}

// Bare gives an object without what the API server and Plumb keep on it.
func Bare(o object.Object) object.Object {
	for _, path := range bookkeeping {
		o = object.Remove(o, path)
	}
	for _, path := range []object.Path{object.Fields("metadata", "labels"), object.Fields("metadata", "annotations")} {
		if v, ok := object.Get(o, path); ok {
			if entries, isMap := v.(map[string]any); isMap && len(entries) == 0 {
				o = object.Remove(o, path)
			}
		}
	}
	return o
}
