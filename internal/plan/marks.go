package plan

import (
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// readMarks reads what an object says about its own delivery, with warnings as text.
func readMarks(o object.Object) (object.Marks, []string, *fault.Fault) {
	marks, warnings, err := object.MarksOf(o)
	if err != nil {
		return marks, nil, fault.Of(err, fault.InvalidObject)
	}
	texts := make([]string, 0, len(warnings))
	for _, w := range warnings {
		texts = append(texts, w.String())
	}
	return marks, texts, nil
}
