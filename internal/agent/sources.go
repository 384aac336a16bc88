package agent

import (
	"context"
	"fmt"
	"maps"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source"
)

// sourced is one of spec.sources as it was read last. It is a value: what is new takes the place of what was.
type sourced struct {
	key      repos.Address
	revision string
	commit   string // "" until it was read
	snapshot *source.Snapshot
	mirror   *source.Mirror
	fault    *fault.Fault // why it cannot be read now
	since    time.Time
}

// sourced gives what is known of a source.
func (a *app) sourced(name string) sourced {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sources[name]
}

func (a *app) setSource(name string, s sourced) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sources == nil {
		a.sources = map[string]sourced{}
	}
	a.sources[name] = s
}

// seatsOf gives the repositories that an App by hand uses, and as what.
func (ag *Agent) seatsOf(o *v1alpha1.App) map[string]repos.Address {
	own, _ := ag.repositoryOf(o)
	seats := map[string]repos.Address{"": own}
	for _, s := range o.Spec.Sources {
		seats[s.Name], _ = ag.repositoryAt(o.Namespace, s.Repo, s.Secret)
	}
	return seats
}

// bindSources has the repositories of spec.sources looked at for an App by hand, and forgets what was read of others.
func (ag *Agent) bindSources(a *app, o *v1alpha1.App) {
	a.mu.Lock()
	before := a.sources
	a.sources = nil
	a.mu.Unlock()
	for _, s := range o.Spec.Sources {
		key, poll := ag.repositoryAt(o.Namespace, s.Repo, s.Secret)
		revision := ag.revisionOf(a, s.Name)
		known := before[s.Name]
		if known.key != key || known.revision != revision {
			known = sourced{key: key, revision: revision}
		}
		if !key.Known() {
			known.fault = fault.New(fault.PathNotFound, "the source %s names Repo %s, which is not in namespace %s", s.Name, s.Repo, o.Namespace).
				WithNext("create it, or write the address of a repository")
			a.setSource(s.Name, known)
			continue // the Repo may come a moment later: then the App is bound again
		}
		a.setSource(s.Name, known)
		ag.repositories.Track(key, seat{ag, a, s.Name}, poll, causeOf(asksForSync(o)))
	}
	if len(before)+len(o.Spec.Sources) > 0 {
		ag.gather(a)
	}
}

// bring takes in the commit of a source.
func (ag *Agent) bring(u seat, found repos.Commit) {
	s := u.app.sourced(u.source)
	if s.key.URL == "" || s.revision != found.Revision {
		return // it is no source any more, or at another revision
	}
	s.commit, s.snapshot, s.mirror = found.ID, found.Snapshot, found.Mirror
	if !found.Stale {
		s.fault, s.since = nil, time.Time{}
	}
	u.app.setSource(u.source, s)
	ag.gather(u.app)
}

// sourceLost notes why a source cannot be read, or, without a fault, that it can.
func (ag *Agent) sourceLost(u seat, f *fault.Fault, since time.Time) {
	s := u.app.sourced(u.source)
	if s.key.URL == "" || s.fault == nil && f == nil {
		return
	}
	s.fault, s.since = f, since
	u.app.setSource(u.source, s)
	ag.gather(u.app)
}

// takeSources completes an offer with the sources of its App; false while one was not asked for yet. What was read before is used
// while a server does not answer.
func (of *offer) takeSources(a *app, o *v1alpha1.App) (ready bool) {
	of.sources = map[string]sourced{}
	for _, named := range o.Spec.Sources {
		s := a.sourced(named.Name)
		switch {
		case s.commit == "" && s.fault == nil:
			return false
		case s.commit == "" && of.fault == nil:
			of.fault, of.lacks = s.fault, true
		case s.fault != nil && s.commit != "":
			of.warnings = append(of.warnings, fmt.Sprintf("the source %s cannot be read since %s: %s", named.Name, s.since.UTC().Format(time.RFC3339), s.fault.Message))
		}
		of.sources[named.Name] = s
	}
	return true
}

// holdSources has an offer that is held use the sources as they were applied last: what comes from elsewhere stays too while a Hold is
// in force, also in another life of the agent. Of a source that was not applied yet there is nothing to hold.
func (of *offer) holdSources(ctx context.Context, applied []v1alpha1.SourceStatus) error {
	of.sources = maps.Clone(of.sources)
	for _, was := range applied {
		s, named := of.sources[was.Name]
		if !named || s.mirror == nil || s.commit == was.Revision {
			continue
		}
		if err := s.mirror.Fetch(ctx, source.Head{Commit: was.Revision, Kind: source.Exact}); err != nil {
			return fault.Of(err, fault.FetchFailed)
		}
		snapshot, err := s.mirror.Snapshot(ctx, was.Revision)
		if err != nil {
			return err
		}
		s.commit, s.snapshot = was.Revision, snapshot
		of.sources[was.Name] = s
	}
	return nil
}

// useSources gives a request the sources of an offer, by the names that values files are written with.
func (of *offer) useSources(request *render.Request) {
	for name, s := range of.sources {
		request.Sources["$"+name] = render.Source{FS: s.snapshot}
	}
}

// sourceRevisions lists the commits of the sources for the status, in the order of spec.sources.
func (of *offer) sourceRevisions(o *v1alpha1.App) []v1alpha1.SourceStatus {
	var list []v1alpha1.SourceStatus
	for _, named := range o.Spec.Sources {
		if s := of.sources[named.Name]; s.commit != "" {
			list = append(list, v1alpha1.SourceStatus{Name: named.Name, Revision: s.commit})
		}
	}
	return list
}

// changesElsewhere lists the commits of sources that changed something which the render read, since those that were applied:
// "<source>@<commit>", newest first within a source.
func (t *turn) changesElsewhere(ctx context.Context, recorded *render.Recorded) []string {
	var changed []string
	for _, was := range t.app.status.Sources {
		s := t.offer.sources[was.Name]
		if s.commit == "" || s.commit == was.Revision {
			continue
		}
		log, err := s.mirror.Log(ctx, was.Revision, s.commit, logLimit)
		if err != nil || len(log) == logLimit {
			changed = append(changed, was.Name+"@"+s.commit)
			continue
		}
		for _, c := range log {
			if touches(ctx, s.mirror, c, readsOf(recorded, "$"+was.Name)) {
				changed = append(changed, was.Name+"@"+c.ID)
			}
		}
	}
	return changed
}

// readsOf gives what a render read of one source; "" is the app's own.
func readsOf(recorded *render.Recorded, source string) []render.Read {
	var reads []render.Read
	for _, r := range recorded.Manifest.Reads {
		if r.Source == source {
			reads = append(reads, r)
		}
	}
	return reads
}

// touches tells whether a commit changed an answer, against its first parent.
func touches(ctx context.Context, mirror *source.Mirror, c source.Commit, reads []render.Read) bool {
	if len(c.Parents) == 0 {
		return true
	}
	after, err := mirror.Snapshot(ctx, c.ID)
	if err != nil {
		return true
	}
	before, err := mirror.Snapshot(ctx, c.Parents[0])
	if err != nil {
		return true
	}
	for _, r := range reads {
		if !r.Same(before, after) {
			return true
		}
	}
	return false
}

// sourcesDescend tells whether every source moved forward since what was applied with nothing held.
func (t *turn) sourcesDescend(ctx context.Context) bool {
	for _, was := range t.app.status.Sources {
		s := t.offer.sources[was.Name]
		if s.commit == "" || s.commit == was.Revision {
			continue
		}
		if forward, err := s.mirror.IsAncestor(ctx, was.Revision, s.commit); err != nil || !forward {
			return false
		}
	}
	return true
}
