package sourcetest

import (
	"crypto/subtle"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// Server is a smart HTTP server on loopback, in front of one Repo.
type Server struct {
	URL string // of the repository
	CA  []byte // PEM, if it speaks TLS

	requests atomic.Int64
	fault    atomic.Pointer[http.HandlerFunc]
	backend  http.Handler
}

// ServerOptions choose what a Server asks for.
type ServerOptions struct {
	TLS      bool
	User     string // "" = everybody may read
	Password string
	Old      bool // it speaks protocol 0 only, as servers did before 2018
}

// Serve serves a repository by the real `git http-backend` until the test ends.
func Serve(t testing.TB, repo *Repo, options ServerOptions) *Server {
	t.Helper()
	s := &Server{}
	s.backend = &cgi.Handler{
		Path:   filepath.Join(repo.Git("--exec-path"), "git-http-backend"),
		Env:    append(cleanEnvironment(repo.Dir), "GIT_PROJECT_ROOT="+filepath.Dir(repo.Dir), "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: io.Discard,
		Logger: log.New(io.Discard, "", 0),
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if broken := s.fault.Load(); broken != nil {
			(*broken)(w, r)
			return
		}
		user, password, _ := r.BasicAuth()
		if options.User != "" && (user != options.User || subtle.ConstantTimeCompare([]byte(password), []byte(options.Password)) != 1) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if options.Old {
			r.Header.Del("Git-Protocol")
		}
		s.backend.ServeHTTP(w, r)
	})
	listener := httptest.NewUnstartedServer(handler)
	listener.Config.ErrorLog = log.New(io.Discard, "", 0)
	if options.TLS {
		listener.StartTLS()
		s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw})
	} else {
		listener.Start()
	}
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
	})
	s.URL = listener.URL + "/" + filepath.Base(repo.Dir)
	return s
}

// Requests gives how many requests came so far.
func (s *Server) Requests() int { return int(s.requests.Load()) }

// Break answers every request by a handler, until Mend.
func (s *Server) Break(handler http.HandlerFunc) { s.fault.Store(&handler) }

// Truth answers a request as the real server does, for a handler of Break that changes the answer. It asks for no password.
func (s *Server) Truth(w http.ResponseWriter, r *http.Request) { s.backend.ServeHTTP(w, r) }

// Hang takes a request and says nothing until the client hangs up.
func Hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does net/http see that the client is gone
	<-r.Context().Done()
}

// Mend makes the server answer truthfully again.
func (s *Server) Mend() { s.fault.Store(nil) }
