// Package server is the small HTTP side of the agent: a read-only status page, the hooks that say "look now", and the few
// answers that the command line needs (who is an ancestor of whom).
//
// It never writes anything, never decides anything, and never makes HTML of data: pages are html/template, without any
// script. Everything is denied unless the table of routes says otherwise; a test walks the table.
//
// Start at New and the table in routes.go; the page itself is page.go and page/*.html.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// Reader is what the agent knows now. Its methods are called for every request, from several goroutines, and must
// answer from memory; nobody changes what they give.
type Reader interface {
	Repos() []v1alpha1.Repo
	Apps() []v1alpha1.App
	Agent() report.Agent // when the agent's own Lease was last renewed
}

// Config is everything that the server needs. The zero value of a field denies what would need it.
type Config struct {
	Reader Reader // must be set
	// Hook judges a delivery to /hooks/<namespace>/<name>: 202 if somebody looks now, 200 if it is genuine and nothing is to
	// be done, 400 if it is genuine and cannot be read, 401 if it is not genuine or there is no such Repo, 429 or 503 if it
	// cannot be taken now. Any other answer is sent as 401. The word says why, and is shown to a genuine sender only.
	Hook func(namespace, name string, header http.Header, body []byte) (status int, word string)
	// Ancestor tells whether a commit is, or is an ancestor of, another in the repository of a Repo ("namespace/name").
	Ancestor func(ctx context.Context, repo, ancestor, commit string) (bool, error)
	// Pull gives the whole plan of a pull request of a Repo ("namespace/name"), if there is one; nil is none.
	Pull func(repo string, number int) (report.PullPlan, bool)
	// Token opens the page (once as ?t=, then by cookie), the API and the metrics (as a bearer token). Without a token
	// nobody comes in.
	Token string
	// Metrics answers /metrics.
	Metrics http.Handler
	// Live tells whether the agent still moves; nil is always.
	Live func() bool
	// Ready tells what the agent needs to do its work, and whether it has it; nil is nothing.
	Ready func() []Check
	// Weak says what the render child's sandbox lacks on this kernel; "" is nothing.
	Weak string
	// Simulated is set where pods are simulated: a banner says so on every page.
	Simulated bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Check is one thing that the agent needs to do its work. Anybody may read it.
type Check struct {
	Name string // one word
	OK   bool
	Text string // how it is
}

// New gives the handler of all routes.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &server{Config: c, pages: parsePages()}
	return s.handler(s.routes())
}

// server answers requests; it holds no state of its own.
type server struct {
	Config
	pages pages
}

// Limits of every connection.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	maxHookBody   = 5 << 20 // resources.md §9
)

// Listen opens an address. One beyond the loopback interface is refused unless it is exposed on purpose: in a cluster probes,
// hooks and metrics come from elsewhere.
func Listen(address string, exposed bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the address %q is not HOST:PORT: %w", address, err).WithNext("use 127.0.0.1:7420, or 127.0.0.1:0 for any port")
	}
	if ip := net.ParseIP(host); !exposed && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fault.New(fault.Unsupported, "the server listens on loopback only, not on %q", host).WithNext("use 127.0.0.1:PORT, or say that it is meant: --expose")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the address %s cannot be listened on: %w", address, err).WithNext("choose another port; 127.0.0.1:0 takes any that is free")
	}
	return l, nil
}

// Serve answers requests on l until ctx ends, then lets those under way finish for up to three seconds.
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	err := srv.Shutdown(last)
	if err != nil {
		err = srv.Close()
	}
	if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), serr)
	}
	return err
}
