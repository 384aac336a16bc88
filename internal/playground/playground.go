// Package playground is what `plumb up` does: a control plane, a Git repository with a working clone, and an agent between
// the two, on one machine, without a network, in one tree of processes.
//
// The control plane is the binary plumb-playground, started as a child; the agent is `plumb agent`, another child, so that
// its cost is its own; the repository is served by this process. When this process dies, however it dies, so do the
// children; when the control plane dies, Run says why and stops. A second Run on the same directory resumes its state.
//
// It never listens beyond loopback, never writes into a working tree that it did not make, and never reads or changes the
// user's kubeconfig unless a context of it was named.
//
// Start reading at Run.
package playground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options say what to run. The zero value runs the example fleet in the user's state directory.
type Options struct {
	Dir       string // state; default $XDG_STATE_HOME/plumb/playground
	Path      string // serve the user's repository at this path, read-only; default: a repository of our own with a working clone
	Empty     bool   // no apps in the repository of our own
	Fresh     bool   // forget the state first
	Context   string // deliver to this context of the user's kubeconfig instead of a control plane of our own
	Port      int    // of the status page and API; 0 is any
	NoBrowser bool   // do not open the page
	AuditLog  string // absolute path where the API server writes every request that it gets; "" = nowhere
	JSON      bool   // print one JSON object when ready, instead of texts

	Plumb        string              // the plumb binary that becomes the agent; default: this executable
	ControlPlane string              // the plumb-playground binary; default: the one beside this executable
	Getenv       func(string) string // default os.Getenv
	Progress     io.Writer           // trouble while it runs; default io.Discard
	// Link gives an address of the page that logs one browser in, for the agent's token; nil: people find the way in themselves.
	Link func(ctx context.Context, url, token string) (string, error)
}

// Ready is the JSON object that Run prints when everything answers.
type Ready struct {
	URL        string  `json:"url"`        // the page
	Token      string  `json:"token"`      // bearer token of the agent's API; the page gives a link for it
	Kubeconfig string  `json:"kubeconfig"` // an administrator's, mode 0600
	Repo       string  `json:"repo"`       // the working clone, or the path that was given
	Remote     string  `json:"remote"`     // the URL at which the agent fetches it
	Dir        string  `json:"dir"`
	Pid        int     `json:"pid"` // of the process that owns all others
	AgentPid   int     `json:"agent_pid"`
	Simulated  bool    `json:"simulated"` // pods are simulated; false with Context
	Resumed    bool    `json:"resumed"`
	ReadySec   float64 `json:"ready_s"`
}

// ErrRunning says that another process runs a playground in the same directory.
var ErrRunning = errors.New("a playground is already running in this directory")

// Run brings everything up, tells out, and keeps it running until ctx ends, which is a success, or a part fails for good.
func Run(ctx context.Context, o Options, out io.Writer) error {
	began := time.Now()
	o = o.withDefaults()
	s, err := openState(o)
	if err != nil {
		return err
	}
	defer s.close()
	living, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	p := &playground{Options: o, state: s, began: began, fail: fail, screen: screen{out: out, quiet: o.JSON}}
	defer p.stop()
	if err = p.bringUp(living); err == nil {
		<-living.Done()
	}
	select { // a part that died may show first as a refused connection; its death is the better news
	case <-living.Done():
	case <-time.After(deathNotice):
	}
	switch {
	case ctx.Err() != nil: // asked to stop
		p.screen.stopped(o, s)
		return nil
	case living.Err() != nil: // a part failed, and whatever failed after it is its consequence
		return context.Cause(living)
	default:
		return err
	}
}

// deathNotice is how long a failed start waits for the reason behind its failure.
const deathNotice = 300 * time.Millisecond

// playground is one run.
type playground struct {
	Options
	state  *state
	began  time.Time
	fail   context.CancelCauseFunc // ends the run
	screen screen

	control *controlPlane // nil with Context
	kube    *kube
	git     *repository
	agent   *agent
}

func (p *playground) bringUp(ctx context.Context) error {
	if err := p.startCluster(ctx); err != nil {
		return err
	}
	git, err := openRepository(ctx, p.Options, p.state)
	if err != nil {
		return err
	}
	p.git = git
	p.screen.repository(p)
	if err := p.kube.install(ctx, p.git.repo(), p.state.Secret); err != nil {
		return fmt.Errorf("write Plumb's own objects: %w", err)
	}
	if err := p.startAgent(ctx); err != nil {
		return err
	}
	p.git.onChange(ctx, p.agent.hook)
	return p.announce(ctx)
}

// startCluster starts a control plane, or connects to the context that was named.
func (p *playground) startCluster(ctx context.Context) (err error) {
	began := time.Now()
	if p.Context != "" {
		if err := p.state.useContext(p.Context); err != nil {
			return err
		}
	} else {
		if p.control, err = startControlPlane(ctx, p.Options, p.state, p.fail); err != nil {
			return err
		}
	}
	if p.kube, err = connect(p.state.kubeconfig()); err != nil {
		return err
	}
	if p.Context != "" {
		if err := p.kube.mayTake(ctx); err != nil {
			return err
		}
	}
	p.screen.cluster(p, time.Since(began))
	return nil
}

func (p *playground) startAgent(ctx context.Context) error {
	port, err := p.state.agentPort(p.Port)
	if err != nil {
		return err
	}
	p.agent, err = startAgent(ctx, p.Options, p.state, port, p.fail)
	if err != nil {
		return err
	}
	if err := p.agent.waitReady(ctx); err != nil {
		return err
	}
	p.screen.watching(p)
	return nil
}

// announce prints what to do now. People wait for the first delivery, machines do not: what they test may be a failure.
func (p *playground) announce(ctx context.Context) error {
	r := Ready{
		URL: p.agent.url(), Token: p.state.Token, Kubeconfig: p.state.kubeconfig(), Repo: p.git.dir, Remote: p.git.url,
		Dir: p.state.dir, Pid: pid(), AgentPid: p.agent.pid(), Simulated: p.Context == "", Resumed: p.state.resumed,
		ReadySec: float64(time.Since(p.began).Milliseconds()) / 1000,
	}
	if p.JSON {
		return p.screen.json(r)
	}
	p.screen.delivered(p.kube.waitDelivered(ctx), time.Since(p.began))
	link := p.link(ctx, r)
	p.screen.invite(p, r, link)
	if !p.NoBrowser {
		OpenBrowser(p.Getenv, link)
	}
	return nil
}

// link gives the address that logs one browser in. Without one the page itself says how to come in.
func (p *playground) link(ctx context.Context, r Ready) string {
	if p.Link == nil {
		return r.URL
	}
	link, err := p.Link(ctx, r.URL, r.Token)
	if err != nil {
		fmt.Fprintf(p.Progress, "the page gives no link that logs in: %v\n", err)
		return r.URL
	}
	return link
}

// stop ends the children in order: first who writes, then what is written to.
func (p *playground) stop() {
	if p.agent != nil {
		p.agent.stop()
	}
	if p.git != nil {
		p.git.close()
	}
	if p.control != nil {
		p.control.stop()
	}
}
