package install

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/fault"
)

// Remove takes an installation out: first the agent, then what it needed. With definitions these go last, and with them all
// Repos, Apps and Inventories; the namespace, which holds people's Secrets, always stays. It deletes nothing else: what apps
// have delivered runs on.
func (i *Installer) Remove(ctx context.Context, definitions bool) ([]Result, error) {
	all, err := i.outdated(ctx, nil)
	if err != nil {
		return nil, err
	}
	var agent, rest []*unstructured.Unstructured
	for _, o := range all {
		if o.GetKind() == "Deployment" {
			agent = append(agent, o)
		} else {
			rest = append(rest, o)
		}
	}
	results, err := i.remove(ctx, agent)
	if err != nil {
		return nil, err
	}
	if err := i.untilNoPods(ctx, agent); err != nil {
		return results, err
	}
	if definitions {
		crds, err := Objects(Options{Parts: []string{deploy.CRDs}})
		if err != nil {
			return results, err
		}
		rest = append(crds, rest...)
	}
	more, err := i.remove(ctx, rest)
	return append(results, more...), err
}

// untilNoPods waits until the agent's pods are gone: an agent that still runs while its rights go would only say so.
func (i *Installer) untilNoPods(ctx context.Context, agent []*unstructured.Unstructured) error {
	if i.DryRun || len(agent) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, podsLimit, fmt.Errorf("the agent's pods have not ended within %s", podsLimit))
	defer cancel()
	return until(ctx, func() (bool, error) {
		pods, err := i.agentPods(ctx)
		return err == nil && len(pods) == 0, err
	})
}

// podsLimit is how long the agent's pods may take to end: its grace is 30 s.
const podsLimit = time.Minute

func (i *Installer) agentPods(ctx context.Context) ([]unstructured.Unstructured, error) {
	list, err := i.client.Resource(resources["Pod"]).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=plumb-agent"})
	if err != nil {
		return nil, fmt.Errorf("list the agent's pods: %w", err)
	}
	return list.Items, nil
}

func (i *Installer) remove(ctx context.Context, objects []*unstructured.Unstructured) ([]Result, error) {
	var results []Result
	for _, o := range objects {
		options := metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)}
		if i.DryRun {
			options.DryRun = []string{metav1.DryRunAll}
		}
		if uid := o.GetUID(); uid != "" {
			options.Preconditions = &metav1.Preconditions{UID: &uid}
		}
		err := i.at(o).Delete(ctx, o.GetName(), options)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", Name(o), err)
		}
		results = append(results, Result{Object: Name(o), Did: Deleted})
	}
	return results, nil
}

// takes are the kinds that a file of `plumb install -f` may hold.
var takes = []string{"Repo", "App", "Cluster", "Secret"}

// Begin reads the resources that Plumb begins with: Repos, Apps, Clusters, and the Secrets that they name.
func Begin(text []byte) ([]*unstructured.Unstructured, error) {
	objects, err := Parse(text)
	if err != nil {
		return nil, fault.New(fault.InvalidObject, "the file is no YAML of resources: %w", err)
	}
	for _, o := range objects {
		if !slices.Contains(takes, o.GetKind()) || o.GetName() == "" || o.GroupVersionKind().GroupVersion() != resources[o.GetKind()].GroupVersion() {
			return nil, fault.New(fault.Unsupported, "%s %s (%s) is none of the resources that Plumb begins with: Repo, App and Cluster of plumb.dev/v1alpha1, and Secret", o.GetKind(), o.GetName(), o.GetAPIVersion()).
				WithNext("put it into the repository: there it is delivered")
		}
		if o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
	}
	return objects, nil
}
