package agent

import (
	"context"

	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
)

// reader is a Repo as it uses its repository.
type reader struct {
	agent *Agent
	repo  *repo
}

// Key names the Repo.
func (u reader) Key() any { return u.repo.Key }

// Wants gives the revision that the Repo tracks, and the folders whose files a discovery reads.
func (u reader) Wants() repos.Wants {
	return u.repo.Wants()
}

// Announce notes that all apps of the Repo are about to be offered a commit.
func (u reader) Announce(commit string) {
	for key := range u.agent.appsOf(u.repo.Object()) {
		u.agent.claims.offer(key, commit)
	}
}

// Take has the commit discovered.
func (u reader) Take(ctx context.Context, found repos.Commit) error {
	return u.agent.discover(ctx, u.repo, found)
}

// Hear takes in whether the revision could be read. The last good state stays.
func (u reader) Hear(news repos.News) {
	if news.Fault != nil || news.By == string(trigger.Sync) {
		u.agent.syncReady(u.repo)
	}
	if news.Fault != nil {
		u.repo.Unreadable(news)
		u.agent.tellUnoffered(u.repo, news.Fault)
		return
	}
	u.repo.Readable()
}

// syncReady lets the apps of a Repo carry out the sync that a person asked for: their repository was asked after it.
func (ag *Agent) syncReady(r *repo) {
	for key, known := range ag.appsOf(r.Object()) {
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
