package agent

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
)

// supplyKey is what makes two apps share one chart: what is wanted, who may be asked for it as whom, and how often.
type supplyKey struct {
	namespace string
	ref       chart.Ref
	access    string // Repo.spec.charts as JSON
	poll      time.Duration
}

// supply is one chart from elsewhere under watch. An exact version is asked for until it is here; a range is asked for as long as an
// app uses it. What it was last is served meanwhile.
type supply struct {
	agent *Agent
	key   supplyKey
	scope string
	watch *trigger.Watch
	end   context.CancelFunc

	mu    sync.Mutex
	users map[types.NamespacedName]bool
	found *chart.Chart
	fault *fault.Fault // why it could not be asked for last
	since time.Time    // since when not
}

// supplied is what is known of a chart.
type supplied struct {
	found *chart.Chart
	fault *fault.Fault
	since time.Time
}

// settled tells whether there is anything to say of it.
func (s supplied) settled() bool { return s.found != nil || s.fault != nil }

// supply has an app use exactly these charts from now on, and says what is known of each.
func (ag *Agent) supply(app types.NamespacedName, keys []supplyKey) map[supplyKey]supplied {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	for key, s := range ag.supplies {
		if !slices.Contains(keys, key) && s.leave(app) {
			delete(ag.supplies, key)
			s.end()
		}
	}
	known := make(map[supplyKey]supplied, len(keys))
	for _, key := range keys {
		s, ok := ag.supplies[key]
		if !ok {
			s = ag.newSupply(key)
			ag.supplies[key] = s
		}
		known[key] = s.enter(app)
	}
	return known
}

// newSupply begins to look after a chart. What is in the store is known at once, and an exact version then needs no more.
func (ag *Agent) newSupply(key supplyKey) *supply {
	s := &supply{agent: ag, key: key, scope: scopeOf(key), users: map[types.NamespacedName]bool{}, end: func() {}}
	s.found, _ = ag.charts.Known(s.scope, key.ref)
	if s.found != nil && key.ref.Exact() {
		return s
	}
	ctx, end := context.WithCancel(ag.life)
	s.end = end
	s.watch = &trigger.Watch{Poll: key.poll, Pass: func(ctx context.Context, _ trigger.Cause) error { return s.pass(ctx) }}
	go s.watch.Run(ctx)
	return s
}

func (s *supply) enter(app types.NamespacedName) supplied {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[app] = true
	return supplied{s.found, s.fault, s.since}
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
	access, err := s.agent.accessOf(ctx, s.key)
	var found *chart.Chart
	if err == nil {
		found, err = s.agent.charts.Fetch(ctx, chart.Want{Ref: s.key.ref, Scope: s.scope, Access: access})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	before := supplied{s.found, s.fault, s.since}
	if err == nil {
		s.found, s.fault, s.since = found, nil, time.Time{}
	} else {
		s.fault = fault.Of(err, fault.FetchFailed)
		if s.since.IsZero() {
			s.since = time.Now()
		}
	}
	after := supplied{s.found, s.fault, s.since}
	users := make([]types.NamespacedName, 0, len(s.users))
	for key := range s.users {
		users = append(users, key)
	}
	s.mu.Unlock()
	s.tell(before, after, users)
	if err == nil && s.key.ref.Exact() {
		s.end() // it is that archive for good
	}
	return err
}

// tell has the apps take up what is news to them.
func (s *supply) tell(before, after supplied, users []types.NamespacedName) {
	log := s.agent.log.With("chart", s.key.ref.String(), "repository", repos.ShownURL(s.key.ref.Repo))
	moved := before.found == nil && after.found != nil || before.found != nil && before.found.Digest != after.found.Digest
	failed := (before.fault == nil) != (after.fault == nil) || before.fault != nil && before.fault.Message != after.fault.Message
	if !moved && !failed {
		return
	}
	if moved {
		log.Info("a chart was fetched", "version", after.found.Version)
	}
	if failed && after.fault != nil {
		log.Warn("a chart cannot be fetched", "error", after.fault)
	}
	for _, key := range users {
		if a := s.agent.appOf(key); a != nil {
			s.agent.gather(a)
		}
	}
}

func (ag *Agent) appOf(key types.NamespacedName) *app {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.apps[key]
}

// nudgeSupplies has the charts of an app asked for now: a person wants to know.
func (ag *Agent) nudgeSupplies(app types.NamespacedName) {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	for _, s := range ag.supplies {
		s.mu.Lock()
		if s.users[app] && s.watch != nil {
			s.watch.Nudge(trigger.Sync)
		}
		s.mu.Unlock()
	}
}

// accessOf reads the credentials of those who may be asked, as they are now.
func (ag *Agent) accessOf(ctx context.Context, key supplyKey) ([]chart.Access, error) {
	var list []chart.Access
	for _, a := range accessList(key.access) {
		access := chart.Access{URL: a.URL}
		if a.Secret != "" {
			values, err := ag.secret(ctx, key.namespace, a.Secret)
			if err != nil {
				return nil, err
			}
			access.Token, access.Username, access.Password, access.CA = values["token"], values["username"], values["password"], []byte(values["ca.crt"])
		}
		list = append(list, access)
	}
	return list, nil
}

func accessList(text string) []v1alpha1.ChartAccess {
	var list []v1alpha1.ChartAccess
	if text != "" {
		_ = json.Unmarshal([]byte(text), &list) // it was written by accessText
	}
	return list
}

func accessText(list []v1alpha1.ChartAccess) string {
	if len(list) == 0 {
		return ""
	}
	data, _ := json.Marshal(list)
	return string(data)
}

// scopeOf parts the store by namespace and by the Secret that lets the chart be fetched: who has another has not this archive.
func scopeOf(key supplyKey) string {
	list := accessList(key.access)
	urls := make([]chart.Access, len(list))
	for i, a := range list {
		urls[i].URL = a.URL
	}
	if i := chart.For(urls, key.ref.Repo+"/"+key.ref.Name); i >= 0 {
		return key.namespace + "/" + list[i].Secret
	}
	return key.namespace + "/"
}

// accessFor gives who may be asked for the charts of an app: what its Repo lists, or, for an App by hand, what it lists itself.
func (ag *Agent) accessFor(o *v1alpha1.App) ([]v1alpha1.ChartAccess, time.Duration) {
	if makerOf(o) == "" && len(o.Spec.Charts) > 0 {
		_, poll := ag.repositoryOf(o)
		return o.Spec.Charts, poll
	}
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Repo}]
	ag.mu.Unlock()
	if r == nil {
		return nil, time.Minute
	}
	named, _ := r.bound()
	return named.Spec.Charts, pollOf(named)
}

// chartRef gives the chart that settings name.
func chartRef(app fleet.App) (chart.Ref, bool) {
	if app.Settings.Helm == nil || app.Settings.Helm.Chart == nil {
		return chart.Ref{}, false
	}
	c := app.Settings.Helm.Chart
	return chart.Ref{Repo: c.Repo, Name: c.Name, Version: c.Version, Digest: c.Digest}, true
}
