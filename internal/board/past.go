package board

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"plumb.dev/plumb/internal/revert"
)

// Bounds of what is kept for figures of commits that are not remembered any more: about 125 bytes each.
const (
	maxDeploys = 100_000
	deploysFor = 92 * 24 * time.Hour // before the newest
)

// past is the deploys of commits that are forgotten, in a compact form: what figures need of them, and nothing that is shown.
type past struct {
	deploys []deploy
	known   map[pastKey]int // where in deploys
	apps    map[string]*pastApp
	floor   int64 // what was seen no later is left out; 0 is nothing
}

type pastKey struct {
	app    *pastApp
	commit uint64
}

// pastApp is what all deploys of an App object have in common.
type pastApp struct{ id, app, env string }

// deploy is a commit's way through one app. Times are microseconds of Unix time, 0 is not yet.
type deploy struct {
	in                                *pastApp
	seen, committed, applied, healthy int64
	failed                            bool
	commit, subject                   uint64 // hashes: of the first seven digits, of the subject
	back, backSubject                 uint64 // of the commit that it takes back, by its own word; 0 is none
}

func newPast() past { return past{known: map[pastKey]int{}, apps: map[string]*pastApp{}} }

// put keeps what became of a commit in an app. Who wrote it, and what it takes back, stays known.
func (p *past) put(c *commit, id string, s step) {
	if s.seen == 0 || s.seen <= p.floor {
		return
	}
	in := p.apps[id]
	if in == nil {
		in = &pastApp{id, s.app, s.env}
		p.apps[id] = in
	}
	d := deployOf(c, in, s)
	key := pastKey{in, d.commit}
	if i, known := p.known[key]; known {
		if before := &p.deploys[i]; d.subject == 0 {
			d.subject, d.committed, d.back, d.backSubject = before.subject, before.committed, before.back, before.backSubject
		}
		p.deploys[i] = d
		return
	}
	p.known[key] = len(p.deploys)
	p.deploys = append(p.deploys, d)
	p.prune()
}

// prune forgets the oldest: what is older than figures go back, and an eighth when there are too many.
func (p *past) prune() {
	if len(p.deploys) <= maxDeploys {
		return
	}
	slices.SortFunc(p.deploys, func(a, b deploy) int { return cmp.Compare(a.seen, b.seen) })
	last := p.deploys[len(p.deploys)-1].seen - deploysFor.Microseconds()
	gone, _ := slices.BinarySearchFunc(p.deploys, last, func(d deploy, at int64) int { return cmp.Compare(d.seen, at) })
	gone = max(gone, len(p.deploys)/8)
	p.floor = p.deploys[gone-1].seen
	p.deploys = slices.Clone(p.deploys[gone:])
	clear(p.known)
	for i, d := range p.deploys {
		p.known[pastKey{d.in, d.commit}] = i
	}
}

// deployOf makes a deploy of a step.
func deployOf(c *commit, in *pastApp, s step) deploy {
	d := deploy{in: in, seen: s.seen, applied: s.applied, healthy: s.healthy, failed: s.failed(), commit: hashOf(short(c.id)), subject: hashOf(c.line.Subject)}
	if !c.line.Time.IsZero() {
		d.committed = c.line.Time.UnixMicro()
	}
	id, subject := revert.TakesBack(c.line.Subject)
	d.back, d.backSubject = hashOf(id), hashOf(subject)
	return d
}

// takesBack tells whether a deploy says that it takes another one back.
func (d *deploy) takesBack(o *deploy) bool {
	return d.back != 0 && d.back == o.commit || d.backSubject != 0 && d.backSubject == o.subject
}

// hashOf gives a short form of a text; 0 of none.
func hashOf(text string) uint64 {
	if text == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum64()
}
