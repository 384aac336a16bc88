package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"plumb.dev/plumb/dev/playground/owned"
)

// ErrInUse says that another process serves the same directory.
var ErrInUse = errors.New("another playground is running in this directory")

// startLimit bounds the wait for readiness; 3 to 8 seconds are usual on two cores.
const startLimit = 3 * time.Minute

// Serve runs the control plane until ctx ends, and calls ready once when it answers. It returns nil after a stop that ctx
// asked for, and an error that names the part and quotes the end of its log when a part died. Nothing is left running.
func Serve(ctx context.Context, o Options, ready func(Ready)) error {
	began := time.Now()
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	d := layout(dir)
	if err := d.make(); err != nil {
		return err
	}
	if o.AuditLog != "" {
		if o.AuditLog, err = filepath.Abs(o.AuditLog); err != nil {
			return err
		}
	}
	unlock, err := lock(d)
	if err != nil {
		return err
	}
	defer unlock()
	plan, err := prepare(d, o)
	if err != nil {
		return err
	}
	found := Ready{
		Kubeconfig: d.kubeconfig(), Server: plan.server, Pid: os.Getpid(), Dir: dir, Nodes: o.Nodes, AuditLog: o.AuditLog, Resumed: d.hasState(),
	}
	return plan.run(ctx, func() {
		found.ReadySec = float64(time.Since(began).Milliseconds()) / 1000
		ready(found)
	})
}

// lock takes the directory for this process. The kernel releases it when the process dies.
func lock(d layout) (func(), error) {
	file, err := os.OpenFile(d.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, d)
	}
	return func() { file.Close() }, nil
}

// plan is everything that is decided before the first process starts.
type plan struct {
	dir    layout
	server string
	nodes  int
	parts  []part
}

func prepare(d layout, o Options) (*plan, error) {
	p, err := choosePorts(string(d))
	if err != nil {
		return nil, err
	}
	server := "https://" + loopback(p.API)
	if err := writeCredentials(d, server); err != nil {
		return nil, err
	}
	audit, err := auditArgs(d, o)
	if err != nil {
		return nil, err
	}
	return &plan{dir: d, server: server, nodes: o.Nodes, parts: []part{
		etcdPart(d), apiServerPart(d, p, audit), controllerManagerPart(d), schedulerPart(d), simulatorPart(d, p, o.Nodes),
	}}, nil
}

// death is the unwanted end of a part.
type death struct {
	part string
	err  error
}

func (p *plan) run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running := &tree{dir: p.dir, deaths: make(chan death, len(p.parts))}
	defer running.stop()
	// etcd and the API server first: the others would only retry until it answers, and take its processor time.
	for _, part := range p.parts[:2] {
		if err := running.start(part); err != nil {
			return err
		}
	}
	steps := make(chan error, 1)
	go func() { steps <- p.bringUp(ctx, running) }()
	select {
	case <-ctx.Done():
		return nil
	case d := <-running.deaths:
		return running.explain(d)
	case err := <-steps:
		if err != nil {
			return errors.Join(err, running.anyDeath())
		}
	}
	ready()
	select {
	case <-ctx.Done():
		return nil
	case d := <-running.deaths:
		return running.explain(d)
	}
}

func (p *plan) bringUp(ctx context.Context, running *tree) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := waitAPI(ctx, p.dir.kubeconfig()); err != nil {
		return fmt.Errorf("the API server did not become ready: %w", err)
	}
	for _, part := range p.parts[2:] {
		if err := running.start(part); err != nil {
			return err
		}
	}
	if err := waitCluster(ctx, p.dir.kubeconfig(), p.nodes); err != nil {
		return fmt.Errorf("the controllers did not become ready: %w", err)
	}
	return nil
}

// tree is the set of running parts.
type tree struct {
	dir     layout
	deaths  chan death
	mu      sync.Mutex
	stopped bool
	running []*runningPart
}

type runningPart struct {
	name string
	*owned.Process
}

func (t *tree) logFile(name string) string { return t.dir.path("logs", name+".log") }

func (t *tree) start(p part) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return context.Canceled
	}
	log, err := os.Create(t.logFile(p.name)) // one start, one log
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own copy
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"part", p.name}, p.args...)...)
	cmd.Dir = t.dir.run()
	cmd.Env = []string{"HOME=" + t.dir.run(), "PATH=" + os.Getenv("PATH")} // no proxy, no KUBECONFIG of the user
	cmd.Stdout, cmd.Stderr = log, log
	process, err := owned.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	t.running = append(t.running, &runningPart{p.name, process})
	go func() {
		<-process.Done()
		t.deaths <- death{p.name, process.Err()}
	}()
	return nil
}

// The grace that parts have between SIGTERM and SIGKILL; together 5 s. Only etcd holds state. The API server would wait for
// its watchers for a minute, and the controller manager takes 20 s (measured).
const (
	graceOthers = 2 * time.Second
	graceEtcd   = 3 * time.Second
)

// stop ends all parts, etcd last, and returns when they are gone.
func (t *tree) stop() {
	t.mu.Lock()
	t.stopped = true
	running := t.running
	t.mu.Unlock()
	var others sync.WaitGroup
	for _, p := range running {
		if p.name != "etcd" {
			others.Go(func() { p.Stop(graceOthers) })
		}
	}
	others.Wait()
	for _, p := range running {
		if p.name == "etcd" {
			p.Stop(graceEtcd)
		}
	}
}

func (t *tree) anyDeath() error {
	select {
	case d := <-t.deaths:
		return t.explain(d)
	default:
		return nil
	}
}

func (t *tree) explain(d death) error {
	how := "ended with exit code 0"
	if d.err != nil {
		how = "died: " + d.err.Error()
	}
	return fmt.Errorf("%s %s\nthe end of %s:\n%s", d.part, how, t.logFile(d.part), tail(t.logFile(d.part), 15))
}

// tail returns the last n lines of a file, each indented.
func tail(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	lines = lines[max(0, len(lines)-n):]
	return "  " + strings.Join(lines, "\n  ")
}
