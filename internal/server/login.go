package server

import (
	"context"
	"net/http"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Visitors are the people who come otherwise than with the page's token. Package people knows them.
type Visitors interface {
	// Of gives who sent a request, by the session that its cookie names.
	Of(r *http.Request) (Person, bool)
	// Holder gives who has the page's token: they are to the cluster what the agent is.
	Holder(ctx context.Context) Person
	// Doors are the ways in and out.
	Doors() Doors
}

// Doors are the ways in and out. Each handler verifies itself whom it lets in.
type Doors struct {
	Login    func(ctx context.Context, token string) (code, name string, err error) // by a bearer token of the API server
	Redeem   http.HandlerFunc                                                       // GET /login?code=…
	Begin    http.HandlerFunc                                                       // GET /login/oidc; nil: there is no provider
	Callback http.HandlerFunc                                                       // GET /login/callback
	Leave    func(w http.ResponseWriter, r *http.Request)
}

// everybody is the page's token, and who comes otherwise.
type everybody struct {
	tokenPeople
	visitors Visitors
}

// Of gives who sent a request.
func (e everybody) Of(r *http.Request) (Person, bool) {
	if _, ok := e.tokenPeople.Of(r); ok {
		return e.visitors.Holder(r.Context()), true
	}
	return e.visitors.Of(r)
}

func (s *server) doors() Doors {
	if s.Visitors == nil {
		return Doors{}
	}
	return s.Visitors.Doors()
}

// loginPage is the page at /login, and the end of a login that has a code.
func (s *server) loginPage(page http.HandlerFunc) http.HandlerFunc {
	redeem := s.doors().Redeem
	return func(w http.ResponseWriter, r *http.Request) {
		if redeem != nil && r.URL.Query().Has("code") {
			redeem(w, r)
			return
		}
		page(w, r)
	}
}

// or404 serves a door that may not be there.
func or404(door http.HandlerFunc) http.HandlerFunc {
	if door == nil {
		return http.NotFound
	}
	return door
}

// LoginWays says how people may come in.
type LoginWays struct {
	Kubeconfig bool `json:"kubeconfig" doc:"With a bearer token of the API server: POST /login, or plumb ui"`
	OIDC       bool `json:"oidc" doc:"At /login/oidc?next=<path>"`
}

func (s *server) loginWays(context.Context, *nothing) (LoginWays, error) {
	d := s.doors()
	return LoginWays{Kubeconfig: d.Login != nil, OIDC: d.Begin != nil}, nil
}

// loginBody is a bearer token of the API server.
type loginBody struct {
	Body struct {
		Token string `json:"token" maxLength:"16384"`
	}
}

// LoginCode is what a browser comes in with.
type LoginCode struct {
	Code string `json:"code" doc:"Good once, for a minute: GET /login?code=…"`
	Name string `json:"name" doc:"Whose token it is, as the API server says"`
}

func (s *server) login(ctx context.Context, in *loginBody) (LoginCode, error) {
	login := s.doors().Login
	if login == nil {
		return LoginCode{}, fault.New(fault.Unsupported, "this agent lets nobody in with a token of the API server").WithNext("open the page with the agent's own token")
	}
	code, name, err := login(ctx, in.Body.Token)
	return LoginCode{Code: code, Name: name}, err
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if leave := s.doors().Leave; leave != nil {
		leave(w, r)
	}
	w.WriteHeader(http.StatusNoContent)
}

// headerOfOurs is on every request of the API that is not a read: a form of another site cannot send it, and a script of
// another site must ask first, which is refused.
const headerOfOurs = "X-Plumb"

// forged tells whether a request may have been made by a page of somebody else.
func (s *server) forged(r route, req *http.Request) bool {
	if req.Method == http.MethodGet || req.Method == http.MethodHead || !strings.HasPrefix(r.pattern, apiPath) {
		return false
	}
	return req.Header.Get(headerOfOurs) != "1" || s.origins.Check(req) != nil
}

func refuseForged(w http.ResponseWriter) {
	refuse(w, http.StatusForbidden, "the request may come from another site", "send it from the page itself, or with the header "+headerOfOurs+": 1 and without an Origin of another site")
}
