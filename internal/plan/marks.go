package plan

import (
	"strconv"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// marks is what an object says about its own delivery.
type marks struct {
	skip       bool // a hook that means Skip: not applied at all
	prune      string
	createOnly bool
	leaveAlone bool
	replace    bool
}

// readMarks reads the marks of one object. A hook or a wave is refused: it is never accepted and ignored.
func readMarks(o object.Object) (marks, []string, *fault.Fault) {
	m := marks{prune: o.Annotation(v1alpha1.AnnotationPrune)}
	m.createOnly = o.Annotation(v1alpha1.AnnotationApply) == "create-only"
	m.leaveAlone = o.Annotation("kustomize.toolkit.fluxcd.io/reconcile") == "disabled"
	if hook := o.Annotation(v1alpha1.AnnotationHook); hook == "Skip" {
		m.skip = true
	} else if hook != "" {
		return m, nil, notSupported(o, v1alpha1.AnnotationHook, hook)
	}
	if wave := o.Annotation(v1alpha1.AnnotationWave); wave != "" {
		if n, err := strconv.Atoi(strings.TrimSpace(wave)); err != nil || n != 0 {
			return m, nil, notSupported(o, v1alpha1.AnnotationWave, wave)
		}
	}
	return m, nil, nil
}

func notSupported(o object.Object, annotation, value string) *fault.Fault {
	return fault.New(fault.Unsupported, "%s has the annotation %s: %s, which is not supported yet", o.ID(), annotation, value).
		At(o.Place).WithNext("take the annotation off, or leave the object out of the app")
}
