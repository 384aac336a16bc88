package render

import (
	"context"
	"errors"
	"os"
	"path"
	"runtime"
	"sync"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render/wire"
)

// ChildCommand is the hidden first argument of the product's program that makes it a rendering child (child.Main).
const ChildCommand = "render-child"

// Options set up a Renderer. The zero value is right for the product.
type Options struct {
	// What to run as a child; it gets one more argument. nil: this program with ChildCommand.
	Command []string
	// The most children at a time. 0: the number of processors, at most 2.
	Children int
	// How long a second child may be idle. 0: 5 seconds. The first one stays.
	Idle   time.Duration
	Limits Limits
	// Secret is mixed into the seed of a chart's random functions, so that generated passwords cannot be computed from the
	// chart. It must stay the same for as long as the objects live. Empty: they can.
	Secret []byte
}

// Renderer renders with a pool of warm children. It is safe for concurrent use.
type Renderer struct {
	options Options
	slots   chan struct{} // one per render under way
	starts  chan startRequest
	closed  chan struct{}
	closing sync.Once

	mu   sync.Mutex
	idle []*process // the last one used is the last
	live map[*process]bool
	box  *Sandbox
}

type startRequest struct{ answer chan<- startAnswer }

type startAnswer struct {
	p   *process
	err error
}

// New makes a Renderer. No child is started until one is needed.
func New(options Options) (*Renderer, error) {
	if options.Command == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fault.New(fault.RenderFailed, "the program's own path is not known: %w", err)
		}
		options.Command = []string{self, ChildCommand}
	}
	if options.Children == 0 {
		options.Children = min(runtime.GOMAXPROCS(0), 2)
	}
	if options.Idle == 0 {
		options.Idle = 5 * time.Second
	}
	options.Limits = options.Limits.withDefaults()
	r := &Renderer{
		options: options, slots: make(chan struct{}, options.Children), starts: make(chan startRequest),
		closed: make(chan struct{}), live: map[*process]bool{},
	}
	go r.starter()
	return r, nil
}

func (l Limits) withDefaults() Limits {
	set := func(value *int64, otherwise int64) {
		if *value == 0 {
			*value = otherwise
		}
	}
	if l.Timeout == 0 {
		l.Timeout = 30 * time.Second
	}
	if l.Objects == 0 {
		l.Objects = 10_000
	}
	if l.Reads == 0 {
		l.Reads = 20_000
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	set(&l.Memory, 1<<30)
	set(&l.Output, 64<<20)
	set(&l.Object, 3<<19)
	set(&l.File, 10<<20)
	set(&l.Input, 256<<20)
	return l
}

// Close ends all children. Renders under way fail.
func (r *Renderer) Close() {
	r.closing.Do(func() { close(r.closed) })
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.live {
		p.kill()
	}
	for _, p := range r.idle {
		p.stop()
		delete(r.live, p)
	}
	r.idle = nil
}

// Sandbox says what really locks a child; it starts one if there was none yet.
func (r *Renderer) Sandbox(ctx context.Context) (Sandbox, error) {
	r.mu.Lock()
	known := r.box
	r.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	p, err := r.acquire(ctx)
	if err != nil {
		return Sandbox{}, err
	}
	defer r.release(p, true)
	return p.hello.Sandbox, nil
}

// Pids gives the process ids of the living children: what they cost can be seen by them.
func (r *Renderer) Pids() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pids []int
	for p := range r.live {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}

// Render renders. When the folder is at fault the error is a fault.Fault, and the Manifest holds what was read until then,
// for Record; when ctx ended it is the context's own. After an error there are never objects.
func (r *Renderer) Render(ctx context.Context, req Request) (Manifest, error) {
	sources, app, err := req.sources()
	if err != nil {
		return Manifest{}, err
	}
	p, err := r.acquire(ctx)
	if err != nil {
		return Manifest{}, err
	}
	began := time.Now()
	limits := r.options.Limits
	reads := newReader(sources, req.Capabilities, limits)
	deadline, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	unwatch := context.AfterFunc(deadline, p.kill)
	out, spoke, err := p.render(req.wire(app, r.options), reads, limits)
	if !unwatch() {
		spoke = false // it was killed, whatever it said
	}
	r.release(p, spoke)
	if !spoke {
		return Manifest{}, p.explain(ctx, deadline, limits, err)
	}
	return manifest(req, reads, app, out, time.Since(began)), err
}

// manifest puts together what the child said and what it was told.
func manifest(req Request, r *reader, app location, out rendered, took time.Duration) Manifest {
	if out.done.Upgrade {
		answer, _ := answerOf(askUpgrade, req.Capabilities, req.Upgrade)
		r.questions[askUpgrade] = answer
	}
	m := Manifest{
		Version: Version, Objects: out.objects, Warnings: out.done.Warnings, Render: out.done.Render,
		Chart: out.done.Chart, Tool: out.done.Tool, Seconds: took.Seconds(),
	}
	m.Reads, m.Questions = r.result()
	m.Covers = covers(r.sources, app, m.Reads)
	return m
}

// sources gives the sources as a child calls them (that of the app is ""), and where the app is.
func (req Request) sources() (map[string]Source, location, error) {
	name := req.Source
	if name == "" && len(req.Sources) == 1 {
		for only := range req.Sources {
			name = only
		}
	}
	own, ok := req.Sources[name]
	if !ok || own.FS == nil {
		return nil, location{}, fault.New(fault.InvalidSettings, "there is no source %q", name)
	}
	sources := map[string]Source{"": own}
	for other, source := range req.Sources {
		if other != name {
			sources[other] = source
		}
	}
	if path.IsAbs(req.Path) {
		return nil, location{}, outside(req.Path)
	}
	return sources, location{"", path.Clean(req.Path)}, nil
}

// wire gives the request as the child gets it.
func (req Request) wire(app location, options Options) wire.Render {
	out := wire.Render{
		Render: req.Render, Path: app.path, Recurse: true,
		Release: req.Release, Namespace: req.Namespace, Upgrade: req.Upgrade, Set: []string{},
		Seed: req.seed(options.Secret), Seconds: int(options.Limits.Timeout.Seconds()) + 1,
		Limits: wire.Limits{Objects: options.Limits.Objects, Object: options.Limits.Object, Output: options.Limits.Output},
	}
	for _, f := range req.Values {
		out.Values = append(out.Values, wire.File{Source: req.called(f.Source), Path: f.Path})
	}
	if p := req.Plain; p != nil {
		out.Recurse = p.Recurse == nil || *p.Recurse
		out.Include, out.Exclude = p.Include, p.Exclude
	}
	if h := req.Helm; h != nil {
		setHelm(&out, h, app)
	}
	out.Set = append(out.Set, req.Set...)
	return out
}

// called gives the name by which a child knows a source.
func (req Request) called(source string) string {
	if source == req.Source || len(req.Sources) == 1 {
		return ""
	}
	return source
}

// acquire waits for a child that is free, and starts one if there is none.
func (r *Renderer) acquire(ctx context.Context) (*process, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-r.closed:
		return nil, errClosed
	}
	if p := r.take(); p != nil {
		return p, nil
	}
	answer := make(chan startAnswer, 1)
	select {
	case r.starts <- startRequest{answer}:
	case <-r.closed:
		<-r.slots
		return nil, errClosed
	}
	started := <-answer
	if started.err != nil {
		<-r.slots
		return nil, started.err
	}
	return started.p, nil
}

var errClosed = errors.New("the renderer is closed")

// take gives the idle child that was used last.
func (r *Renderer) take() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	p := r.idle[len(r.idle)-1]
	r.idle = r.idle[:len(r.idle)-1]
	return p
}

// release gives a child back. One that did not end its conversation properly is gone.
func (r *Renderer) release(p *process, good bool) {
	defer func() { <-r.slots }()
	select {
	case <-r.closed:
		good = false
	default:
	}
	r.mu.Lock()
	if good {
		p.since = time.Now()
		r.idle = append(r.idle, p)
		if len(r.idle) > 1 {
			time.AfterFunc(r.options.Idle, r.shrink)
		}
		r.mu.Unlock()
		return
	}
	delete(r.live, p)
	r.mu.Unlock()
	p.stop()
}

// shrink ends the child that was idle for longest, if it was for long enough and there is another.
func (r *Renderer) shrink() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) < 2 || time.Since(r.idle[0].since) < r.options.Idle {
		return
	}
	p := r.idle[0]
	r.idle = r.idle[1:]
	delete(r.live, p)
	p.stop()
}

// starter starts children, all from one thread that lives as long as the Renderer: a child dies with the thread that made it.
func (r *Renderer) starter() {
	runtime.LockOSThread() // never unlocked
	for {
		select {
		case <-r.closed:
			return
		case request := <-r.starts:
			p, err := start(r.options.Command, r.options.Limits.Memory)
			if err == nil {
				r.mu.Lock()
				r.live[p] = true
				r.box = &p.hello.Sandbox
				r.mu.Unlock()
			}
			request.answer <- startAnswer{p, err}
		}
	}
}
