package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// leaseName is the Lease by which the agent shows that its word still holds (resources.md §2, asOf).
const leaseName = "plumb-agent"

// userAgent is what the API server's audit log knows a person's verbs by.
const userAgent = "plumb-cli"

// kubeFlags are kubectl's flags for choosing a cluster and a person.
type kubeFlags struct {
	kubeconfig, context, namespace string
	as                             string
	asGroups                       []string
	timeout                        string
}

func (k *kubeFlags) add(flags *pflag.FlagSet) {
	k.addConnection(flags)
	flags.StringVarP(&k.namespace, "namespace", "n", "", "look only at the App and Repo objects of this namespace (default: all)")
}

// addConnection adds those of verbs that are about the cluster as a whole.
func (k *kubeFlags) addConnection(flags *pflag.FlagSet) {
	flags.StringVar(&k.kubeconfig, "kubeconfig", "", "path of the kubeconfig (default: KUBECONFIG, else ~/.kube/config)")
	flags.StringVar(&k.context, "context", "", "context of the kubeconfig")
	flags.StringVar(&k.as, "as", "", "act as this user")
	flags.StringArrayVar(&k.asGroups, "as-group", nil, "act as a member of this group; may be repeated")
	flags.StringVar(&k.timeout, "request-timeout", "0", "how long one request to the API server may take, for example 10s; 0 is no limit")
}

// connect reads the kubeconfig as kubectl does. It asks no server.
func (k *kubeFlags) connect(env Env) (*kube, error) {
	config, own, err := k.load(env)
	if err != nil {
		return nil, err
	}
	return newKube(config, k.namespace, own)
}

// load gives the client configuration of the person, and the namespace where people look who may not look everywhere.
func (k *kubeFlags) load(env Env) (config *rest.Config, own string, err error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: k.kubeconfig, Precedence: kubeconfigs(env)}
	if k.kubeconfig != "" {
		rules.ExplicitPath = absolute(env, k.kubeconfig)
	}
	overrides := &clientcmd.ConfigOverrides{
		CurrentContext: k.context,
		Timeout:        k.timeout,
		AuthInfo:       api.AuthInfo{Impersonate: k.as, ImpersonateGroups: k.asGroups},
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	if config, err = loader.ClientConfig(); err != nil {
		return nil, "", fault.New(fault.Unreachable, "no cluster can be chosen: %w", err).
			WithNext("set KUBECONFIG, or pass --kubeconfig FILE or --context NAME; plumb up starts a playground")
	}
	own, _, err = loader.Namespace()
	if err != nil || own == metav1.NamespaceDefault {
		own = v1alpha1.Namespace
	}
	return config, own, nil
}

// kubeconfigs lists the files that KUBECONFIG names, else the one in the home folder.
func kubeconfigs(env Env) []string {
	if list := env.Getenv("KUBECONFIG"); list != "" {
		return filepath.SplitList(list)
	}
	home := env.Getenv("HOME")
	if home == "" {
		home = env.Getenv("USERPROFILE")
	}
	return []string{filepath.Join(home, ".kube", "config")}
}

// kube is the API server as a person's verbs see it: a handful of typed requests, each made as that person.
type kube struct {
	plumb    rest.Interface // plumb.dev/v1alpha1
	leases   rest.Interface // coordination.k8s.io/v1
	reviews  rest.Interface // authentication.k8s.io/v1
	config   *rest.Config   // of the person
	selected string         // --namespace; "" is all
	own      string         // where people look who may not list all: the context's namespace, else plumb-system
}

func newKube(config *rest.Config, selected, own string) (*kube, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, coordinationv1.AddToScheme, authenticationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("set up the kinds: %w", err)
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	person := config
	config = rest.CopyConfig(config)
	config.UserAgent = userAgent
	config.QPS = -1 // a person's few requests need no limit of their own
	config.APIPath = "/apis"
	config.ContentType = runtime.ContentTypeJSON
	config.AcceptContentTypes = runtime.ContentTypeJSON
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the kubeconfig cannot be used: %w", err).WithNext("kubectl config view --minify shows what is in use")
	}
	k := &kube{config: person, selected: selected, own: own}
	for version, to := range map[schema.GroupVersion]*rest.Interface{
		v1alpha1.GroupVersion: &k.plumb, coordinationv1.SchemeGroupVersion: &k.leases, authenticationv1.SchemeGroupVersion: &k.reviews,
	} {
		config.GroupVersion = &version
		if *to, err = rest.RESTClientForConfigAndClient(config, client); err != nil {
			return nil, fault.New(fault.Unreachable, "the kubeconfig cannot be used: %w", err).WithNext("kubectl config view --minify shows what is in use")
		}
	}
	return k, nil
}

// fleet takes one look: Repos, Apps and the agent's Lease. Whoever may not list all namespaces sees those of one.
func (k *kube) fleet(ctx context.Context, now func() time.Time) (report.Fleet, error) {
	var repos v1alpha1.RepoList
	err := k.plumb.Get().Namespace(k.selected).Resource("repos").Do(ctx).Into(&repos)
	if apierrors.IsForbidden(err) && k.selected == "" {
		k.selected = k.own
		err = k.plumb.Get().Namespace(k.selected).Resource("repos").Do(ctx).Into(&repos)
	}
	if err != nil {
		return report.Fleet{}, kubeError(err)
	}
	var apps v1alpha1.AppList
	if err := k.plumb.Get().Namespace(k.selected).Resource("apps").Do(ctx).Into(&apps); err != nil {
		return report.Fleet{}, kubeError(err)
	}
	return report.Fleet{Apps: apps.Items, Repos: repos.Items, Agent: k.agent(ctx), Now: now()}, nil
}

// kubeError tells a cluster without Plumb from one that does not answer.
func kubeError(err error) error {
	if apierrors.IsNotFound(err) {
		return fault.New(fault.KindUnknown, "Plumb's resources are not installed in this cluster: %w", err).
			WithNext("kubectl config current-context shows which cluster this is; plumb up starts a playground")
	}
	return err
}

// agent reads the Lease. That it cannot be read is no error: then nobody vouches for anything.
func (k *kube) agent(ctx context.Context) report.Agent {
	var lease coordinationv1.Lease
	err := k.leases.Get().Namespace(v1alpha1.Namespace).Resource("leases").Name(leaseName).Do(ctx).Into(&lease)
	switch {
	case apierrors.IsNotFound(err):
		return report.Agent{}
	case err != nil:
		return report.Agent{Why: err.Error()}
	case lease.Spec.RenewTime == nil:
		return report.Agent{}
	}
	return report.Agent{Heard: lease.Spec.RenewTime.Time, ReadOnly: lease.Annotations[v1alpha1.AnnotationReadOnly] == "true", SecretsEvery: lease.Annotations[v1alpha1.AnnotationSecrets]}
}

// me gives the person's name as the API server knows it.
func (k *kube) me(ctx context.Context) (string, error) {
	var review authenticationv1.SelfSubjectReview
	body := &authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"}}
	if err := k.reviews.Post().Resource("selfsubjectreviews").Body(body).Do(ctx).Into(&review); err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}

// patchApp changes the named fields of an App, as the CLI's field manager. A field that is nil is taken away.
func (k *kube) patchApp(ctx context.Context, app v1alpha1.App, fields map[string]any) error {
	return k.patch(ctx, "apps", app.Namespace, app.Name, fields)
}

func (k *kube) patch(ctx context.Context, resource, namespace, name string, fields map[string]any) error {
	data, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("write the patch: %w", err)
	}
	return k.plumb.Patch(types.MergePatchType).Namespace(namespace).Resource(resource).Name(name).
		Param("fieldManager", v1alpha1.ManagerCLI).Param("fieldValidation", "Strict").Body(data).Do(ctx).Error()
}

// syncRequest gives the patch that asks for a pass, and the token that the agent echoes.
func syncRequest(now time.Time) (fields map[string]any, token string) {
	nonce := make([]byte, 6)
	_, _ = rand.Read(nonce) // never fails
	token = now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(nonce)
	return map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationSync: token}}}, token
}
