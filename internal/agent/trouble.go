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
	current, ok := t.currentRevision(ctx, live, selector)
	if !ok {
		return "" // its controller has not taken in what was applied: the pods that are there say nothing about it
	}
	var messages []string
	for _, pod := range pods {
		if !current(pod) {
			continue // of a revision that is on its way out: its trouble is what a fix undoes
		}
		if message, bad := health.PodTrouble(pod); bad {
			messages = append(messages, "pod "+pod.Name()+": "+message)
		}
	}
	if len(messages) == 0 {
		return ""
	}
	return slices.MinFunc(messages, strings.Compare)
}

// currentRevision tells which pods are of a workload's newest revision. It is false while its controller has not observed
// that yet.
func (t *turn) currentRevision(ctx context.Context, live object.Object, selector string) (current func(object.Object) bool, ok bool) {
	status, _ := live.Fields["status"].(map[string]any)
	meta, _ := live.Fields["metadata"].(map[string]any)
	if observed, has := status["observedGeneration"].(int64); has && observed != meta["generation"] {
		return nil, false
	}
	switch live.Kind() {
	case "Deployment":
		sets, err := t.client.List(ctx, object.ID{Group: "apps", Kind: "ReplicaSet", Namespace: live.Namespace()}, "v1", selector, podsRead)
		if err != nil {
			return nil, false
		}
		revision := live.Annotation(revisionAnnotation)
		for _, set := range sets {
			if revision != "" && set.Annotation(revisionAnnotation) == revision {
				return hasLabel("pod-template-hash", set.Label("pod-template-hash")), true
			}
		}
		return nil, false
	case "StatefulSet":
		revision, _ := status["updateRevision"].(string)
		return hasLabel("controller-revision-hash", revision), revision != ""
	}
	return func(object.Object) bool { return true }, true
}

// revisionAnnotation is how the Deployment controller numbers a Deployment's ReplicaSets, and names the newest on it.
const revisionAnnotation = "deployment.kubernetes.io/revision"

func hasLabel(key, value string) func(object.Object) bool {
	return func(pod object.Object) bool { return pod.Label(key) == value }
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
