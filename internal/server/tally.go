package server

import (
	"net/http"
	"strings"
)

// Tally counts what is asked of the server. Its methods are called from several goroutines.
type Tally interface {
	// Answered counts a request, by what it was for and the status of its answer. Of a stream it is called when that begins.
	Answered(kind string, status int)
	// Streaming counts the streams of a kind that are open: 1 for one more, -1 for one less.
	Streaming(kind string, change int)
}

// What requests are for.
const (
	AskedRead   = "read"
	AskedAct    = "act"
	AskedStream = "stream"
	AskedLogin  = "login" // 401 if nobody was let in, whatever the browser is sent
)

// Kinds of streams.
const (
	StreamFleet = "fleet"
	StreamLogs  = "logs"
)

// uncounted is a Tally of nothing.
type uncounted struct{}

func (uncounted) Answered(string, int)  {}
func (uncounted) Streaming(string, int) {}

// counted has the requests of people counted: the API, and the ways in. Files, hooks and probes are nobody's.
func (s *server) counted(r route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		kind := askedFor(r, req)
		if kind == "" {
			next.ServeHTTP(w, req)
			return
		}
		seen := &answered{ResponseWriter: w, told: func(status int) {
			if !greeted(w.Header()) {
				s.Tally.Answered(kind, loginStatus(kind, r, w.Header(), status))
			}
		}}
		next.ServeHTTP(seen, req)
		seen.tell(http.StatusOK)
	})
}

// askedFor tells what a request is for; "" if it is none of a person.
func askedFor(r route, req *http.Request) string {
	api := strings.HasPrefix(r.pattern, apiPath)
	switch {
	case r.method == http.MethodPost && r.pattern == apiPath+"/login", r.pattern == "/login/callback",
		r.pattern == "/login" && req.URL.Query().Has("code") && !looksAhead(req):
		return AskedLogin
	case !api || r.need.access == anyone:
		return ""
	case r.method == http.MethodPost:
		return AskedAct
	case strings.HasSuffix(r.pattern, "/stream"), strings.HasSuffix(r.pattern, "/logs"):
		return AskedStream
	}
	return AskedRead
}

// loginStatus gives 401 for a browser that is sent back to the login, or is shown the page without having come in.
func loginStatus(kind string, r route, header http.Header, status int) int {
	if kind != AskedLogin || r.method == http.MethodPost {
		return status
	}
	if status == http.StatusSeeOther && !strings.Contains(header.Get("Location"), "refused=") {
		return status
	}
	return http.StatusUnauthorized
}

// answered tells the status of an answer once.
type answered struct {
	http.ResponseWriter
	told func(status int)
}

// WriteHeader sends the status.
func (a *answered) WriteHeader(status int) {
	a.tell(status)
	a.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (a *answered) Write(data []byte) (int, error) {
	a.tell(http.StatusOK)
	return a.ResponseWriter.Write(data)
}

// Unwrap leads to what can be flushed.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answered) tell(status int) {
	if a.told != nil {
		a.told(status)
		a.told = nil
	}
}
