package people

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// maxToken is the length of a bearer token that is still looked at.
const maxToken = 16 << 10

// Login takes a bearer token of the API server, and has the API server say whose it is. Errors: CredentialsRefused, Unreachable,
// Rejected with CodeTooMany.
func (p *People) Login(ctx context.Context, token string) (server.Login, error) {
	token = strings.TrimSpace(token)
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return server.Login{}, refusedToken(nil)
	}
	select {
	case p.tries <- struct{}{}:
		defer func() { <-p.tries }()
	default:
		return server.Login{}, errTooMany("logins")
	}
	config := withToken(p.options.Config, token)
	client, err := clientOf(config)
	if err != nil {
		return server.Login{}, err
	}
	name, groups, err := whoIs(ctx, client)
	switch {
	case apierrors.IsUnauthorized(err):
		return server.Login{}, refusedToken(err)
	case err != nil:
		return server.Login{}, fault.New(fault.Unreachable, "the API server does not say whose the token is: %w", err).WithNext("try again")
	case name == "" || name == "system:anonymous":
		return server.Login{}, refusedToken(nil)
	}
	person, err := p.personOf(name, groups, server.ByKubeconfig, config)
	if err != nil {
		return server.Login{}, err
	}
	ends := endOf(token)
	return server.Login{Name: name, Enter: func(w http.ResponseWriter, r *http.Request) { p.admit(w, r, person, ends) }}, nil
}

func refusedToken(err error) error {
	if err == nil {
		return fault.New(fault.CredentialsRefused, "this is no bearer token of the API server").WithNext("plumb ui logs in with that of your kubeconfig")
	}
	return fault.New(fault.CredentialsRefused, "the API server does not accept the token: %w", err).WithNext("take a new one, for example from kubectl create token NAME")
}

// whoIs has the API server say who makes the requests of a client.
func whoIs(ctx context.Context, client rest.Interface) (name string, groups []string, err error) {
	review := authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"}}
	var answer authenticationv1.SelfSubjectReview
	if err := create(ctx, client, "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, &answer); err != nil {
		return "", nil, err
	}
	return answer.Status.UserInfo.Username, answer.Status.UserInfo.Groups, nil
}

// endOf gives when a token ends that is a JWT; the zero time is not known. Nothing is believed but that a session need not
// last longer: the API server judges the token at each request.
func endOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expires int64 `json:"exp"`
	}
	if json.Unmarshal(data, &claims) != nil || claims.Expires <= 0 {
		return time.Time{}
	}
	return time.Unix(claims.Expires, 0)
}
