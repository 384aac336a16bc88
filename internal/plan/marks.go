package plan

import (
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// readMarks reads what an object says about its own delivery. Hooks and waves are not supported yet: they are refused with
// their place and annotation, and never accepted and ignored. Hooks to skip are accepted: they have no step.
func readMarks(o object.Object) (object.Marks, []string, *fault.Fault) {
	marks, warnings, err := object.MarksOf(o)
	if err != nil {
		return marks, nil, fault.Of(err, fault.InvalidObject)
	}
	if marks.Hook || !marks.Skip && marks.Wave != 0 {
		return marks, nil, fault.New(fault.Unsupported, "%s has the annotation %s, which is not supported yet", o.ID(), marks.Source).
			At(o.Place).WithNext("take the annotation off, or leave the object out of the app")
	}
	texts := make([]string, 0, len(warnings))
	for _, w := range warnings {
		texts = append(texts, w.String())
	}
	return marks, texts, nil
}
