package preview

import (
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

// RenderedRisks is Rendered with what else happens, as far as the manifests tell it.
func RenderedRisks(before, after []object.Object) []report.ObjectDiff {
	was, is := map[object.ID]object.Object{}, map[object.ID]object.Object{}
	for _, o := range before {
		was[o.ID()] = o
	}
	c := comparison{sight: &sight{}, tree: side{rendered: is}}
	for _, o := range after {
		is[o.ID()] = o
	}
	out := Rendered(before, after)
	for i := range out {
		d := &out[i]
		if d.Change == report.ObjectDeleted {
			note(d, loss(d.Object, was[d.Object])...)
			continue
		}
		old, now := was[d.Object], is[d.Object]
		note(d, risks(pair{was: old, is: now, saidBefore: old, said: now}, c.scalers(c.tree))...)
		d.Folded = len(d.Notes) == 0 && len(d.Fields) > 0 && folded(d.Fields)
	}
	return out
}

// Rendered compares rendered objects by identity, and asks nobody: what came or changed in the order of the new side, then what went.
func Rendered(before, after []object.Object) []report.ObjectDiff {
	old := map[object.ID]object.Object{}
	for _, o := range before {
		old[o.ID()] = o
	}
	var out []report.ObjectDiff
	for _, o := range after {
		previous, ok := old[o.ID()]
		delete(old, o.ID())
		if !ok {
			out = append(out, report.ObjectDiff{Change: report.ObjectAdded, Object: o.ID()})
			continue
		}
		if fields := diff.Fields(diff.Bare(previous), diff.Bare(o)); len(fields) > 0 {
			out = append(out, report.ObjectDiff{Change: report.ObjectChanged, Object: o.ID(), Fields: fields})
		}
	}
	for _, o := range before {
		if _, gone := old[o.ID()]; gone {
			out = append(out, report.ObjectDiff{Change: report.ObjectDeleted, Object: o.ID()})
		}
	}
	return out
}
