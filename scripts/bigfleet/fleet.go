package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/report"
)

// place is where each app is.
type place struct{ env, cluster string }

var places = []place{
	{"dev", "local"}, {"staging", "staging-eu-1"}, {"prod", "prod-eu-1"}, {"prod", "prod-eu-2"},
	{"prod", "prod-us-1"}, {"prod", "prod-us-2"}, {"prod", "prod-ap-1"}, {"prod", "prod-ap-2"},
}

var (
	teams    = []string{"payments", "search", "ledger", "catalog", "identity", "media", "growth", "platform"}
	nouns    = []string{"api", "web", "worker", "cart", "gateway", "index", "mailer", "reports", "stream", "cache"}
	people   = []string{"Dana Reyes <dana@example.com>", "Omar Haddad <omar@example.com>", "Lena Fischer <lena@example.com>", "Ilya Sokolov <ilya@example.com>", "Mei Tanaka <mei@example.com>"}
	subjects = []string{"2.8.1", "raise memory limit", "fix readiness probe", "drop the old endpoint", "turn the new cache on", "roll back to yesterday's image", "three replicas", "new base image"}
	managers = []string{"kubectl-edit", "vpa-recommender", "kubectl (scale)", "istio-pilot"}
	// words has each state as often as it is met, of a hundred.
	words = shares(map[v1alpha1.State]int{v1alpha1.StateOK: 84, v1alpha1.StateRolling: 5, v1alpha1.StateDrifted: 3, v1alpha1.StateFailed: 3, v1alpha1.StateWaiting: 3, v1alpha1.StatePaused: 2})
)

func shares(of map[v1alpha1.State]int) []v1alpha1.State {
	var out []v1alpha1.State
	for _, s := range v1alpha1.States {
		for range of[s] {
			out = append(out, s)
		}
	}
	return out
}

// fleet makes every App from its number and from how often it has changed, so that it needs to hold none.
type fleet struct {
	apps int
	born time.Time

	mu      sync.Mutex
	changed map[int]change // by number of the target
}

// change is how often a target has changed, and when last.
type change struct {
	times int
	at    time.Time
}

func newFleet(apps int, now time.Time) *fleet {
	return &fleet{apps: apps, born: now, changed: map[int]change{}}
}

func (f *fleet) targets() int { return f.apps * len(places) }

// fill puts everything onto a board.
func (f *fleet) fill(b *board.Board) {
	for _, r := range f.repos() {
		b.PutRepo(&r, f.born)
	}
	for n := range f.targets() {
		f.put(b, n)
	}
}

func (f *fleet) put(b *board.Board, n int) {
	app := f.app(n)
	repo := app.Namespace + "/" + app.Labels[v1alpha1.LabelRepo]
	b.PutCommit(repo, f.commit(n, app.Status.Target))
	b.Put(&app)
}

// change has some targets change every second, until ctx ends.
func (f *fleet) change(ctx context.Context, b *board.Board, perSecond int) {
	if perSecond <= 0 {
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			n := rand.IntN(f.targets())
			f.mu.Lock()
			f.changed[n] = change{f.changed[n].times + 1, now}
			f.mu.Unlock()
			f.put(b, n)
		}
	}
}

// app makes the App object of a number.
func (f *fleet) app(n int) v1alpha1.App {
	f.mu.Lock()
	c := f.changed[n]
	f.mu.Unlock()
	number, at := n/len(places), places[n%len(places)]
	r := rand.New(rand.NewPCG(uint64(n), uint64(c.times)))
	name := appName(number)
	o := v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v1alpha1.Namespace, Name: objectName(name, at), UID: "00000000-0000-4000-8000-000000000000", Labels: map[string]string{v1alpha1.LabelRepo: repoName(number)},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Repo", Name: repoName(number), Controller: new(true)}},
		},
		Spec: v1alpha1.AppSpec{Repo: repoName(number), Path: "apps/" + name + "/envs/" + at.env, App: name, Env: at.env, Cluster: at.cluster},
	}
	changed := c.at
	if changed.IsZero() {
		changed = f.reached(number, n%len(places))
	}
	o.Status = statusOf(r, commitOf(number, c.times), words[r.IntN(len(words))], changed)
	if o.Status.State == v1alpha1.StatePaused {
		o.Spec.Pause = &v1alpha1.Pause{Reason: "freeze", By: "lena", Until: &metav1.Time{Time: f.born.Add(48 * time.Hour)}}
	}
	return o
}

// reached is when the newest commit of an app reached one of its places: one after the other, in half an hour.
func (f *fleet) reached(number, place int) time.Time {
	r := rand.New(rand.NewPCG(uint64(number), 7))
	committed := f.born.Add(-time.Duration(3600+r.IntN(90*24*3600)) * time.Second)
	return committed.Add(time.Duration(place*4*60+r.IntN(60)) * time.Second)
}

func statusOf(r *rand.Rand, commit string, state v1alpha1.State, changed time.Time) v1alpha1.AppStatus {
	seen := metav1.NewMicroTime(changed)
	applied := metav1.NewMicroTime(changed.Add(time.Duration(1+r.IntN(5)) * time.Second))
	row := v1alpha1.HistoryRow{Revision: commit, Seen: &seen, Planned: &seen, Applied: &applied, Result: string(state), Changed: 1 + r.IntN(4)}
	s := v1alpha1.AppStatus{
		State: state, AsOf: &metav1.Time{Time: applied.Time}, Revision: commit, Target: commit, Health: v1alpha1.Healthy,
		Objects: v1alpha1.Counts{Total: 4 + r.IntN(20)}, Summary: "applied and healthy",
	}
	switch state {
	case v1alpha1.StateFailed:
		s.Health, s.Summary = v1alpha1.Degraded, "Deployment api: ImagePullBackOff registry.example.com/api:missing"
		s.Blocking = &v1alpha1.Blocking{Kind: "Deployment", Namespace: "shop", Name: "api", Message: "ImagePullBackOff", LastEvent: "Failed to pull image"}
		row.Reason = "HealthDegraded"
	case v1alpha1.StateDrifted:
		s.Objects.Drifted = 1
		s.Summary = "spec.replicas of Deployment/shop/api is 9, in Git 3"
		s.Drift = []v1alpha1.Drift{{Object: "Deployment/shop/api", Field: "spec.replicas", Kind: "changed", Manager: managers[r.IntN(len(managers))], Operation: "Update", Git: "3", Live: "9", Seen: &metav1.Time{Time: changed}}}
	case v1alpha1.StateRolling:
		s.Health, s.Summary = v1alpha1.Progressing, "3 of 5 pods are ready"
	case v1alpha1.StateWaiting:
		s.Summary, s.WaitingFor = "waits for ledger/prod", []v1alpha1.WaitingFor{{Kind: "App", Name: "ledger/prod"}}
	case v1alpha1.StatePaused:
		s.Summary = "paused by lena: freeze"
	default:
		healthy := metav1.NewMicroTime(applied.Add(time.Duration(10+r.IntN(90)) * time.Second))
		row.Healthy = &healthy
	}
	s.History = []v1alpha1.HistoryRow{row}
	return s
}

func (f *fleet) commit(n int, id string) v1alpha1.CommitLine {
	number := n / len(places)
	r := rand.New(rand.NewPCG(uint64(number), 8))
	at := f.reached(number, 0).Add(-time.Minute)
	return v1alpha1.CommitLine{ID: id, Author: people[r.IntN(len(people))], Subject: appName(number) + ": " + subjects[r.IntN(len(subjects))], Time: &metav1.Time{Time: at}}
}

func commitOf(number, times int) string {
	r := rand.New(rand.NewPCG(uint64(number), uint64(1000+times)))
	return fmt.Sprintf("%016x%016x%08x", r.Uint64(), r.Uint64(), r.Uint32())
}

func appName(number int) string {
	return fmt.Sprintf("%s-%s-%d", teams[number%len(teams)], nouns[number/len(teams)%len(nouns)], number)
}

func repoName(number int) string { return teams[number%len(teams)] }

func objectName(app string, at place) string {
	if at.cluster == "local" {
		return app + "-" + at.env
	}
	return app + "-" + at.env + "-" + at.cluster
}

// App finds an App object by its name.
func (f *fleet) App(_, name string) (v1alpha1.App, bool) {
	for i, at := range places {
		app, ok := strings.CutSuffix(name, strings.TrimPrefix(objectName("", at), ""))
		if !ok {
			continue
		}
		number := 0
		if _, err := fmt.Sscanf(app[strings.LastIndexByte(app, '-')+1:], "%d", &number); err == nil && number < f.apps && appName(number) == app {
			return f.app(number*len(places) + i), true
		}
	}
	return v1alpha1.App{}, false
}

// repos gives one for each team.
func (f *fleet) repos() []v1alpha1.Repo {
	var out []v1alpha1.Repo
	for _, team := range teams {
		out = append(out, v1alpha1.Repo{
			ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.Namespace, Name: team},
			Spec:       v1alpha1.RepoSpec{URL: "https://git.example.com/acme/" + team + ".git"},
			Status: v1alpha1.RepoStatus{
				Revision: commitOf(0, 0), Observed: &v1alpha1.Observed{Revision: commitOf(0, 0), Time: metav1.NewTime(f.born), By: "poll"},
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Healthy"}},
			},
		})
	}
	return out
}

// clusters gives those of the places.
func (f *fleet) clusters() []v1alpha1.Cluster {
	var out []v1alpha1.Cluster
	for _, at := range places {
		out = append(out, v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: at.cluster}, Status: v1alpha1.ClusterStatus{Version: "v1.37.2", LastSeen: &metav1.Time{Time: f.born}}})
	}
	return out
}

// Agent was heard from just now.
func (f *fleet) Agent() report.Agent { return report.Agent{Heard: time.Now()} }

func (f *fleet) entries(context.Context, v1alpha1.App, string) ([]v1alpha1.Entry, error) {
	return nil, nil
}
