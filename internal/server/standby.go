package server

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// Switch is what answers on the agent's address: what was set last. An agent that stands by answers that it lives, and sends
// the hooks that it gets to the one that is active, since nobody delivers a hook twice.
type Switch struct {
	mu      sync.Mutex
	active  http.Handler
	holder  string
	address string
}

// Active has a handler answer everything.
func (s *Switch) Active(handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = handler
}

// Standby notes who is active, and the address (host:port) where it takes hooks; "" is nowhere.
func (s *Switch) Standby(holder, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active, s.holder, s.address = nil, holder, address
}

// ServeHTTP answers as the active agent, or as one that stands by.
func (s *Switch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	active, holder, address := s.active, s.holder, s.address
	s.mu.Unlock()
	if active != nil {
		active.ServeHTTP(w, r)
		return
	}
	standby(holder, address).ServeHTTP(w, r)
}

func standby(holder, address string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if holder == "" {
			text(w, http.StatusServiceUnavailable, "starting")
			return
		}
		text(w, http.StatusOK, "standing by: "+holder+" is active")
	})
	mux.HandleFunc("POST /hooks/{namespace}/{name}", func(w http.ResponseWriter, r *http.Request) { relay(w, r, address) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusServiceUnavailable, "this agent stands by", "ask the one that is active: "+holder)
	})
	return headers(mux)
}

// relayed marks a request that comes from an agent that stands by: it is not sent on a second time.
const relayed = "X-Plumb-Relayed"

// direct goes to other agents of this cluster by no proxy.
var direct = &http.Transport{DialContext: (&net.Dialer{Timeout: headerTimeout}).DialContext, ResponseHeaderTimeout: readTimeout}

// relay sends a hook, as it came, to the active agent. That one verifies it.
func relay(w http.ResponseWriter, r *http.Request, address string) {
	if _, _, err := net.SplitHostPort(address); err != nil || r.Header.Get(relayed) != "" {
		refuse(w, http.StatusServiceUnavailable, "no agent takes hooks now", "deliver it again later; the repository is polled too")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxHookBody)
	proxy := &httputil.ReverseProxy{
		Transport: direct,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: address})
			p.Out.Header.Set(relayed, "1")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			refuse(w, http.StatusServiceUnavailable, "the active agent does not answer", "deliver it again later; the repository is polled too")
		},
	}
	proxy.ServeHTTP(w, r)
}
