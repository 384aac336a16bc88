package install

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
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
	for _, step := range []func() ([]Result, error){
		func() ([]Result, error) { return i.remove(ctx, rest) },
		func() ([]Result, error) { return i.releaseApps(ctx) }, // an agent elsewhere has no rights any more to put it back
		func() ([]Result, error) { return i.removeDefinitions(ctx, definitions) },
	} {
		did, err := step()
		if results = append(results, did...); err != nil {
			return results, err
		}
	}
	return results, nil
}

func (i *Installer) removeDefinitions(ctx context.Context, wanted bool) ([]Result, error) {
	if !wanted {
		return nil, nil
	}
	crds, err := Objects(Options{Parts: []string{deploy.CRDs}})
	if err != nil {
		return nil, err
	}
	return i.remove(ctx, crds)
}

// releaseApps takes the finalizer off the Apps that were to go with their objects: without an agent nobody would, and neither
// they nor the definition could ever be deleted. Their objects stay.
func (i *Installer) releaseApps(ctx context.Context) ([]Result, error) {
	apps, err := i.client.Resource(resources["App"]).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the Apps: %w", err)
	}
	var results []Result
	for _, app := range apps.Items {
		rest := slices.DeleteFunc(app.GetFinalizers(), func(f string) bool { return f == v1alpha1.FinalizerPrune })
		if len(rest) == len(app.GetFinalizers()) {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": rest, "resourceVersion": app.GetResourceVersion()}})
		if err != nil {
			return results, err
		}
		options := metav1.PatchOptions{FieldManager: Manager}
		if i.DryRun {
			options.DryRun = []string{metav1.DryRunAll}
		}
		_, err = i.client.Resource(resources["App"]).Namespace(app.GetNamespace()).Patch(ctx, app.GetName(), types.MergePatchType, patch, options)
		if err != nil && !apierrors.IsNotFound(err) {
			return results, fmt.Errorf("%s keeps its finalizer %s: %w", Name(&app), v1alpha1.FinalizerPrune, err)
		}
		results = append(results, Result{Object: Name(&app), Did: Released})
	}
	return results, nil
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
