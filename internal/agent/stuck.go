package agent

import (
	"context"
	"strings"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// keepers are the conditions by which Kubernetes says what keeps a namespace that is being deleted, the more telling first
// (k8s.io/api core/v1, NamespaceConditionType).
var keepers = []string{"NamespaceFinalizersRemaining", "NamespaceContentRemaining", "NamespaceDeletionDiscoveryFailure", "NamespaceDeletionGroupVersionParsingFailure", "NamespaceDeletionContentFailure"}

// lookWhatKeeps notes what keeps a namespace that is being deleted: people look for that for hours.
func (t *turn) lookWhatKeeps(ctx context.Context, p *plan.Picture, namespace string) {
	live, _, err := t.client.Get(ctx, object.ID{Kind: "Namespace", Name: namespace}, "v1")
	if err != nil {
		return // it may be gone, or nobody may read it: then the wait has no reason
	}
	if why := whatKeeps(live); why != "" {
		if p.Stuck == nil {
			p.Stuck = map[string]string{}
		}
		p.Stuck[namespace] = why
	}
}

// whatKeeps gives the first message of a condition that says what is left.
func whatKeeps(namespace object.Object) string {
	found, _ := object.Get(namespace, object.Fields("status", "conditions"))
	conditions, _ := found.([]any)
	for _, keeper := range keepers {
		for _, c := range conditions {
			c, _ := c.(map[string]any)
			message, _ := c["message"].(string)
			if c["type"] == keeper && c["status"] == "True" && message != "" {
				return strings.TrimSuffix(message, ".")
			}
		}
	}
	return ""
}
