package server

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// Visitors are the people who come otherwise than with the agent's token. Package people knows them.
type Visitors interface {
	// Of gives who sent a request, by the session that its cookie names.
	Of(r *http.Request) (Person, bool)
	// Holder gives who has the agent's token, until their session ends; the zero time is never. They are to the cluster what the agent is.
	Holder(ctx context.Context, until time.Time) Person
	// Doors are the ways in and out.
	Doors() Doors
}

// Doors are the ways in and out. Each verifies itself whom it lets in.
type Doors struct {
	Login    func(ctx context.Context, token string) (Login, error) // by a token; nil: there is no such way
	Begin    http.HandlerFunc                                       // GET /login/oidc; nil: there is no provider
	Callback http.HandlerFunc                                       // GET /login/callback
	Leave    func(r *http.Request)                                  // ends the session of a request; nil: there is none to end
}

// Login is somebody who has shown who they are, and whose browser has still to come.
type Login struct {
	Name  string
	Enter Enter
	Good  time.Duration // how long the browser may take; 0 is a minute
}

// everybody is who has the agent's token, and who comes otherwise.
type everybody struct {
	tokenPeople
	visitors Visitors
}

// Of gives who sent a request.
func (e everybody) Of(r *http.Request) (Person, bool) {
	if until, ok := e.session(r); ok {
		return e.visitors.Holder(r.Context(), until), true
	}
	return e.visitors.Of(r)
}

// Doors are those of the visitors; the agent's token opens the one for tokens too.
func (e everybody) Doors() Doors {
	d := e.visitors.Doors()
	others := d.Login
	d.Login = func(ctx context.Context, token string) (Login, error) {
		switch {
		case e.isToken(token):
			return e.login(e.visitors.Holder(ctx, time.Time{}).Who().Name), nil
		case others == nil:
			return e.tokenPeople.Doors().Login(ctx, token)
		}
		return others(ctx, token)
	}
	return d
}

// loginPage is the page at /login, and the end of a login that has a code.
func (s *server) loginPage(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("code") {
			s.enter(w, r)
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
	Kubeconfig bool `json:"kubeconfig" doc:"With a bearer token of the API server: POST /login, or plumb ui. The agent's own token is taken there too"`
	OIDC       bool `json:"oidc" doc:"At /login/oidc?next=<path>"`
}

func (s *server) loginWays(context.Context, *nothing) (LoginWays, error) {
	return LoginWays{Kubeconfig: s.Visitors != nil && s.Visitors.Doors().Login != nil, OIDC: s.doors.Begin != nil}, nil
}

// loginBody is a token of the API server, or the agent's.
type loginBody struct {
	Body struct {
		Token string `json:"token" maxLength:"16384"`
	}
}

// LoginCode is what a browser comes in with.
type LoginCode struct {
	Code  string    `json:"code" doc:"Good once: GET /login?code=…"`
	Name  string    `json:"name" doc:"Whose token it is, as the API server says"`
	Until time.Time `json:"until" doc:"The code is good until then"`
}

func (s *server) login(ctx context.Context, in *loginBody) (LoginCode, error) {
	if s.doors.Login == nil {
		return LoginCode{}, fault.New(fault.Unsupported, "this agent lets nobody in with a token").WithNext("log in at the page")
	}
	who, err := s.doors.Login(ctx, in.Body.Token)
	if err != nil {
		return LoginCode{}, err
	}
	code, until := s.codes.put(who.Enter, cmp.Or(who.Good, codeFor))
	return LoginCode{Code: code, Name: who.Name, Until: until.UTC()}, nil
}

// logout ends a session, and takes its cookie away.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if s.doors.Leave != nil {
		s.doors.Leave(r)
	}
	s.cookies.Set(w, r, SessionCookie, "", 0)
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
