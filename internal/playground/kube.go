package playground

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// The names of what is written into the cluster.
const (
	namespace  = "plumb-system"
	repoName   = "fleet"
	hookSecret = "fleet-hook"
	deployer   = "plumb-deployer"
	manager    = "plumb-up" // field manager
)

var (
	crdResource       = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	namespaceResource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	accountResource   = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	secretResource    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	bindingResource   = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}
	repoResource      = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "repos"}
	appResource       = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "apps"}
)

// kube writes Plumb's own objects and reads the states of apps.
type kube struct{ client dynamic.Interface }

func connect(kubeconfig string) (*kube, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // a few dozen requests
	config.UserAgent = manager
	client, err := dynamic.NewForConfig(config)
	return &kube{client}, err
}

// useContext writes a kubeconfig with the named context of the user's alone. The user's file is only read.
func (s *state) useContext(name string) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := rules.Load()
	if err != nil {
		return err
	}
	if config.Contexts[name] == nil {
		return fmt.Errorf("the kubeconfig has no context %q; kubectl config get-contexts lists them", name)
	}
	config.CurrentContext = name
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return err
	}
	if err := clientcmd.ResolveLocalPaths(config); err != nil {
		return err
	}
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return os.WriteFile(s.kubeconfig(), text, 0o600)
}

// mayTake refuses a cluster in which the Repo's name is taken by a real one.
func (k *kube) mayTake(ctx context.Context) error {
	found, err := k.client.Resource(repoResource).Namespace(namespace).Get(ctx, repoName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("look at the cluster: %w", err)
	}
	remote, _, _ := unstructured.NestedString(found.Object, "spec", "url")
	if u, err := url.Parse(remote); err == nil && u.Hostname() == "127.0.0.1" {
		return nil
	}
	return fmt.Errorf("this cluster has a Repo %s/%s already, which follows %s; plumb up would take it over", namespace, repoName, remote)
}

type fields = map[string]any

// install writes the CRDs, the account that deploys, the webhook's secret and the Repo. It may be repeated.
func (k *kube) install(ctx context.Context, crds [][]byte, repo fields, secret string) error {
	names, err := k.installCRDs(ctx, crds)
	if err != nil {
		return err
	}
	for _, o := range []struct {
		resource schema.GroupVersionResource
		object   fields
	}{
		{namespaceResource, object("v1", "Namespace", "", namespace, nil)},
		{accountResource, object("v1", "ServiceAccount", namespace, deployer, nil)},
		{bindingResource, object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", deployer, fields{
			"roleRef":  fields{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
			"subjects": []any{fields{"kind": "ServiceAccount", "namespace": namespace, "name": deployer}},
		})},
		{secretResource, object("v1", "Secret", namespace, hookSecret, fields{
			"data": fields{"secret": base64.StdEncoding.EncodeToString([]byte(secret))},
		})},
	} {
		if err := k.apply(ctx, o.resource, o.object); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := k.waitEstablished(ctx, name); err != nil {
			return err
		}
	}
	return k.apply(ctx, repoResource, object("plumb.dev/v1alpha1", "Repo", namespace, repoName, fields{"spec": repo}))
}

// repo is the Repo's spec.
func (r *repository) repo() fields {
	spec := fields{"url": r.url, "webhook": fields{"secret": hookSecret}}
	if r.branch != "" {
		spec["revision"] = r.branch
	}
	return spec
}

func object(apiVersion, kind, namespace, name string, rest fields) fields {
	metadata := fields{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	o := fields{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}
	for key, value := range rest {
		o[key] = value
	}
	return o
}

func (k *kube) apply(ctx context.Context, resource schema.GroupVersionResource, o fields) error {
	u := &unstructured.Unstructured{Object: o}
	var client dynamic.ResourceInterface = k.client.Resource(resource)
	if u.GetNamespace() != "" {
		client = k.client.Resource(resource).Namespace(u.GetNamespace())
	}
	if _, err := client.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: manager, Force: true}); err != nil {
		return fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

func (k *kube) installCRDs(ctx context.Context, crds [][]byte) ([]string, error) {
	var names []string
	for _, text := range crds {
		var o fields
		if err := yaml.Unmarshal(text, &o); err != nil {
			return nil, fmt.Errorf("a custom resource definition: %w", err)
		}
		if len(o) == 0 {
			continue
		}
		if err := k.apply(ctx, crdResource, o); err != nil {
			return nil, err
		}
		names = append(names, (&unstructured.Unstructured{Object: o}).GetName())
	}
	return names, nil
}

// establishLimit bounds the wait for a CRD; tens of milliseconds are usual.
const establishLimit = 30 * time.Second

func (k *kube) waitEstablished(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, establishLimit, errors.New("it was not established in time"))
	defer cancel()
	return poll(ctx, func() (bool, error) {
		crd, err := k.client.Resource(crdResource).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(fields); ok && c["type"] == "Established" && c["status"] == "True" {
				return true, nil
			}
		}
		return false, nil
	})
}

// look is how often a condition is asked for while a person waits for it.
const look = 50 * time.Millisecond

func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
