package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/cluster"
)

// Person is somebody with a login. All requests of a Person are made with their own client configuration.
type Person struct {
	people *People
	name   string
	groups []string
	how    string // server.ByToken, …
	config *rest.Config
	rest   rest.Interface
	eyes   cluster.Person
	rights *rights
}

// Name is the person as the API server knows them.
func (p *Person) Name() string { return p.name }

// Groups are the groups that the person is known to be in.
func (p *Person) Groups() []string { return slices.Clone(p.groups) }

// How tells how the person has shown who they are.
func (p *Person) How() string { return p.how }

// may gives a verdict on each right, in their order.
func (p *Person) may(ctx context.Context, all ...Right) ([]Verdict, error) {
	return p.rights.may(ctx, all...)
}

// mayOne gives the verdict on one right; what cannot be asked is denied, and the verdict says so.
func (p *Person) mayOne(ctx context.Context, right Right) Verdict {
	verdicts, _ := p.may(ctx, right) // the error stands in the verdict
	return verdicts[0]
}

// need gives the fault of the first right that the person lacks.
func (p *Person) need(ctx context.Context, all ...Right) error {
	verdicts, err := p.may(ctx, all...)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if !v.OK {
			return mayNot(v)
		}
	}
	return nil
}

// same tells whether two logins are of one person.
func (p *Person) same(other *Person) bool { return p.name == other.name && p.how == other.how }

// personOf makes a Person of a client configuration.
func (p *People) personOf(name string, groups []string, how string, config *rest.Config) (*Person, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.UserAgent = "plumb-page/" + p.options.Version
	config.WarningHandler = rest.NoWarnings{}
	eyes, err := p.options.Cluster.EyesOf(config)
	if err != nil {
		return nil, err
	}
	client, err := clientOf(config)
	if err != nil {
		return nil, err
	}
	person := &Person{people: p, name: name, groups: groups, how: how, config: config, rest: client, eyes: eyes}
	person.rights = newRights(name, p.now, person.ask)
	return person, nil
}

// clientOf makes a client for the few requests that are made by their paths.
func clientOf(config *rest.Config) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config = rest.CopyConfig(config)
	config.GroupVersion = &schema.GroupVersion{}
	config.APIPath = "/"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	return client, nil
}

// ask puts one question about a right, as the person.
func (p *Person) ask(ctx context.Context, right Right) (allowed bool, said string, err error) {
	review := authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: right.Verb, Group: right.Group, Resource: right.Resource, Subresource: right.Subresource, Namespace: right.Namespace, Name: right.Name,
		}},
	}
	var answer authorizationv1.SelfSubjectAccessReview
	if err := create(ctx, p.rest, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, &answer); err != nil {
		return false, "", err
	}
	return answer.Status.Allowed && !answer.Status.Denied, answer.Status.Reason, nil
}

// create posts an object and reads the answer.
func create(ctx context.Context, client rest.Interface, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	raw, err := answerOf(client.Post().AbsPath(path).SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").
		MaxRetries(0).Timeout(askFor).Body(data).Do(ctx))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, answer)
}

// askFor is how long the API server may take for one small question.
const askFor = 10 * time.Second

// answerOf gives the body of an answer, or an error with what the API server has said.
func answerOf(result rest.Result) ([]byte, error) {
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// withToken is the API server as the holder of a bearer token meets it. Nothing of the agent's own login is in it.
func withToken(config *rest.Config, token string) *rest.Config {
	config = rest.AnonymousClientConfig(config)
	config.BearerToken = token
	return config
}

// impersonating is the API server as a person meets it for whom the agent speaks.
func impersonating(config *rest.Config, name string, groups []string) *rest.Config {
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return onlyAs{name: name, groups: groups, next: next} })
	return config
}

// onlyAs is the last layer before the wire: no request of a person leaves without the name that it was made for, since it
// would run as the agent.
type onlyAs struct {
	name   string
	groups []string
	next   http.RoundTripper
}

// RoundTrip refuses a request that bears another name, or other groups.
func (o onlyAs) RoundTrip(req *http.Request) (*http.Response, error) {
	if reserved(o.name) || slices.ContainsFunc(o.groups, reserved) {
		return nil, errors.New("refused to speak for a name or a group of the system")
	}
	if !passes(o.name) || slices.ContainsFunc(o.groups, func(group string) bool { return !passes(group) }) {
		return nil, errors.New("refused to speak for a name or a group that would be another one behind the wire")
	}
	if got := req.Header.Values("Impersonate-User"); len(got) != 1 || got[0] != o.name {
		return nil, fmt.Errorf("refused to send a request as %q on the connection of %q", got, o.name)
	}
	if got := req.Header.Values("Impersonate-Group"); !slices.Equal(got, o.groups) {
		return nil, fmt.Errorf("refused to send a request of %q in other groups", o.name)
	}
	return o.next.RoundTrip(req)
}

// reserved tells whether a name or a group is one of Kubernetes itself, or none at all.
func reserved(name string) bool {
	trimmed := strings.ToLower(strings.TrimSpace(name))
	return trimmed == "" || strings.HasPrefix(trimmed, "system:")
}
