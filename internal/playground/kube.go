package playground

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/install"
)

// The names of what is written into the cluster.
const (
	namespace  = "plumb-system"
	repoName   = "fleet"
	hookSecret = "fleet-hook"
	deployer   = "plumb-deployer"
	manager    = "plumb-up" // user agent
)

var (
	repoResource = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "repos"}
	appResource  = schema.GroupVersionResource{Group: "plumb.dev", Version: "v1alpha1", Resource: "apps"}
)

// kube writes Plumb's own objects and reads the states of apps.
type kube struct {
	client dynamic.Interface
	config *rest.Config
}

func connect(kubeconfig string) (*kube, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // a few dozen requests
	config.UserAgent = manager
	client, err := dynamic.NewForConfig(config)
	return &kube{client: client, config: config}, err
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

// install writes what an installation has but the agent, which runs here, the webhook's secret and the Repo. It may be
// repeated.
func (k *kube) install(ctx context.Context, repo fields, secret string) error {
	objects, err := install.Objects(install.Options{Parts: []string{deploy.CRDs, deploy.Access, deploy.Policies}})
	if err != nil {
		return err
	}
	for _, o := range []fields{
		object("v1", "Secret", namespace, hookSecret, fields{
			"data": fields{"secret": base64.StdEncoding.EncodeToString([]byte(secret))},
		}),
		object("plumb.dev/v1alpha1", "Repo", namespace, repoName, fields{"spec": repo}),
	} {
		objects = append(objects, &unstructured.Unstructured{Object: o})
	}
	installer, err := install.New(k.config, manager)
	if err != nil {
		return err
	}
	_, err = installer.Apply(ctx, objects)
	return err
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
