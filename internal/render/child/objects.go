package child

import (
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// maxLists bounds lists of objects inside each other.
const maxLists = 5

// flatten adds an object, or the items of a list of objects, as kubectl would apply it.
func flatten(objects []object.Object, o object.Object) ([]object.Object, error) {
	return flattenDeep(objects, o, 0)
}

func flattenDeep(objects []object.Object, o object.Object, depth int) ([]object.Object, error) {
	items, isList := o.Fields["items"].([]any)
	if o.Kind() != "List" && !(isList && strings.HasSuffix(o.Kind(), "List")) {
		return append(objects, o), nil
	}
	if depth == maxLists {
		return nil, fault.New(fault.InvalidObject, "more than %d lists of objects lie inside each other", maxLists).At(o.Place)
	}
	for i, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fault.New(fault.InvalidObject, "item %d of the %s is not an object", i+1, o.Kind()).At(o.Place)
		}
		var err error
		if objects, err = flattenDeep(objects, object.Object{Fields: fields, Place: o.Place}, depth+1); err != nil {
			return nil, err
		}
	}
	return objects, nil
}
