package install

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

const namespace = v1alpha1.Namespace

// Wait waits until the agent's Deployment has rolled out. When ctx ends before, the error says what its pods say.
func (i *Installer) Wait(ctx context.Context) error {
	agent := &unstructured.Unstructured{Object: map[string]any{"kind": "Deployment", "metadata": map[string]any{"namespace": namespace, "name": "plumb-agent"}}}
	var last health.Verdict
	err := until(ctx, func() (bool, error) {
		live, err := i.at(agent).Get(ctx, agent.GetName(), metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		last = health.Assess(object.Object{Fields: live.Object}, nil, metav1.Now().Time)
		return last.Health == v1alpha1.Healthy, nil
	})
	if err == nil || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return err
	}
	why := last.Message
	if pods, err := i.agentPods(context.WithoutCancel(ctx)); err == nil {
		for _, pod := range pods {
			if message, bad := health.PodTrouble(object.Object{Fields: pod.Object}); bad {
				why = "pod " + pod.GetName() + ": " + message
			}
		}
	}
	return fault.New(fault.HealthTimeout, "the agent does not run yet: %s", why).
		WithNext("kubectl -n %s get pods; plumb doctor", namespace)
}
