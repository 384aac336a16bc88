package agent

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

// podsRead is how many pods of a workload are looked at for the cause of its trouble.
const podsRead = 50

// trouble asks the pods under a workload what keeps it from being healthy. It gives "" where there is nothing to say.
// It is read as the app's ServiceAccount, and only while the workload is not healthy.
func (t *turn) trouble(ctx context.Context, id object.ID, version string) string {
	if !ownsPods(id) || t.client == nil {
		return ""
	}
	live, _, err := t.client.Get(ctx, id, version)
	if err != nil {
		return ""
	}
	selector, err := selectorOf(live)
	if err != nil || selector == "" {
		return ""
	}
	pods, err := t.client.List(ctx, object.ID{Kind: "Pod", Namespace: id.Namespace}, "v1", selector, podsRead)
	if err != nil {
		return ""
	}
	var messages []string
	for _, pod := range pods {
		if message, bad := health.PodTrouble(pod); bad {
			messages = append(messages, "pod "+pod.Name()+": "+message)
		}
	}
	if len(messages) == 0 {
		return ""
	}
	return slices.MinFunc(messages, strings.Compare)
}

func ownsPods(id object.ID) bool {
	switch id.GroupKind() {
	case "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "apps/ReplicaSet", "batch/Job":
		return true
	}
	return false
}

// selectorOf gives the label selector of a workload in the form that a list takes.
func selectorOf(workload object.Object) (string, error) {
	spec, _ := workload.Fields["spec"].(map[string]any)
	raw, _ := spec["selector"].(map[string]any)
	labels, _ := raw["matchLabels"].(map[string]any)
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for key, value := range labels {
		if s, ok := value.(string); ok {
			selector.MatchLabels[key] = s
		}
	}
	if len(selector.MatchLabels) == 0 {
		return "", nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return "", err
	}
	return parsed.String(), nil
}
