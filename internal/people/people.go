// Package people is who asks: it logs people in, keeps their sessions, and reads and acts for them on the API server.
//
// A person is a client configuration and a name. Everything that a person reads live, and everything that a person does, is
// done with it, so RBAC and the API server's policies decide; the agent's own rights are used for nobody but who holds the
// agent's own token. There is no second list of permissions, no user and no password here.
//
// The package never changes a user's object: what a person asks for is written to an App, as the person, and the agent
// carries it out as for kubectl. It keeps nothing on disk, and no value of a Secret leaves it.
//
// Start at Open and People.Of; login.go and oidc.go say who somebody is, rights.go what they may, live.go what they read,
// act.go what they do.
package people

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// Options say how people are let in.
type Options struct {
	Config  *rest.Config     // where the API server is, and the agent's own login at it; required
	Cluster *cluster.Cluster // the agent's connection: which kinds there are is asked once, for everybody; required
	Agent   Agent            // what the agent knows of an app; required
	// Namespaces gives those that hold an App or a Repo: who may not list Apps everywhere is asked about each.
	Namespaces func() []string
	Version    string
	PageURL    string // where people reach the page; needed for OIDC
	OIDC       OIDC   // the zero value: nobody logs in by OIDC
	Log        *slog.Logger
	Now        func() time.Time // nil is time.Now
}

// People lets people in.
type People struct {
	options  Options
	log      *slog.Logger
	now      func() time.Time
	sessions *sessions
	provider *provider // nil without OIDC
	tries    chan struct{}
	streams  streams // of logs
	cookies  server.Cookies

	mu    sync.Mutex
	agent *Person // who holds the agent's own token
	named bool    // its name is known
}

// triesAtMost is how many logins are asked about at once.
const triesAtMost = 8

// Open makes People. It makes no request.
func Open(o Options) (*People, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	p := &People{
		options: o, log: o.Log, now: o.Now, sessions: newSessions(o.Now), cookies: server.Cookies{PageURL: o.PageURL},
		tries: make(chan struct{}, triesAtMost),
	}
	var err error
	if p.agent, err = p.personOf("the agent's token", nil, server.ByToken, o.Config); err != nil {
		return nil, err
	}
	if o.OIDC.Issuer != "" {
		if p.provider, err = newProvider(o); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Doors are the ways in and out.
func (p *People) Doors() server.Doors {
	d := server.Doors{Login: p.Login, Leave: p.Leave}
	if p.provider != nil {
		d.Begin, d.Callback = p.Begin, p.Callback
	}
	return d
}

// Of gives who sent a request, by the session that its cookie names. A stream that is followed uses the session too: a page on a
// wall, or of somebody who watches a rollout, is not logged out under their eyes.
func (p *People) Of(r *http.Request) (server.Person, bool) {
	id := p.cookies.Get(r, server.SessionCookie)
	person, ends, ok := p.sessions.of(id)
	if !ok {
		return nil, false
	}
	return &visitor{Person: person, ends: ends, alive: func() bool { _, _, ok := p.sessions.of(id); return ok }}, true
}

// Holder gives who has the agent's own token, until their session ends: whatever the agent may, they may. The API server is asked
// once for the name.
func (p *People) Holder(ctx context.Context, until time.Time) server.Person {
	return &visitor{Person: p.holder(ctx), ends: until, alive: func() bool { return until.IsZero() || p.now().Before(until) }}
}

func (p *People) holder(ctx context.Context) *Person {
	p.mu.Lock()
	known, named := p.agent, p.named
	p.mu.Unlock()
	if named {
		return known
	}
	name, groups, err := whoIs(ctx, known.rest)
	if err != nil {
		return known // without a name it is asked again
	}
	person, err := p.personOf(name, groups, server.ByToken, p.options.Config)
	if err != nil {
		return known
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.named {
		p.agent, p.named = person, true
	}
	return p.agent
}

// admit begins a session and sets its cookie. A session that the browser had before ends: its id may be known to others. ends is
// when the login ends that it stands for; the zero time is not known.
func (p *People) admit(w http.ResponseWriter, r *http.Request, person *Person, ends time.Time) {
	p.Leave(r)
	id, until := p.sessions.begin(person, ends)
	p.cookies.Set(w, r, server.SessionCookie, id, until.Sub(p.now()))
	p.log.Info("a person logged in", "by", person.name, "how", person.how, "until", until)
}

// Leave ends the session of a request.
func (p *People) Leave(r *http.Request) { p.sessions.end(p.cookies.Get(r, server.SessionCookie)) }

// errTooMany is the answer to who asks for more than there is room for.
func errTooMany(what string) error {
	return fault.New(fault.Rejected, "there are too many %s at once", what).WithCode(server.CodeTooMany).WithNext("try again in a moment")
}
