package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// access is who may use a route. The zero value is nobody.
type access int

const (
	nobody access = iota
	anyone        // no secret behind it, or the handler verifies the sender itself
	reader        // the page: the token as ?t=, its cookie, or the bearer token
	bearer        // machines: the bearer token
)

// route is one line of the table: nothing is served that is not in it.
type route struct {
	method  string
	pattern string
	access  access
	handle  http.HandlerFunc
}

func (s *server) routes() []route {
	return []route{
		{"GET", "/{$}", reader, s.fleetPage},
		{"GET", "/app/{namespace}/{name}", reader, s.appPage},
		{"GET", "/pr/{namespace}/{name}/{number}", reader, s.pullPage},
		{"GET", "/style.css", anyone, style},
		{"POST", "/hooks/{namespace}/{name}", anyone, s.hook},
		{"GET", "/api/v1alpha1/apps", bearer, s.apps},
		{"GET", "/api/v1alpha1/repos", bearer, s.repos},
		{"GET", "/api/v1alpha1/ancestor", bearer, s.ancestor},
		{"GET", "/healthz", anyone, s.healthy},
		{"GET", "/readyz", anyone, s.ready},
		{"GET", "/metrics", bearer, s.metrics},
	}
}

func (s *server) handler(table []route) http.Handler {
	mux := http.NewServeMux()
	for _, r := range table {
		mux.Handle(r.method+" "+r.pattern, s.guard(r))
	}
	return headers(mux)
}

// headers sets what every answer bears, errors included.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
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
		switch {
		case r.access == anyone:
			r.handle(w, req)
		case r.access == bearer && s.hasBearer(req):
			r.handle(w, req)
		case r.access == reader && s.mayRead(w, req):
			r.handle(w, req)
		case r.access == reader:
			s.pages.refuse(w)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, "a bearer token is needed", "send the agent's token as Authorization: Bearer …")
		}
	})
}

func (s *server) hasBearer(r *http.Request) bool {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return false
	}
	token, ok := strings.CutPrefix(values[0], "Bearer ")
	return ok && s.isToken(token)
}

// mayRead accepts the token once in the address, and then the cookie that it leaves.
func (s *server) mayRead(w http.ResponseWriter, r *http.Request) bool {
	if t := r.URL.Query().Get("t"); t != "" && s.isToken(t) {
		http.SetCookie(w, &http.Cookie{
			Name: s.cookieName(), Value: s.derived("cookie"), Path: "/",
			HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
		})
		return true
	}
	if s.hasBearer(r) {
		return true
	}
	cookie, err := r.Cookie(s.cookieName())
	return err == nil && s.Token != "" && equal(cookie.Value, s.derived("cookie"))
}

func (s *server) isToken(t string) bool { return s.Token != "" && equal(t, s.Token) }

// equal compares in a time that tells neither the place nor the length of a difference.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// cookieName differs from agent to agent: browsers keep one jar for all ports of a host.
func (s *server) cookieName() string { return "plumb-" + s.derived("name")[:8] }

// derived gives a value that only the token's owner can know and that does not give the token away.
func (s *server) derived(purpose string) string {
	mac := hmac.New(sha256.New, []byte(s.Token))
	mac.Write([]byte("plumb page " + purpose))
	return hex.EncodeToString(mac.Sum(nil))
}
