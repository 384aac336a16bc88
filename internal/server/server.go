// Package server is the HTTP side of the agent: the page and the API that it reads from, the hooks that say "look now", and
// the few answers that the command line needs (who is an ancestor of whom).
//
// It never reaches the cluster itself, never decides anything, and never makes HTML of data. Who asks, and what they may see
// and do, it asks People. Everything is denied unless the table of routes says otherwise; a test walks the table.
//
// Start at New and the table in routes.go; describe.go makes the OpenAPI document of the same functions that answer.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// Reader is what the agent knows now. Its methods are called for every request, from several goroutines, and must
// answer from memory; nobody changes what they give.
type Reader interface {
	Agent() report.Agent // when the agent's own Lease was last renewed
	// App gives one App as it is known now.
	App(namespace, name string) (v1alpha1.App, bool)
}

// Config is everything that the server needs. The zero value of a field denies what would need it.
type Config struct {
	Reader Reader // must be set
	// Board is what lists, counts and streams are answered from; nil is an empty one.
	Board *board.Board
	// People tells who sends a request; nil: whoever has Token, and nobody else.
	People People
	// Visitors are those who come otherwise than with Token; nil: nobody does. It is not asked if People is set.
	Visitors Visitors
	// Version is the agent's.
	Version string
	// Clusters gives those that are known; nil is none.
	Clusters func() []v1alpha1.Cluster
	// Entries gives what the record of an app says about a commit; nil: there is no record.
	Entries func(ctx context.Context, app v1alpha1.App, commit string) ([]v1alpha1.Entry, error)
	// Hook judges a delivery to /hooks/<namespace>/<name>: 202 if somebody looks now, 200 if it is genuine and nothing is to
	// be done, 400 if it is genuine and cannot be read, 401 if it is not genuine or there is no such Repo, 429 or 503 if it
	// cannot be taken now. Any other answer is sent as 401. The word says why, and is shown to a genuine sender only.
	Hook func(namespace, name string, header http.Header, body []byte) (status int, word string)
	// Ancestor tells whether a commit is, or is an ancestor of, another in the repository of a Repo ("namespace/name").
	Ancestor func(ctx context.Context, repo, ancestor, commit string) (bool, error)
	// Pull gives the whole plan of a pull request of a Repo ("namespace/name"), if there is one; nil is none.
	Pull func(repo string, number int) (report.PullPlan, bool)
	// Token opens the page (by a code that it is given for), the API and the metrics (as a bearer token). "" opens nothing.
	Token string
	// PageURL is where people reach the page; "" is not known.
	PageURL string
	// Metrics answers /metrics.
	Metrics http.Handler
	// Tally counts what is asked; nil counts nothing.
	Tally Tally
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
	s := newServer(c)
	return s.handler(s.routes())
}

func newServer(c Config) *server {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Tally == nil {
		c.Tally = uncounted{}
	}
	if c.Board == nil {
		c.Board = board.New("empty")
	}
	cookies := Cookies{PageURL: c.PageURL}
	if c.People == nil {
		holder := tokenPeople{c.Token, cookies, c.Now}
		c.People = holder
		if c.Visitors != nil {
			c.People = everybody{holder, c.Visitors}
		}
	}
	files, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic("server: the folder of the page: " + err.Error())
	}
	return &server{
		Config: c, web: readWeb(files), origins: http.NewCrossOriginProtection(), large: make(chan struct{}, largeHookBodies),
		cookies: cookies, codes: newCodes(c.Now), doors: c.People.Doors(),
	}
}

// server answers requests. Of its own it holds the files of the page, copies of the fleet, and codes of logins, and counts what is
// bounded: streams, large bodies.
type server struct {
	Config
	fleets  fleets
	web     web
	openapi []byte
	open    streams
	large   chan struct{} // bodies of hooks that are larger than usual
	cookies Cookies
	codes   *codes // of logins that a browser has still to take up
	doors   Doors
	origins *http.CrossOriginProtection
}

// Limits of every connection.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	maxHookBody   = 5 << 20 // resources.md §9

	usualHookBody   = 64 << 10
	largeHookBodies = 16 // at once
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

// Serve answers requests on l until ctx ends, then lets those under way finish for up to three seconds. Streams end at once.
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	return serve(ctx, l, bounded(ctx, handler, usual))
}

func serve(ctx context.Context, l net.Listener, srv *http.Server) error {
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

type servingKey struct{}

// whileServed gives a context for what has no end of its own: it ends with the request, and when the server ends.
func whileServed(ctx context.Context) (context.Context, context.CancelFunc) {
	serving, ok := ctx.Value(servingKey{}).(context.Context)
	ctx, end := context.WithCancel(ctx)
	if !ok {
		return ctx, end
	}
	stop := context.AfterFunc(serving, end)
	return ctx, func() { stop(); end() }
}
