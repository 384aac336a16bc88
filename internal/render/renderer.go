package render

import (
	"cmp"
	"context"
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
	// How long a render waits for a child before a second one is started for it. 0: 100 ms.
	Patience time.Duration
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
	pool    *pool

	mu      sync.Mutex
	box     *Sandbox
	started int
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
	options.Children = cmp.Or(options.Children, min(runtime.GOMAXPROCS(0), 2))
	options.Patience = cmp.Or(options.Patience, 100*time.Millisecond)
	options.Idle = cmp.Or(options.Idle, 5*time.Second)
	options.Limits = options.Limits.withDefaults()
	r := &Renderer{options: options}
	r.pool = newPool(options.Children, options.Patience, options.Idle, r.start)
	return r, nil
}

// start starts a child, and remembers what locks it.
func (r *Renderer) start() (*process, error) {
	p, err := start(r.options.Command, r.options.Limits.Memory)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.box = &p.hello.Sandbox
	r.started++
	return p, nil
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Timeout: cmp.Or(l.Timeout, 30*time.Second),
		Memory:  cmp.Or(l.Memory, 1<<30),
		Output:  cmp.Or(l.Output, 64<<20),
		Object:  cmp.Or(l.Object, 3<<19),
		File:    cmp.Or(l.File, 10<<20),
		Input:   cmp.Or(l.Input, 256<<20),
		Objects: cmp.Or(l.Objects, 10_000),
		Reads:   cmp.Or(l.Reads, 20_000),
		Depth:   cmp.Or(l.Depth, 64),
	}
}

// Close ends all children. Renders under way fail.
func (r *Renderer) Close() { r.pool.close() }

// Sandbox says what really locks a child; it starts one if there was none yet.
func (r *Renderer) Sandbox(ctx context.Context) (Sandbox, error) {
	r.mu.Lock()
	known := r.box
	r.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	p, err := r.pool.acquire(ctx)
	if err != nil {
		return Sandbox{}, err
	}
	defer r.pool.release(p, true)
	return p.hello.Sandbox, nil
}

// Started gives how many children were started so far.
func (r *Renderer) Started() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// Pids gives the process ids of the living children: what they cost can be seen by them.
func (r *Renderer) Pids() []int { return r.pool.pids() }

// Render renders. When the folder is at fault the error is a fault.Fault, and the Manifest holds what was read until then,
// for Record; when ctx ended it is the context's own. After an error there are never objects.
func (r *Renderer) Render(ctx context.Context, req Request) (Manifest, error) {
	sources, app, err := req.sources()
	if err != nil {
		return Manifest{}, err
	}
	p, err := r.pool.acquire(ctx)
	if err != nil {
		return Manifest{}, err
	}
	began := time.Now()
	limits := r.options.Limits
	reads := newReader(sources, req.Capabilities, limits)
	deadline, cancel := context.WithCancel(ctx)
	defer cancel()
	unwatch := context.AfterFunc(deadline, p.kill)
	reads.clock = newClock(limits.Timeout, cancel)
	defer reads.clock.stop()
	out, spoke, err := p.render(req.wire(app, r.options), reads, limits)
	if !unwatch() {
		spoke = false // it was killed, whatever it said
	}
	r.pool.release(p, spoke)
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
	for i, f := range req.Values {
		if i == 0 && req.Chart == nil && req.called(f.Source) == "" && f.Path == path.Join(app.path, "values.yaml") {
			continue // the chart's own: read twice, a null in it would stay instead of meaning "not set"
		}
		out.Values = append(out.Values, wire.File{Source: req.called(f.Source), Path: f.Path})
	}
	if req.Chart != nil {
		out.Chart = &wire.File{Source: req.called(req.Chart.Source), Path: req.Chart.Path}
	}
	for _, d := range req.Dependencies {
		out.Dependencies = append(out.Dependencies, wire.Dependency{Name: d.Name, File: wire.File{Source: req.called(d.Source), Path: d.Path}})
	}
	if p := req.Plain; p != nil {
		out.Recurse = p.Recurse == nil || *p.Recurse
		out.Include, out.Exclude = p.Include, p.Exclude
	}
	if req.Kustomize != nil {
		out.Overlay = overlay(req.Kustomize)
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
