package state

import (
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

// byBadness lists the health words, the worst first.
var byBadness = []v1alpha1.Health{
	v1alpha1.Degraded, v1alpha1.Missing, v1alpha1.Unknown, v1alpha1.Progressing, v1alpha1.Suspended, v1alpha1.Healthy,
}

func badness(h v1alpha1.Health) int {
	if i := slices.Index(byBadness, h); i >= 0 {
		return i
	}
	return slices.Index(byBadness, v1alpha1.Unknown)
}

// worst gives the worst health of the verdicts; no object at all is Healthy.
func worst(verdicts map[object.ID]health.Verdict) v1alpha1.Health {
	w := len(byBadness) - 1
	for _, v := range verdicts {
		w = min(w, badness(v.Health))
	}
	return byBadness[w]
}

// worstObject gives the object with the worst health; of several the first that says why, then the first by ID.
// There is none if all are Healthy or Suspended.
func worstObject(verdicts map[object.ID]health.Verdict) (id object.ID, v health.Verdict, found bool) {
	for other, o := range verdicts {
		if o.Health == v1alpha1.Healthy || o.Health == v1alpha1.Suspended {
			continue
		}
		if !found || worse(other, o, id, v) {
			id, v, found = other, o, true
		}
	}
	return id, v, found
}

func worse(a object.ID, va health.Verdict, b object.ID, vb health.Verdict) bool {
	if x, y := badness(va.Health), badness(vb.Health); x != y {
		return x < y
	}
	if x, y := va.Message != "", vb.Message != ""; x != y {
		return x
	}
	return a.Compare(b) < 0
}

// Fingerprint gives the same text for the same verdicts and another when health moved, in either direction.
func Fingerprint(verdicts map[object.ID]health.Verdict) string {
	lines := make([]string, 0, len(verdicts))
	for id, v := range verdicts {
		if v.Health != v1alpha1.Healthy {
			lines = append(lines, id.GroupKind()+" "+id.Namespace+" "+id.Name+" "+string(v.Health)+" "+v.Message)
		}
	}
	slices.Sort(lines)
	return object.DigestBytes([]byte(strings.Join(lines, "\n")))
}
