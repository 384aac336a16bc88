package server

import (
	"context"
	"net/http"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// access is who may use a route. The zero value is nobody.
type access int

const (
	nobody  access = iota
	anyone         // no secret behind it, or the handler verifies the sender itself
	member         // a person; the handler tells no more than they may see
	seesApp        // a person who may list the Apps of the namespace in the address: for others there is no such app
	machine        // the agent's token, as a bearer token
)

// need is what a route asks of a sender. A right is asked of Kubernetes for the person, in the namespace of the address.
type need struct {
	access access
	right  Right
}

// route is one line of the table: nothing is served that is not in it.
type route struct {
	method  string
	pattern string
	need    need
	handle  http.HandlerFunc
	op      *operation // of the API: what the OpenAPI document says about it; its handler is made from it
}

// apiPath begins the address of all that is for programs.
const apiPath = "/api/v1alpha1"

func (s *server) routes() []route {
	table := []route{
		{"GET", "/assets/{file}", need{access: anyone}, s.web.asset, nil},
		{"GET", "/{file}", need{access: anyone}, s.web.file, nil},
		{"POST", "/hooks/{namespace}/{name}", need{access: anyone}, s.hook, nil},
		{"GET", "/healthz", need{access: anyone}, s.healthy, nil},
		{"GET", "/readyz", need{access: anyone}, s.ready, nil},
		{"GET", "/metrics", need{access: machine}, s.metrics, nil},

		{"GET", apiPath + "/openapi.json", need{access: anyone}, s.describe, nil},
		{"GET", apiPath + "/ancestor", need{access: member}, s.ancestor, nil},
		{"GET", "/login/oidc", need{access: anyone}, or404(s.doors.Begin), nil},
		{"GET", "/login/callback", need{access: anyone}, or404(s.doors.Callback), nil},
		{"GET", apiPath + "/login", need{access: anyone}, nil, op("loginWays", "How people may come in", s.loginWays)},
		{"POST", apiPath + "/login", need{access: anyone}, nil, op("login", "A code for a browser, for a bearer token of the API server or the agent's own", s.login)},
		{"POST", apiPath + "/logout", need{access: member}, s.logout, logoutOperation()},
		{"GET", apiPath + "/me", need{access: member}, nil, op("me", "Who you are, and which agent this is", s.me)},
		{"GET", apiPath + "/fleet", need{access: member}, s.fleet, fleetOperation()},
		{"GET", apiPath + "/stream", need{access: member}, s.stream, streamOperation()},
		{"GET", apiPath + "/apps", need{access: member}, nil, op("apps", "Apps: search, choose, sort", s.listApps)},
		{"GET", apiPath + "/apps/{namespace}/{name}", need{access: seesApp}, nil, op("app", "One App, and the same app elsewhere", s.oneApp)},
		{"GET", apiPath + "/apps/{namespace}/{name}/resources", need{access: seesApp, right: readsInventory}, nil, op("resources", "The objects of an app, and what those made, as you may see them", s.resources)},
		{"GET", apiPath + "/apps/{namespace}/{name}/object", need{access: seesApp, right: readsInventory}, nil, op("object", "One object: as it is, as Git has it, and what differs", s.object)},
		{"GET", apiPath + "/apps/{namespace}/{name}/events", need{access: seesApp, right: readsInventory}, nil, op("events", "Events of Kubernetes about an app", s.liveEvents)},
		{"GET", apiPath + "/apps/{namespace}/{name}/logs", need{access: seesApp, right: readsInventory}, s.logs, logsOperation()},
		{"GET", apiPath + "/apps/{namespace}/{name}/history", need{access: seesApp, right: readsEntries}, nil, op("history", "The record of an app, newest first", s.history)},
		{"POST", apiPath + "/apps/{namespace}/{name}/sync", need{access: seesApp, right: onApp("sync")}, nil, op("sync", "Ask for a pass", act[nothingMore](s, DoSync))},
		{"POST", apiPath + "/apps/{namespace}/{name}/restore", need{access: seesApp, right: onApp("sync")}, nil, op("restore", "Ask for a pass that puts right what differs from Git", act[nothingMore](s, DoRestore))},
		{"POST", apiPath + "/apps/{namespace}/{name}/pause", need{access: seesApp, right: onApp("pause")}, nil, op("pause", "Stop applying and healing, with a reason", act[pauseMore](s, DoPause))},
		{"POST", apiPath + "/apps/{namespace}/{name}/resume", need{access: seesApp, right: onApp("pause")}, nil, op("resume", "End a pause", act[nothingMore](s, DoResume))},
		{"POST", apiPath + "/apps/{namespace}/{name}/retry", need{access: seesApp, right: onApp("sync")}, nil, op("retry", "Run the hooks again that have failed; can.retry.does names them", act[nothingMore](s, DoRetry))},
		{"POST", apiPath + "/apps/{namespace}/{name}/revert", need{access: seesApp, right: onApp("revert")}, nil, op("revert", "Open the pull request that takes the newest change back", act[revertMore](s, DoRevert))},
		{"GET", apiPath + "/apps/{namespace}/{name}/revert", need{access: seesApp, right: onApp("revert")}, nil, op("previewRevert", "What that pull request would change", s.previewRevert)},
		{"GET", apiPath + "/changes", need{access: member}, nil, op("changes", "Commits, and what became of each", s.listChanges)},
		{"GET", apiPath + "/changes/{commit}", need{access: member}, nil, op("change", "One commit, and what it changed in each app", s.oneChange)},
		{"GET", apiPath + "/drift", need{access: member}, nil, op("drift", "What differs from Git, and what was undone, by who did it", s.drift)},
		{"GET", apiPath + "/repos", need{access: member}, nil, op("repos", "Repos", s.listRepos)},
		{"GET", apiPath + "/clusters", need{access: member}, nil, op("clusters", "Clusters, and the agent", s.listClusters)},
		{"GET", apiPath + "/pulls", need{access: member}, nil, op("pulls", "Open pull requests: those that have a plan, and those from forks that wait for somebody's word", s.listPulls)},
		{"GET", apiPath + "/pulls/{namespace}/{name}/{number}", need{access: seesApp}, nil, op("pull", "The plan of one pull request", s.onePull)},
		{"GET", apiPath + "/figures", need{access: member}, nil, op("figures", "Time from commit to healthy, deploys, failures, recovery", s.figures)},
	}
	return append(table, s.pageRoutes()...)
}

// pageAddresses are those that the page answers. What is behind them it shows itself.
var pageAddresses = []string{
	"/{$}", "/changes", "/c/{namespace}/{name}/{commit}", "/app/{namespace}/{name}", "/app/{namespace}/{name}/{view}", "/drift",
	"/repos", "/clusters", "/pulls", "/pr/{namespace}/{name}/{number}", "/figures", "/login",
}

// pageRoutes gives the routes of the page.
func (s *server) pageRoutes() []route {
	var out []route
	for _, pattern := range pageAddresses {
		handle := s.index
		if pattern == "/login" {
			handle = s.loginPage(handle)
		}
		out = append(out, route{"GET", pattern, need{access: anyone}, handle, nil})
	}
	return out
}

func (s *server) handler(table []route) http.Handler {
	mux := http.NewServeMux()
	api := newDescription()
	for i := range table {
		r := &table[i]
		if r.op != nil {
			r.op.join(api, r)
		}
		mux.Handle(r.method+" "+r.pattern, s.counted(*r, s.guard(*r)))
	}
	s.openapi = api.text()
	return headers(s.web.orLost(mux))
}

// headers sets what every answer bears, errors included.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// guard lets a request through to a route that its sender may use.
func (s *server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if s.forged(r, req) {
			refuseForged(w)
			return
		}
		switch r.need.access {
		case anyone:
			r.handle(w, req)
		case machine:
			if (tokenPeople{token: s.Token}).hasBearer(req) {
				r.handle(w, req)
				return
			}
			unknown(w)
		case member, seesApp:
			s.admit(r, w, req)
		default:
			unknown(w)
		}
	})
}

// admit lets a person through who has what the route needs.
func (s *server) admit(r route, w http.ResponseWriter, req *http.Request) {
	person, ok := s.People.Of(req)
	if !ok {
		unknown(w)
		return
	}
	ctx := context.WithValue(req.Context(), personKey{}, person)
	if r.need.access == seesApp {
		sight, err := person.Sees(ctx)
		if err != nil {
			refuseFault(w, fault.Of(err, fault.Unreachable))
			return
		}
		if !sight.Sees(req.PathValue("namespace")) {
			refuseFault(w, noSuchApp())
			return
		}
	}
	if r.need.right.Verb != "" && !s.allowed(w, req.WithContext(ctx), person, r.need.right) {
		return
	}
	r.handle(w, req.WithContext(ctx))
}

// allowed asks for the right that a route needs, in the namespace of the address.
func (s *server) allowed(w http.ResponseWriter, req *http.Request, person Person, right Right) bool {
	right.Namespace = req.PathValue("namespace")
	if right.Resource == "apps" { // a role may be about one App
		right.Group, right.Name = v1alpha1.GroupVersion.Group, req.PathValue("name")
	}
	verdicts, err := person.May(req.Context(), []Right{right})
	switch {
	case err != nil:
		refuseFault(w, fault.Of(err, fault.Unreachable))
	case len(verdicts) == 1 && verdicts[0].OK:
		return true
	default:
		why := "Kubernetes does not allow it"
		if len(verdicts) == 1 && verdicts[0].Why != "" {
			why = verdicts[0].Why
		}
		refuseFault(w, fault.New(fault.Forbidden, "%s", why))
	}
	return false
}

func unknown(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	refuse(w, http.StatusUnauthorized, "nobody is logged in", "log in (plumb ui makes a link), or send the agent's token as Authorization: Bearer …")
}

func noSuchApp() *fault.Fault {
	return fault.New(fault.PathNotFound, "there is no such app, or you may not see it").WithNext("look for it in the fleet: it may have another name now; who may grant you to list apps in its namespace can show it to you")
}
