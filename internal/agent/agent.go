// Package agent is the shell that closes the circle: it watches Git and the cluster, and drives each app through
// source → render → look → plan → apply → observe → record, whenever one of the two moved.
//
// It owns the goroutines, the clock and the log. It decides nothing that package plan, state, diff or health can decide,
// and it keeps nothing that cannot be rebuilt from Git and the cluster: killed at any instruction, it starts again and
// converges. Two active agents are harmless.
//
// Start at Run; discover.go turns commits into offers, pass.go takes one app through the stages.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/herald"
	"plumb.dev/plumb/internal/ledger"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/people"
	"plumb.dev/plumb/internal/recorder"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/review"
	"plumb.dev/plumb/internal/traces"
)

// Lease names the Lease whose renewTime says that the states still hold.
const Lease = "plumb-agent"

// Options say how the agent runs. Zero values mean the defaults named.
type Options struct {
	Config     *rest.Config
	CacheDir   string // mirrors and renders; private to the agent
	AllowLocal bool   // file:// repositories
	ReadOnly   bool   // nothing of a user is written, and no Inventory: what would be done is only shown
	// SecretsEvery is set where the agent may not list Secrets: how often those of each app are looked at, one by one as the app's
	// ServiceAccount. 0: they are watched, as all kinds are.
	SecretsEvery time.Duration
	Version      string
	Log          *slog.Logger
	Traces       *traces.Traces // nil: none
	Workers      int            // apps in work at once; default 24
	Slots        int            // requests in flight for users' objects; default 40
	Election     Election
	PageURL      string      // where people reach the agent's pages, for links; "" is nowhere
	OIDC         people.OIDC // who knows people; the zero value: nobody but the API server
}

// Agent is a running agent.
type Agent struct {
	options    Options
	log        *slog.Logger
	life       context.Context
	cluster    *cluster.Cluster
	ledger     *ledger.Ledger
	facts      *cluster.Facts
	renderer   *render.Renderer
	cache      *render.Cache
	store      *chart.Store
	sandbox    render.Sandbox
	tested     atomic.Bool // sandbox is known
	slots      chan struct{}
	single     chan struct{} // of them, those that make Services
	precedence *precedence
	queue      workqueue.TypedRateLimitingInterface[types.NamespacedName]
	claims     *claims
	order      *order
	metrics    *metrics
	hooks      *repos.Hooks
	tenure     *tenure
	unlock     func() // the cache folder
	recorder   *recorder.Recorder
	herald     *herald.Herald
	reviewer   *review.Reviewer // nil of a read-only agent
	board      *board.Board
	served     atomic.Pointer[string] // the API server's version, once it is known
	forges     dial.Forges
	proposals  proposals
	previews   chan struct{} // previews of reverts that are being made
	proven     *proven       // where drifted fields come from
	answers    *answers
	people     *people.People
	born       time.Time // when it began to act: a standby waits before that
	workers    sync.WaitGroup
	end        context.CancelFunc // ends life
	uid        string             // of the namespace kube-system: which cluster this is

	repositories *repos.Repositories // that Repos, and Apps by hand, are read from
	charts       *repos.Charts       // that apps need from elsewhere

	mu          sync.Mutex // guards the maps, not what they point to
	apps        map[types.NamespacedName]*app
	repos       map[types.NamespacedName]*repo
	clusters    map[string]*v1alpha1.Cluster
	inventories map[types.NamespacedName][]v1alpha1.Inventory // of the first list, until an app takes its own
	owners      map[object.ID]types.NamespacedName            // which app an object's news go to
	waiting     map[types.NamespacedName]*app                 // apps whose last plan waits for something that may come
	words       int                                           // how often those were told to look again
	namespaces  map[string]time.Time                          // namespaces that were seen not to be terminating
	accounts    map[string]time.Time                          // ServiceAccounts that were seen
	beatAt      time.Time                                     // when the Lease was last renewed
	lost        chan struct{}                                 // closed when another agent has the Lease
	ready       bool

	renewing sync.Mutex // one renewal at a time; guards the tenure while the agent works
	askedAt  time.Time  // when a renewal was tried last

	pulse atomic.Int64 // when the heart has beaten last, in nanoseconds of Unix time
}

// Run waits until the agent is the active one, and then works until ctx ends, another agent is active (Lost), or it is closed.
// It returns an error only if it cannot begin.
func Run(ctx context.Context, options Options) (*Agent, error) {
	ag, err := newAgent(options)
	if err != nil {
		return nil, err
	}
	ag.life, ag.end = context.WithCancel(ctx)
	ag.repositories = repos.New(ag.life, repos.Options{
		Folder: filepath.Join(options.CacheDir, "git"), AllowLocal: options.AllowLocal, Secret: ag.secret, Took: ag.metrics.took, Traces: options.Traces, Log: ag.log,
	})
	ag.charts = repos.NewCharts(ag.life, repos.ChartOptions{Store: ag.store, Secret: ag.secret, Changed: ag.regather, Log: ag.log})
	err = ag.stand(ag.life)
	if err == nil {
		err = ag.begin(ag.life)
	}
	if err != nil {
		ag.end()
		ag.unlock()
		return nil, err
	}
	return ag, nil
}

func newAgent(options Options) (*Agent, error) {
	if options.Workers == 0 {
		options.Workers = 24
	}
	if options.Slots == 0 {
		options.Slots = 40
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	a := &Agent{
		options: options, log: options.Log,
		slots:       make(chan struct{}, options.Slots),
		single:      make(chan struct{}, 2), // one that is served, and one that is on its way
		queue:       workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[types.NamespacedName]()),
		claims:      newClaims(),
		board:       board.New(newLife()),
		proposals:   newProposals(),
		previews:    make(chan struct{}, previewsAtOnce),
		proven:      newProven(),
		answers:     newAnswers(),
		order:       newOrder(),
		namespaces:  map[string]time.Time{},
		accounts:    map[string]time.Time{},
		lost:        make(chan struct{}),
		apps:        map[types.NamespacedName]*app{},
		repos:       map[types.NamespacedName]*repo{},
		clusters:    map[string]*v1alpha1.Cluster{},
		inventories: map[types.NamespacedName][]v1alpha1.Inventory{},
		owners:      map[object.ID]types.NamespacedName{},
		waiting:     map[types.NamespacedName]*app{},
	}
	a.metrics = newMetrics(options.Version, func() int { return a.renderer.Started() })
	a.precedence = newPrecedence(options.Workers, a.queue.Len)
	if err := os.MkdirAll(options.CacheDir, 0o700); err != nil {
		return nil, fmt.Errorf("the cache folder %s cannot be used: %w", options.CacheDir, err)
	}
	var err error
	if a.unlock, err = lockFolder(options.CacheDir); err != nil {
		return nil, err
	}
	if err := a.connect(); err != nil {
		a.unlock()
		return nil, err
	}
	return a, nil
}

// connect makes the hands of the agent. It makes no request.
func (ag *Agent) connect() (err error) {
	options := ag.options
	if ag.tenure, err = newTenure(options); err != nil {
		return err
	}
	connect := cluster.New
	if options.ReadOnly {
		connect = cluster.NewReadOnly
	}
	if ag.cluster, err = connect(counted(options.Config, ag.metrics), "plumb-agent/"+options.Version); err != nil {
		return err
	}
	if ag.ledger, err = ledger.New(ag.cluster.Config()); err != nil {
		return err
	}
	if ag.recorder, err = recorder.New(ag.ledger, filepath.Join(options.CacheDir, "record"), ag.log, ag.precedence.calm); err != nil {
		return err
	}
	ag.recorder.Asks(ag.askPulls)
	ag.forges.Wrap = func(next http.RoundTripper) http.RoundTripper { return countingForges{next, ag.metrics.forges} }
	if ag.herald, err = herald.New(ag.placeOf, ag.heardOfForge, filepath.Join(options.CacheDir, "forge"), ag.log); err != nil {
		return err
	}
	if ag.facts, err = cluster.NewFacts(ag.cluster, ag.healthRules, ag.objectChanged); err != nil {
		return err
	}
	ag.facts.Unlisted = options.SecretsEvery > 0
	if ag.cache, err = render.OpenCache(filepath.Join(options.CacheDir, "render")); err != nil {
		return err
	}
	if ag.people, err = people.Open(people.Options{
		Config: options.Config, Cluster: ag.cluster, Agent: known{ag}, Namespaces: ag.ownNamespaces,
		Version: options.Version, PageURL: options.PageURL, OIDC: options.OIDC, Log: ag.log,
	}); err != nil {
		return err
	}
	if ag.store, err = chart.Open(filepath.Join(options.CacheDir, "charts"), chart.Options{}); err != nil {
		return err
	}
	return nil
}

// begin reads what there is, then starts the watches, the workers and the heartbeat.
func (ag *Agent) begin(ctx context.Context) error {
	ag.born = time.Now()
	system, err := ag.cluster.Own().GetMetadata(ctx, object.ID{Kind: "Namespace", Name: metav1.NamespaceSystem}, "v1")
	if err != nil {
		return fmt.Errorf("the API server does not answer: %w", err)
	}
	ag.uid = string(system.UID)
	if ag.renderer, err = render.New(render.Options{Secret: []byte(ag.uid), Children: renderers()}); err != nil {
		return err
	}
	if !ag.options.ReadOnly {
		if ag.reviewer, err = review.New(ag.deskOf, ag.heardOfPulls, ag.reviewHands(), filepath.Join(ag.options.CacheDir, "pulls"), ag.log); err != nil {
			return err
		}
	}
	ag.hooks = repos.NewHooks(ag.hookOptions())
	var start errgroup.Group
	start.Go(func() error { return ag.testSandbox(ctx) })
	start.Go(func() error {
		if err := ag.readLedger(ctx); err != nil {
			return err
		}
		ag.repositories.Start() // servers are asked meanwhile: no app has its turn before the workers begin
		return nil
	})
	if err := start.Wait(); err != nil {
		return err
	}
	if err := ag.cluster.FollowKinds(ctx, ag.kindsChanged); err != nil {
		return err
	}
	ag.feel()
	ag.workers.Go(func() { ag.heartbeat(ctx) })
	for range ag.options.Workers + maxBehind {
		ag.workers.Go(func() { ag.work(ctx) })
	}
	context.AfterFunc(ctx, ag.queue.ShutDown)
	ag.recorder.Run(ctx)
	ag.workers.Go(func() { ag.herald.Run(ctx) })
	if ag.reviewer != nil {
		ag.workers.Go(func() { ag.reviewer.Run(ctx) })
	}
	ag.workers.Go(func() { ag.proposeAll(ctx) })
	ag.workers.Go(func() { ag.readRecord(ctx) })
	ag.mu.Lock()
	ag.ready = true
	ag.mu.Unlock()
	ag.log.Info("the agent runs", "version", ag.options.Version, "cluster", ag.uid, "sandbox", ag.sandbox, "readonly", ag.options.ReadOnly)
	return nil
}

func (ag *Agent) testSandbox(ctx context.Context) (err error) {
	if ag.sandbox, err = ag.renderer.Sandbox(ctx); err != nil {
		return err
	}
	ag.tested.Store(true)
	if ag.sandbox.Weakness != "" {
		ag.log.Warn("the sandbox of renders is weak", "weakness", ag.sandbox.Weakness)
	}
	return nil
}

// readLedger reads what is written of the fleet, and begins to watch it. The watches live as long as ctx.
func (ag *Agent) readLedger(ctx context.Context) error {
	ag.ledger.Ready(ctx)
	if err := ag.readInventories(ctx); err != nil {
		return err
	}
	if err := ledger.Watch(ctx, ag.ledger, "clusters", &v1alpha1.Cluster{}, ledger.Handler[*v1alpha1.Cluster]{Put: ag.putCluster, Gone: ag.dropCluster}); err != nil {
		return err
	}
	if err := ledger.Watch(ctx, ag.ledger, "repos", &v1alpha1.Repo{}, ledger.Handler[*v1alpha1.Repo]{Put: ag.putRepo, Gone: ag.dropRepo}); err != nil {
		return err
	}
	return ledger.Watch(ctx, ag.ledger, "apps", &v1alpha1.App{}, ledger.Handler[*v1alpha1.App]{Put: ag.putApp, Gone: ag.dropApp})
}

// readInventories keeps what a former life of the agent has recorded of the cluster, until its apps take it.
func (ag *Agent) readInventories(ctx context.Context) error {
	all, err := ag.ledger.Inventories(ctx)
	if err != nil {
		return err
	}
	for _, inventory := range all {
		key := types.NamespacedName{Namespace: inventory.Namespace, Name: inventory.App}
		ag.inventories[key] = append(ag.inventories[key], inventory)
	}
	return nil
}

// Close ends the agent: it waits for what is in work, then ends children and mirrors.
func (ag *Agent) Close() error {
	ag.end()
	ag.workers.Wait()
	ag.release()
	defer ag.unlock()
	defer ag.renderer.Close()
	return ag.repositories.Close()
}

func (ag *Agent) work(ctx context.Context) {
	for {
		key, shutdown := ag.queue.Get()
		if shutdown {
			return
		}
		ag.guarded(ctx, key)
		ag.queue.Done(key)
	}
}

// panicPause is how long an app rests whose pass panicked.
const panicPause = 5 * time.Minute

// guarded is a pass whose panic stops its own app and no other.
func (ag *Agent) guarded(ctx context.Context, key types.NamespacedName) {
	defer func() {
		if cause := recover(); cause != nil {
			ag.log.Error("a pass panicked: this is a mistake in Plumb", "app", key.String(), "cause", cause, "stack", string(debug.Stack()))
			ag.queue.AddAfter(key, panicPause)
		}
	}()
	ag.pass(ctx, key)
}

// feel notes that the heart beats, and that nobody keeps the lock.
func (ag *Agent) feel() {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	ag.pulse.Store(time.Now().UnixNano())
}

// objectChanged sends the news about an object to the app that has it. It runs on the goroutine of a watch.
func (ag *Agent) objectChanged(id object.ID) {
	ag.mu.Lock()
	key, ok := ag.owners[id]
	app := ag.apps[key]
	ag.mu.Unlock()
	if ok && app != nil {
		app.waits() // it may be what was waited for
		ag.queue.Add(key)
	}
}

// kindsChanged has those apps look again that may ask for a kind which was not served.
func (ag *Agent) kindsChanged() {
	ag.cluster.Mapper().Invalidate()
	ag.mu.Lock()
	apps := slices.Collect(maps.Values(ag.apps))
	ag.mu.Unlock()
	for _, app := range apps {
		if app.lacksKind() {
			ag.queue.Add(app.key)
		}
	}
}

// healthRules gives the own health rules of the app that an object's news go to. It runs on the goroutine of a watch.
func (ag *Agent) healthRules(id object.ID) cluster.Rules {
	ag.mu.Lock()
	app := ag.apps[ag.owners[id]]
	ag.mu.Unlock()
	if app == nil {
		return cluster.Rules{}
	}
	return app.rulesFor(id)
}

// renderers is how many renders run at once: half of the processors. A child costs about 50 MiB, and the API server, not
// the renders, is what a first sync waits for.
func renderers() int { return max(1, min(4, runtime.GOMAXPROCS(0)/2)) }

// jitter gives a number in [0, 1).
func jitter() float64 { return rand.Float64() }
