package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
)

// api asks the API server, as the person.
type api struct {
	rest   *rest.RESTClient
	client *http.Client
	host   string
}

func connect(config *rest.Config) (*api, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // a few dozen requests
	config.UserAgent = "plumb-cli"
	config.WarningHandler = rest.NoWarnings{}
	config.GroupVersion = &schema.GroupVersion{}
	config.APIPath = "/"
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	if config.Timeout == 0 {
		config.Timeout = 15 * time.Second
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the kubeconfig cannot be used: %w", err).WithNext("kubectl config view --minify shows what is in use")
	}
	restClient, err := rest.RESTClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the kubeconfig cannot be used: %w", err).WithNext("kubectl config view --minify shows what is in use")
	}
	host, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the kubeconfig cannot be used: %w", err).WithNext("kubectl config view --minify shows what is in use")
	}
	return &api{rest: restClient, client: client, host: strings.TrimSuffix(host.String(), "/")}, nil
}

// get reads what is at a path. It is an error for which apierrors.IsNotFound is true if there is nothing.
func (a *api) get(ctx context.Context, path string, into any) error {
	path, query, _ := strings.Cut(path, "?")
	req := a.rest.Get().AbsPath(path).SetHeader("Accept", "application/json")
	if key, value, ok := strings.Cut(query, "="); ok {
		req = req.Param(key, value)
	}
	data, err := answered(req.Do(ctx))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (a *api) post(ctx context.Context, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := answered(a.rest.Post().AbsPath(path).SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").Body(data).Do(ctx))
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// answered gives the body of an answer; Result.Raw alone would give an error without what the API server has said.
func answered(result rest.Result) ([]byte, error) {
	if err := result.Error(); err != nil && !runtime.IsNotRegisteredError(err) {
		return nil, err
	}
	return result.Raw()
}

// may asks whether somebody may do something; user "" is the person who asks.
func (a *api) may(ctx context.Context, user string, what authorizationv1.ResourceAttributes) (bool, error) {
	var answer struct {
		Status authorizationv1.SubjectAccessReviewStatus `json:"status"`
	}
	meta := metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
	if user == "" {
		err := a.post(ctx, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
			authorizationv1.SelfSubjectAccessReview{TypeMeta: meta, Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}, &answer)
		return answer.Status.Allowed, err
	}
	meta.Kind = "SubjectAccessReview"
	err := a.post(ctx, "/apis/authorization.k8s.io/v1/subjectaccessreviews", authorizationv1.SubjectAccessReview{
		TypeMeta: meta, Spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: &what, User: user, Groups: groupsOf(user)}}, &answer)
	return answer.Status.Allowed, err
}

// groupsOf gives the groups of a ServiceAccount.
func groupsOf(user string) []string {
	namespace, _, ok := strings.Cut(strings.TrimPrefix(user, accountPrefix), ":")
	if !ok {
		return nil
	}
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
}

const accountPrefix = "system:serviceaccount:"

func isForbidden(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }
func isGone(err error) bool      { return apierrors.IsNotFound(err) }
