package agent

import (
	"fmt"
	"time"

	"plumb.dev/plumb/internal/server"
	"plumb.dev/plumb/internal/source"
)

// The Lease says that the agent lives for as long as readers believe it (resources.md §2).
const leaseValid = 2 * time.Minute

// silent is how long the heart may be still before the process counts as stuck.
const silent = 5 * beat

// checks are what /readyz asks: whether the agent does its work now. A repository that cannot be read, or an app that fails,
// is no reason to replace the agent. The answers go to anybody, so that they hold no address and nothing of an error.
func (ag *Agent) checks() []server.Check {
	ag.mu.Lock()
	ready, renewed := ag.ready, ag.beatAt
	ag.mu.Unlock()
	return []server.Check{
		watched(ready),
		leased(renewed, time.Now()),
		gitUsable(),
	}
}

func watched(ready bool) server.Check {
	c := server.Check{Name: "watches", OK: ready, Text: "Repos, Apps and Clusters are known"}
	if !ready {
		c.Text = "Repos, Apps and Clusters are not known yet"
	}
	return c
}

func leased(renewed, now time.Time) server.Check {
	c := server.Check{Name: "lease", OK: now.Sub(renewed) < leaseValid}
	switch {
	case renewed.IsZero():
		c.OK, c.Text = false, "the Lease was never renewed"
	case c.OK:
		c.Text = "the Lease is renewed"
	default:
		c.Text = fmt.Sprintf("the Lease was not renewed for %s", now.Sub(renewed).Truncate(time.Second))
	}
	return c
}

func gitUsable() server.Check {
	if source.Usable() != nil {
		return server.Check{Name: "git", Text: "git is not there, or is too old"}
	}
	return server.Check{Name: "git", OK: true, Text: "git can be used"}
}

// live tells whether the agent still moves: its heart has beaten a while ago, for which it needs the one lock that everything
// needs. An API server that does not answer does not stop it.
func (ag *Agent) live() bool {
	return time.Since(time.Unix(0, ag.pulse.Load())) < silent
}
