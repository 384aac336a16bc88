package preview

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// Hooks gives what a change does with the hooks of an app, from its rendered objects on both sides. A change makes a new
// revision, in which every hook runs: so all of them are listed if one of them or anything else (changed) differs, with what
// is different about each. install tells that no revision of the app was applied before.
func Hooks(before, after []object.Object, install, changed bool) []report.ObjectDiff {
	old := map[object.ID]object.Object{}
	was, _ := plan.Hooks(before)
	for _, o := range was {
		old[hookID(o)] = o
	}
	var out []report.ObjectDiff
	is, _ := plan.Hooks(after)
	for _, o := range is {
		id := hookID(o)
		d := report.ObjectDiff{Change: report.ObjectRuns, Object: id, Notes: []string{whenItRuns(o, install)}}
		previous, had := old[id]
		delete(old, id)
		if had {
			d.Fields = diff.Fields(diff.Bare(previous), diff.Bare(o))
		}
		changed = changed || !had || len(d.Fields) > 0
		out = append(out, d)
	}
	for id := range old {
		changed = true
		out = append(out, report.ObjectDiff{Change: report.ObjectKept, Object: id, Notes: []string{"a hook that does not run any more; what it made is left"}})
	}
	if !changed {
		return nil
	}
	return sorted(out)
}

// hookID gives the ID by which people know a hook: with its prefix where its name is generated.
func hookID(o object.Object) object.ID {
	id := o.ID()
	if meta, _ := o.Fields["metadata"].(map[string]any); id.Name == "" {
		id.Name = fmt.Sprint(meta["generateName"]) + "*"
	}
	return id
}

// whenItRuns tells in which phases a hook runs.
func whenItRuns(o object.Object, install bool) string {
	marks, _, err := object.MarksOf(o)
	if err != nil {
		return err.Error()
	}
	phases := marks.PhasesAt(install)
	fails := slices.Contains(phases, plan.SyncFail)
	phases = slices.DeleteFunc(phases, func(phase string) bool { return phase == plan.SyncFail })
	text := "hook: runs in " + strings.Join(phases, " and ")
	switch {
	case len(phases) == 0 && fails:
		text = "hook: runs if something fails"
	case len(phases) == 0 && install:
		text = "hook: runs at upgrades only"
	case len(phases) == 0:
		text = "hook: runs at the first install only"
	case fails:
		text += ", and if something fails"
	}
	if marks.Wave != 0 {
		text += fmt.Sprintf(", wave %d", marks.Wave)
	}
	return text
}
