package board

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"plumb.dev/plumb/internal/revert"
)

// Bounds of what is kept for figures: 160 to 230 bytes each.
const (
	maxDeploys = 100_000
	deploysFor = 92 * 24 * time.Hour // before the newest
)

// past is what figures need of each commit in each app, of commits that are remembered and of those that are not any more: kept as
// it changes, by app, so that figures neither gather nor sort it.
type past struct {
	apps  []pastApp
	index map[string]int    // by the id of the App object, where in apps
	known map[pastKey]int64 // when each deploy was seen, which leads to it
	floor int64             // what was seen no later is left out; 0 is nothing
}

type pastKey struct {
	app    int // where in apps
	commit uint64
}

// pastApp is what an App object went through, the oldest first.
type pastApp struct {
	id, app, env string
	deploys      []deploy
}

// deploy is a commit's way through one app. Times are microseconds of Unix time, 0 is not yet.
type deploy struct {
	imprint
	seen, applied, healthy int64
	failed                 bool
}

// imprint is what figures need of a commit itself.
type imprint struct {
	committed         int64
	commit, subject   uint64 // hashes: of the first seven digits, of the subject
	back, backSubject uint64 // of the commit that it takes back, by its own word; 0 is none
}

func newPast() past { return past{index: map[string]int{}, known: map[pastKey]int64{}} }

// put keeps what became of a commit in an app. Who wrote it, and what it takes back, stays known.
func (p *past) put(c *commit, id string, s step) {
	if s.seen == 0 || s.seen <= p.floor {
		return
	}
	i, known := p.index[id]
	if !known {
		i = len(p.apps)
		p.index[id], p.apps = i, append(p.apps, pastApp{id: id})
	}
	a, d := &p.apps[i], deployOf(c, s)
	a.app, a.env = s.app, s.env
	key := pastKey{i, d.commit}
	if seen, known := p.known[key]; known {
		at := a.from(seen)
		for a.deploys[at].commit != d.commit {
			at++
		}
		if d.subject == 0 {
			d.imprint = a.deploys[at].imprint
		}
		a.deploys = slices.Delete(a.deploys, at, at+1)
	}
	a.deploys = slices.Insert(a.deploys, a.from(d.seen+1), d)
	p.known[key] = d.seen
	p.prune()
}

// from gives where the deploys begin that were seen no earlier.
func (a *pastApp) from(seen int64) int {
	at, _ := slices.BinarySearchFunc(a.deploys, seen, func(d deploy, seen int64) int { return cmp.Compare(d.seen, seen) })
	return at
}

// prune forgets the oldest: what is older than figures go back, and an eighth when there are too many.
func (p *past) prune() {
	if len(p.known) <= maxDeploys {
		return
	}
	seen := make([]int64, 0, len(p.known))
	for _, at := range p.known {
		seen = append(seen, at)
	}
	slices.Sort(seen)
	gone, _ := slices.BinarySearch(seen, seen[len(seen)-1]-deploysFor.Microseconds())
	p.floor = seen[max(gone, len(seen)/8)-1]
	kept := p.apps[:0]
	clear(p.index)
	clear(p.known)
	for _, a := range p.apps {
		from := a.from(p.floor + 1)
		if from == len(a.deploys) {
			continue
		}
		if from > 0 {
			a.deploys = slices.Clone(a.deploys[from:])
		}
		for i := range a.deploys {
			p.known[pastKey{len(kept), a.deploys[i].commit}] = a.deploys[i].seen
		}
		p.index[a.id], kept = len(kept), append(kept, a)
	}
	clear(p.apps[len(kept):])
	p.apps = kept
}

// deployOf makes a deploy of a step.
func deployOf(c *commit, s step) deploy {
	return deploy{imprint: c.imprint, seen: s.seen, applied: s.applied, healthy: s.healthy, failed: s.failed()}
}

// imprintOf gives what figures need of a commit.
func imprintOf(id string, line *ChangeLine) imprint {
	p := imprint{commit: hashOf(short(id)), subject: hashOf(line.Subject)}
	if !line.Time.IsZero() {
		p.committed = line.Time.UnixMicro()
	}
	back, subject := revert.TakesBack(line.Subject)
	p.back, p.backSubject = hashOf(back), hashOf(subject)
	return p
}

// isRevert tells whether a commit says that it takes another one back.
func (p *imprint) isRevert() bool { return p.back != 0 || p.backSubject != 0 }

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
