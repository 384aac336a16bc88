package preview

import (
	"context"
	"slices"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// applications is the longest list of Argo CD's Applications that is read.
const applications = 2000

// Adopt works out what it means that an app takes over, as of its Base, the objects that other delivery tools track: whose
// each is, what would change on it, and what of the other tool would undo it. It asks as a person and writes nothing.
func (p *Previewer) Adopt(ctx context.Context, app App) (report.Adoption, error) {
	answer := report.Adoption{Address: app.Identity.Address(), Fault: app.Before}
	if answer.Fault != nil {
		return answer, nil
	}
	app.Applied, app.Tree = Side{}, Side{}
	s, err := p.see(ctx, app, app.sides()...)
	if err != nil {
		return answer, err
	}
	plain, err := p.side(ctx, app, s, app.Base)
	if err != nil {
		answer.Fault = fault.Of(err, fault.InvalidObject)
		return answer, nil
	}
	tools := toolsOf(s, plain)
	for _, tool := range tools {
		app.Policy.Adopt = append(app.Policy.Adopt, tool.String())
	}
	asked, err := p.side(ctx, app, s, app.Base)
	if err != nil || asked.plan.Fault != nil {
		answer.Fault = fault.Of(err, fault.InvalidObject)
		if asked.plan.Fault != nil {
			answer.Fault = asked.plan.Fault
		}
		return answer, nil
	}
	for id, step := range asked.steps {
		if !step.Adopts {
			delete(asked.objects, id)
		}
	}
	if err := p.predict(ctx, s, asked); err != nil {
		return answer, err
	}
	c := comparison{app: app, sight: s, tree: asked}
	for _, step := range asked.plan.Steps {
		c.adopted(&answer, step)
	}
	for _, tool := range tools {
		answer.Tools = append(answer.Tools, p.letsGo(ctx, tool))
	}
	for _, r := range plan.ReleasesOf(s.picture, app.Inventory) {
		if kept := p.Eyes.HelmKeeps(ctx, r.Namespace, r.Name); kept != "" {
			answer.Releases = append(answer.Releases, report.HelmRelease{Name: r.String(), Forget: r.Forget(kept)})
		}
	}
	answer.Notes = s.notes()
	return answer, nil
}

// toolsOf lists the tools that objects of a side belong to, each once, in the order of their names.
func toolsOf(s *sight, of side) []plan.Tool {
	found := map[string]plan.Tool{}
	for id, o := range of.rendered {
		if step := of.steps[id]; step.Action != plan.Refuse {
			continue // ours by now, or left alone
		}
		if tool := plan.ToolOn(s.picture.Live[id], o); tool != nil {
			found[tool.String()] = *tool
		}
	}
	tools := make([]plan.Tool, 0, len(found))
	for _, tool := range found {
		tools = append(tools, tool)
	}
	slices.SortFunc(tools, func(a, b plan.Tool) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return tools
}

// adopted adds what a step means to the answer.
func (c comparison) adopted(answer *report.Adoption, step plan.Step) {
	switch {
	case step.Object == nil:
	case step.Adopts:
		answer.Objects = append(answer.Objects, c.adoptedObject(step))
	case step.Action == plan.Refuse:
		answer.Objects = append(answer.Objects, report.AdoptedObject{
			ObjectDiff: report.ObjectDiff{Change: report.ObjectRefused, Object: step.ID, Notes: []string{step.Fault.Message}},
		})
	default:
		answer.Others++
	}
}

func (c comparison) adoptedObject(step plan.Step) report.AdoptedObject {
	o := c.tree.objects[step.ID]
	out := report.AdoptedObject{ObjectDiff: report.ObjectDiff{Change: report.ObjectMoved, Object: step.ID}, From: step.From.Tool}
	asked := c.sight.answers[question(o)]
	if asked.err != nil {
		out.Change = report.ObjectRefused
		out.Notes = []string{fault.Of(asked.err, fault.Rejected).Message}
		if step.ID.Kind == "Secret" {
			out.Notes = []string{"the API server refuses it; its message may quote a value and is not shown"}
		}
		return out
	}
	was, is := c.sight.live[step.ID], asked.object
	for _, m := range step.Sheds {
		was, is = object.Remove(was, m.Path()), object.Remove(is, m.Path())
	}
	out.Fields = diff.Fields(diff.Bare(was), diff.Bare(is))
	if !asked.local {
		found := c.risks(pair{was: was, is: is}, side{}, c.tree, step.ID, asked)
		out.Restarts = slices.ContainsFunc(found, func(r risk) bool { return r.word == report.RiskRestart || r.word == report.RiskDowntime })
		note(&out.ObjectDiff, found...)
	}
	out.Folded = len(out.Notes) == 0 && len(out.Fields) > 0 && folded(out.Fields)
	return out
}

// letsGo looks at the other tool's own object. Of Argo CD only the name may be known, and it may live in another cluster.
func (p *Previewer) letsGo(ctx context.Context, tool plan.Tool) report.OtherTool {
	out := report.OtherTool{Name: tool.String(), Resource: tool.Resource()}
	own, err := p.ownObject(ctx, tool)
	switch {
	case own != nil:
		out.Seen, out.Holds, out.Gone = true, plan.HoldsOf(tool, *own), tool.Gone(*own)
	case err != nil:
		out.Why = fault.Of(err, fault.Unreachable).Message
	default:
		out.Why = "it is not in this cluster"
	}
	return out
}

// ownObject gives the tool's own object; nil if it is not in this cluster.
func (p *Previewer) ownObject(ctx context.Context, tool plan.Tool) (*object.Object, error) {
	if tool.Namespace == "" {
		list, err := p.Eyes.List(ctx, tool.ID(), tool.Version(), "", applications)
		if i := slices.IndexFunc(list, func(o object.Object) bool { return o.Name() == tool.App }); i >= 0 {
			return &list[i], nil
		}
		if !fault.Is(err, fault.Forbidden) {
			return nil, err
		}
		tool.Namespace = "argocd" // where Argo CD lives by default
	}
	live, _, err := p.Eyes.Get(ctx, tool.ID(), tool.Version())
	switch {
	case cluster.IsGone(err), fault.Is(err, fault.KindUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &live, nil
}
