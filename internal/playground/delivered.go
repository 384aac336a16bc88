package playground

import (
	"context"
	"errors"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// delivery is what people are told of the apps at the end of the start.
type delivery struct {
	apps    []string // names of apps
	envs    []string // names of environments, in order of appearance
	targets int      // apps, each environment counted
	bad     []string // "api/dev is failed: …"
	waiting []string // "api/dev is rolling"
	summary string   // of the Repo, where there is no app
}

// deliveryLimit bounds the wait for the first delivery. It is not an error to be slower: the agent goes on.
const deliveryLimit = time.Minute

// waitDelivered waits until every app is ok, has failed or waits for a person, or there is none to wait for.
func (k *kube) waitDelivered(ctx context.Context) delivery {
	ctx, cancel := context.WithTimeoutCause(ctx, deliveryLimit, errors.New("slow"))
	defer cancel()
	var d delivery
	_ = poll(ctx, func() (bool, error) {
		repo, err := k.client.Resource(repoResource).Namespace(namespace).Get(ctx, repoName, metav1.GetOptions{})
		if err != nil {
			return false, nil
		}
		apps, err := k.client.Resource(appResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, nil
		}
		d = describe(repo, apps.Items)
		decided, _, _ := unstructured.NestedString(repo.Object, "status", "revision")
		return decided != "" && len(d.waiting) == 0, nil
	})
	return d
}

func describe(repo *unstructured.Unstructured, apps []unstructured.Unstructured) delivery {
	d := delivery{targets: len(apps)}
	d.summary, _, _ = unstructured.NestedString(repo.Object, "status", "summary")
	for _, a := range apps {
		labels := a.GetLabels()
		name, env := labels["plumb.dev/app"], labels["plumb.dev/env"]
		if name == "" {
			name = a.GetName()
		}
		d.apps = appendNew(d.apps, name)
		address := name
		if env != "" {
			d.envs = appendNew(d.envs, env)
			address += "/" + env
		}
		state, _, _ := unstructured.NestedString(a.Object, "status", "state")
		summary, _, _ := unstructured.NestedString(a.Object, "status", "summary")
		held, _, _ := unstructured.NestedInt64(a.Object, "status", "heldCount")
		if state == "waiting" && held > 0 { // for a person: the start does not wait for that
			d.bad = append(d.bad, address+" is waiting: "+summary)
			continue
		}
		switch state {
		case "ok", "paused":
		case "failed", "drifted":
			d.bad = append(d.bad, address+" is "+state+": "+summary)
		case "":
			d.waiting = append(d.waiting, address+" is not looked at yet")
		default:
			d.waiting = append(d.waiting, address+" is "+state)
		}
	}
	return d
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
