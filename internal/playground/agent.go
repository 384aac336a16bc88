package playground

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// agentCommand is the agent's command line and environment. The token is in a file: arguments can be read by everyone.
func agentCommand(o Options, s *state, plumb string, port int) (argv, env []string) {
	argv = []string{
		plumb, "agent",
		"--kubeconfig=" + s.kubeconfig(),
		"--listen=" + loopback(port),
		"--token-file=" + s.path("token"),
		"--cache-dir=" + s.path("cache"),
		"--allow-local",
	}
	if o.Context == "" {
		argv = append(argv, "--simulated")
	}
	return argv, append(os.Environ(), noProxy...)
}

// agent is the agent's process, started again when it dies, as a cluster would.
type agent struct {
	s       *state
	port    int
	argv    []string
	env     []string
	log     string
	current atomic.Pointer[process]
	done    chan struct{} // closed when it will not be started again
	quit    context.CancelFunc
	client  *http.Client
	say     func(format string, args ...any)
}

const (
	agentGrace = 5 * time.Second
	// An agent that dies so soon, so often, will not get better by itself.
	shortLife  = 10 * time.Second
	shortLives = 3
)

// startAgent starts the agent and watches over it. When it dies again and again the run fails.
func startAgent(ctx context.Context, o Options, s *state, port int, fail context.CancelCauseFunc) (*agent, error) {
	plumb := o.Plumb
	if plumb == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		plumb = self
	}
	if err := os.WriteFile(s.path("token"), []byte(s.Token), 0o600); err != nil {
		return nil, err
	}
	a := &agent{s: s, port: port, log: filepath.Join(s.logs(), "agent.log"), done: make(chan struct{}), client: &http.Client{Timeout: 10 * time.Second}}
	a.argv, a.env = agentCommand(o, s, plumb, port)
	a.say = func(format string, args ...any) { fmt.Fprintf(o.Progress, format+"\n", args...) }
	if err := os.Remove(a.log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := a.start(); err != nil {
		return nil, err
	}
	ctx, a.quit = context.WithCancel(ctx)
	go func() {
		defer close(a.done)
		if err := a.supervise(ctx); err != nil {
			fail(err)
		}
	}()
	return a, nil
}

func (a *agent) start() error {
	log, err := os.OpenFile(a.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(a.argv[0], a.argv[1:]...)
	cmd.Env = a.env
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startOwned(cmd, syscall.SIGKILL) // killed at any instruction it loses nothing
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	a.current.Store(p)
	return nil
}

func (a *agent) supervise(ctx context.Context) error {
	for short := 0; ; {
		p := a.current.Load()
		select {
		case <-ctx.Done():
			p.stop(agentGrace)
			return nil
		case <-p.done:
		}
		if time.Since(p.began) < shortLife {
			short++
		} else {
			short = 0
		}
		why := p.ended("the agent", a.log)
		if short >= shortLives {
			return why
		}
		a.say("%v\nstarting the agent again", why)
		if err := a.start(); err != nil {
			return err
		}
	}
}

func (a *agent) stop() {
	a.quit()
	<-a.done
}

func (a *agent) pid() int    { return a.current.Load().cmd.Process.Pid }
func (a *agent) url() string { return "http://" + loopback(a.port) }

// waitReady waits until the agent says that it has had its first look. ctx ends if it dies for good.
func (a *agent) waitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url()+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := a.client.Do(req); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// hook tells the agent, signed, that a ref moved (docs/reference/resources.md §1). A lost call costs time, not truth: the
// agent also polls.
func (a *agent) hook(ctx context.Context, ref string) {
	body, err := json.Marshal(map[string]string{"ref": ref})
	if err != nil {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url()+"/hooks/"+namespace+"/"+repoName, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Plumb-Signature-256", sign(a.s.Secret, body))
	answer, err := a.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			a.say("the agent could not be told of %s: %v", ref, err)
		}
		return
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		a.say("the agent answered %s to the news of %s", answer.Status, ref)
	}
}

// sign is HMAC-SHA256 in hex, without a prefix.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
