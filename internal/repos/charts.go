package repos

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source/trigger"
)

// ChartKey is what makes two apps share one chart: what is wanted, who may be asked for it as whom, and how often. See KeyOf.
type ChartKey struct {
	Namespace string
	Ref       chart.Ref
	access    string // as JSON
	poll      time.Duration
}

// KeyOf gives the key of a chart for apps of a namespace, who may ask those that the list names (Repo.spec.charts).
func KeyOf(namespace string, ref chart.Ref, access []v1alpha1.ChartAccess, poll time.Duration) ChartKey {
	key := ChartKey{Namespace: namespace, Ref: ref, poll: poll}
	if len(access) > 0 {
		data, _ := json.Marshal(access) // strings
		key.access = string(data)
	}
	return key
}

// list gives who may be asked.
func (k ChartKey) list() []v1alpha1.ChartAccess {
	var list []v1alpha1.ChartAccess
	if k.access != "" {
		_ = json.Unmarshal([]byte(k.access), &list) // it was written by KeyOf
	}
	return list
}

// scope parts the store by namespace and by the Secret that lets the chart be fetched: who has another has not this archive.
func (k ChartKey) scope() string {
	list := k.list()
	urls := make([]chart.Access, len(list))
	for i, a := range list {
		urls[i].URL = a.URL
	}
	if i := chart.For(urls, k.Ref.Repo+"/"+k.Ref.Name); i >= 0 {
		return k.Namespace + "/" + list[i].Secret
	}
	return k.Namespace + "/"
}

// Supplied is what is known of a chart. What it was last is there while nobody answers.
type Supplied struct {
	Found *chart.Chart // nil until it was had
	Fault *fault.Fault // why it could not be asked for last
	Since time.Time    // since when not
}

// Settled tells whether there is anything to say of it.
func (s Supplied) Settled() bool { return s.Found != nil || s.Fault != nil }

// ChartOptions say how charts are followed.
type ChartOptions struct {
	Store *chart.Store
	// Secret reads the values of a Secret.
	Secret func(ctx context.Context, namespace, name string) (map[string]string, error)
	// Changed is told of each app to which something about one of its charts is news.
	Changed func(app types.NamespacedName)
	Log     *slog.Logger
}

// Charts are those from elsewhere under watch, each as long as an app uses it.
type Charts struct {
	options ChartOptions
	log     *slog.Logger
	life    context.Context

	mu  sync.Mutex // taken above that of a supply
	all map[ChartKey]*supply
}

// NewCharts follows no chart yet. All ends with the context.
func NewCharts(life context.Context, options ChartOptions) *Charts {
	return &Charts{options: options, log: options.Log, life: life, all: map[ChartKey]*supply{}}
}

// supply is one chart from elsewhere under watch. An exact version is asked for until it is here; a range is asked for as long as an
// app uses it.
type supply struct {
	of    *Charts
	key   ChartKey
	watch *trigger.Watch // nil of what is here for good
	end   context.CancelFunc

	mu    sync.Mutex
	users map[types.NamespacedName]bool
	known Supplied
}

// Use has an app use exactly these charts from now on, and says what is known of each.
func (cs *Charts) Use(app types.NamespacedName, keys []ChartKey) map[ChartKey]Supplied {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for key, s := range cs.all {
		if !slices.Contains(keys, key) && s.leave(app) {
			delete(cs.all, key)
			s.end()
		}
	}
	known := make(map[ChartKey]Supplied, len(keys))
	for _, key := range keys {
		s, ok := cs.all[key]
		if !ok {
			s = cs.follow(key)
			cs.all[key] = s
		}
		known[key] = s.enter(app)
	}
	return known
}

// Nudge has the charts of an app asked for now: a person wants to know.
func (cs *Charts) Nudge(app types.NamespacedName) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, s := range cs.all {
		s.mu.Lock()
		if s.users[app] && s.watch != nil {
			s.watch.Nudge(trigger.Sync)
		}
		s.mu.Unlock()
	}
}

// Have gives a chart if it is here, without asking anybody.
func (cs *Charts) Have(key ChartKey) (*chart.Chart, bool) {
	return cs.options.Store.Known(key.scope(), key.Ref)
}

// Ask asks for a chart, with the credentials as they are now.
func (cs *Charts) Ask(ctx context.Context, key ChartKey) (*chart.Chart, error) {
	access, err := cs.access(ctx, key)
	if err != nil {
		return nil, err
	}
	return cs.options.Store.Fetch(ctx, chart.Want{Ref: key.Ref, Scope: key.scope(), Access: access})
}

// access reads the credentials of those who may be asked.
func (cs *Charts) access(ctx context.Context, key ChartKey) ([]chart.Access, error) {
	var list []chart.Access
	for _, a := range key.list() {
		access := chart.Access{URL: a.URL}
		if a.Secret != "" {
			values, err := cs.options.Secret(ctx, key.Namespace, a.Secret)
			if err != nil {
				return nil, err
			}
			access.Token, access.Username, access.Password, access.CA = values["token"], values["username"], values["password"], []byte(values["ca.crt"])
		}
		list = append(list, access)
	}
	return list, nil
}

// follow begins to look after a chart. What is in the store is known at once, and an exact version then needs no more.
func (cs *Charts) follow(key ChartKey) *supply {
	s := &supply{of: cs, key: key, users: map[types.NamespacedName]bool{}, end: func() {}}
	s.known.Found, _ = cs.Have(key)
	if s.known.Found != nil && key.Ref.Exact() {
		return s
	}
	ctx, end := context.WithCancel(cs.life)
	s.end = end
	s.watch = &trigger.Watch{Poll: key.poll, Pass: func(ctx context.Context, _ trigger.Cause) error { return s.pass(ctx) }}
	go s.watch.Run(ctx)
	return s
}

func (s *supply) enter(app types.NamespacedName) Supplied {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[app] = true
	return s.known
}

// leave tells whether nobody is left.
func (s *supply) leave(app types.NamespacedName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, app)
	return len(s.users) == 0
}

// pass asks for the chart, and has those who use it take up what is new.
func (s *supply) pass(ctx context.Context) error {
	found, err := s.of.Ask(ctx, s.key)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	before := s.known
	if err == nil {
		s.known = Supplied{Found: found}
	} else {
		s.known.Fault = fault.Of(err, fault.FetchFailed)
		if s.known.Since.IsZero() {
			s.known.Since = time.Now()
		}
	}
	after := s.known
	users := make([]types.NamespacedName, 0, len(s.users))
	for key := range s.users {
		users = append(users, key)
	}
	s.mu.Unlock()
	s.tell(before, after, users)
	if err == nil && s.key.Ref.Exact() {
		s.end() // it is that archive for good
	}
	return err
}

// tell has the apps take up what is news to them.
func (s *supply) tell(before, after Supplied, users []types.NamespacedName) {
	moved := before.Found == nil && after.Found != nil || before.Found != nil && before.Found.Digest != after.Found.Digest
	failed := (before.Fault == nil) != (after.Fault == nil) || before.Fault != nil && before.Fault.Message != after.Fault.Message
	if !moved && !failed {
		return
	}
	log := s.of.log.With("chart", s.key.Ref.String(), "repository", ShownURL(s.key.Ref.Repo))
	if moved {
		log.Info("a chart was fetched", "version", after.Found.Version)
	}
	if failed && after.Fault != nil {
		log.Warn("a chart cannot be fetched", "error", after.Fault)
	}
	for _, key := range users {
		s.of.options.Changed(key)
	}
}
