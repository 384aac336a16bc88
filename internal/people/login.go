package people

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
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

// Login takes a bearer token of the API server, has the API server say whose it is, and gives a code. Whoever brings the code
// to Redeem within a minute is that person. Errors: CredentialsRefused, Unreachable, Rejected with CodeTooMany.
func (p *People) Login(ctx context.Context, token string) (code, name string, err error) {
	token = strings.TrimSpace(token)
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", "", refusedToken(nil)
	}
	select {
	case p.tries <- struct{}{}:
		defer func() { <-p.tries }()
	default:
		return "", "", errTooMany("logins")
	}
	config := withToken(p.options.Config, token)
	client, err := clientOf(config)
	if err != nil {
		return "", "", err
	}
	name, groups, err := whoIs(ctx, client)
	switch {
	case apierrors.IsUnauthorized(err):
		return "", "", refusedToken(err)
	case err != nil:
		return "", "", fault.New(fault.Unreachable, "the API server does not say whose the token is: %w", err).WithNext("try again")
	case name == "" || name == "system:anonymous":
		return "", "", refusedToken(nil)
	}
	person, err := p.personOf(name, groups, server.ByKubeconfig, config)
	if err != nil {
		return "", "", err
	}
	return p.codes.put(login{person: person, ends: endOf(token)}), name, nil
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

// Redeem answers GET /login?code=…&to=/path: it begins the session of a code. A code works once. A page of somebody else cannot have a
// browser take up a code, and with it another login than its owner believes.
func (p *People) Redeem(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
		sendTo(w, r, "/login?refused=link")
		return
	}
	who, ok := p.codes.take(r.URL.Query().Get("code"))
	if !ok {
		sendTo(w, r, "/login?refused=code")
		return
	}
	p.admit(w, r, who)
	sendTo(w, r, ownPath(r.URL.Query().Get("to")))
}

// sendTo sends the browser to another page of ours.
func sendTo(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// isSecure tells whether the browser came by TLS: to this process, or to the proxy that the address of the page is of. Not every
// proxy passes on the host that it was asked for; a port-forward is known by its loopback address.
func (p *People) isSecure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	page, err := url.Parse(p.options.PageURL)
	return err == nil && page.Scheme == "https" && !onLoopback((&url.URL{Host: r.Host}).Hostname())
}

// ownPath gives a path of ours to go on at after a login: what is no plain path is not followed.
func ownPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || len(path) > 2048 || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return path
}
