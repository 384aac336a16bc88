package agent

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
)

// seat is what an App by hand uses a repository as: its own, or one of spec.sources. It may use one twice, at two revisions.
type seat struct {
	agent  *Agent
	app    *app
	source string // name in spec.sources; "" for the App's own
}

// seatKey names a seat.
type seatKey struct {
	app    types.NamespacedName
	source string
}

// Key names the App and what it uses the repository as.
func (u seat) Key() any { return seatKey{u.app.key, u.source} }

// Wants gives the revision that the App tracks, and its folder. Of other sources single files are read, when they are needed.
func (u seat) Wants() repos.Wants {
	wants := repos.Wants{Revision: u.agent.revisionOf(u.app, u.source)}
	if u.source != "" {
		wants.Served = u.app.sourced(u.source).commit != ""
		return wants
	}
	wants.Served = u.app.proposal() != nil
	if o, _, _ := u.app.mailbox(); o != nil {
		wants.Paths = []string{o.Spec.Path}
	}
	return wants
}

// Announce notes that the App is about to be offered a commit: that of its own repository.
func (u seat) Announce(commit string) {
	if u.source == "" {
		u.agent.claims.offer(u.app.key, commit)
	}
}

// Take places a commit for the App, or takes in that of a source.
func (u seat) Take(_ context.Context, found repos.Commit) error {
	if u.source != "" {
		u.agent.bring(u, found)
		return nil
	}
	return u.agent.place(u.app, offerOf(found))
}

// Hear takes in whether the revision could be read. The last good state stays.
func (u seat) Hear(news repos.News) {
	if u.source != "" {
		u.agent.sourceLost(u, news.Fault, news.Since)
		return
	}
	asked := news.By == string(trigger.Sync)
	if news.Fault != nil || asked {
		u.agent.letSync(u.app)
	}
	a := u.app
	a.mu.Lock()
	changed := news.Fault != nil || a.sourceFault != nil
	a.sourceFault = news.Fault
	a.mu.Unlock()
	if changed || asked {
		u.agent.queue.Add(a.key)
	}
}
