package agent

import (
	"context"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// autoscalerLimit is the longest list of autoscalers of a namespace that is read; of a longer one nobody knows the rest.
const autoscalerLimit = 500

// lookForAutoscalers lists the autoscalers of namespaces where somebody has scaled an object of ours: usually of none.
func (t *turn) lookForAutoscalers(ctx context.Context, p *plan.Picture, in plan.Input) {
	for _, namespace := range plan.ScaledIn(in.Desired, p.Live) {
		for kind, version := range plan.AutoscalerVersions {
			id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace}
			found, err := t.client.List(ctx, id, version, "", autoscalerLimit)
			if err != nil || len(found) == autoscalerLimit {
				t.log.Debug("the autoscalers are not known: their marks on the objects decide", "kind", kind.Kind, "namespace", namespace, "error", err)
				if p.Unscaled == nil {
					p.Unscaled = map[string]bool{}
				}
				p.Unscaled[namespace] = true
			}
			for _, o := range found {
				if a, ok := plan.AutoscalerOf(o); ok {
					p.Autoscalers = append(p.Autoscalers, a)
				}
			}
		}
	}
}
