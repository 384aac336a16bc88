package agent

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
	"time"
)

// reader is a Repo as it uses its repository.
type reader struct {
	agent *Agent
	repo  *repo
}

// Key names the Repo.
func (u reader) Key() any { return u.repo.key }

// Wants gives the revision that the Repo tracks, and the folders whose files a discovery reads.
func (u reader) Wants() repos.Wants {
	r := u.repo
	r.mu.Lock()
	defer r.mu.Unlock()
	return repos.Wants{Revision: r.object.Spec.Revision, Paths: fleet.Roots(r.object.Spec.Apps), Served: r.result != nil}
}

// Announce notes that all apps of the Repo are about to be offered a commit.
func (u reader) Announce(commit string) {
	o, _ := u.repo.bound()
	for key := range u.agent.appsOf(o) {
		u.agent.claims.offer(key, commit)
	}
}

// Take has the commit discovered.
func (u reader) Take(ctx context.Context, found repos.Commit) error {
	return u.agent.discover(ctx, u.repo, offerOf(found))
}

// Hear takes in whether the revision could be read. The last good state stays.
func (u reader) Hear(news repos.News) {
	if news.Fault != nil || news.By == string(trigger.Sync) {
		u.agent.syncReady(u.repo)
	}
	if news.Fault != nil {
		u.repo.unreadable(news)
		u.agent.repoChanged(u.repo)
		u.agent.tellUnoffered(u.repo, news.Fault)
		return
	}
	if u.repo.readable() {
		u.agent.repoChanged(u.repo)
	}
}

// unreadable notes since when the Repo cannot be read, and why.
func (r *repo) unreadable(news repos.News) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stale := metav1.NewTime(news.Since.Truncate(time.Second))
	r.status.StaleSince = &stale
	r.unread = news.Fault
}

// readable notes that the Repo could be read. It tells whether its status says something else.
func (r *repo) readable() (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wasStale := r.status.StaleSince != nil
	r.status.StaleSince, r.unread = nil, nil
	token := r.object.Annotations[v1alpha1.AnnotationSync]
	asked := r.status.Handled.Sync != token
	r.status.Handled.Sync = token
	return wasStale || asked
}

// syncReady lets the apps of a Repo carry out the sync that a person asked for: their repository was asked after it.
func (ag *Agent) syncReady(r *repo) {
	o, _ := r.bound()
	for key, known := range ag.appsOf(o) {
		if !asksForSync(known) {
			continue
		}
		if a := ag.appOf(key); a != nil {
			ag.letSync(a)
		}
	}
}

// letSync lets an app carry out the sync that a person asked for.
func (ag *Agent) letSync(a *app) {
	ag.charts.Nudge(a.key)
	a.readySync()
	ag.queue.Add(a.key)
}
