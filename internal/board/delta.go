package board

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// kind is what a change is about.
type kind uint8

const (
	kindApp kind = iota
	kindRepo
	kindPull
	kindChange
)

// change is one entry of the log of changes.
type change struct {
	seq  uint64
	kind kind
	id   string
}

// maxLog is how many changes are remembered. Who missed more begins anew.
const maxLog = 20000

// note writes a change into the log, and wakes those who wait for one.
func (b *Board) note(k kind, id string) {
	b.seq++
	if len(b.log) >= maxLog {
		b.log = append(make([]change, 0, maxLog), b.log[maxLog/4:]...)
	}
	b.log = append(b.log, change{b.seq, k, id})
	close(b.changed)
	b.changed = make(chan struct{})
}

// Position is a moment of a board's life: all changes up to Seq are known.
type Position struct {
	Stream string
	Seq    uint64
}

// String gives "<stream>-<seq>", as an event's id.
func (p Position) String() string { return p.Stream + "-" + strconv.FormatUint(p.Seq, 10) }

// ParsePosition reads what String gives.
//
// Errors: InvalidQuery if it is none.
func ParsePosition(text string) (Position, error) {
	i := strings.LastIndexByte(text, '-')
	if i > 0 {
		if seq, err := strconv.ParseUint(text[i+1:], 10, 64); err == nil && len(text) <= 64 {
			return Position{text[:i], seq}, nil
		}
	}
	return Position{}, fault.New(fault.InvalidQuery, "the position is not <stream>-<seq>").WithNext("take it from /api/v1alpha1/fleet")
}

// Delta is what changed since a position, as it is now: a row that changed twice is told once.
type Delta struct {
	At      Position
	Reset   bool // what changed since then is not known any more, or it was another life: everything is to be read anew
	Rows    []Row
	Gone    []string
	Repos   []RepoRow
	NoRepos []string // Repos that are gone
	Pulls   bool
	Changes bool
}

// Empty tells whether a person has nothing to be told.
func (d Delta) Empty() bool {
	return !d.Reset && len(d.Rows)+len(d.Gone)+len(d.Repos)+len(d.NoRepos) == 0 && !d.Pulls && !d.Changes
}

// Now gives the newest position, and a channel that is closed when there is a newer one.
func (b *Board) Now() (Position, <-chan struct{}) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return Position{b.stream, b.seq}, b.changed
}

// Since gives what a person may see of what changed since a position.
func (b *Board) Since(sight Sight, from Position) Delta {
	b.mu.RLock()
	defer b.mu.RUnlock()
	d := Delta{At: Position{b.stream, b.seq}}
	if from.Stream != b.stream || from.Seq > b.seq || len(b.log) > 0 && from.Seq+1 < b.log[0].seq {
		d.Reset = true
		return d
	}
	start, _ := slices.BinarySearchFunc(b.log, from.Seq+1, func(c change, seq uint64) int { return cmp.Compare(c.seq, seq) })
	seen := map[change]bool{}
	for _, c := range b.log[start:] {
		c.seq = 0
		if seen[c] || !sight.Sees(namespaceOf(c.id)) {
			continue
		}
		seen[c] = true
		b.tell(&d, c)
	}
	return d
}

// tell puts how something is now into a delta.
func (b *Board) tell(d *Delta, c change) {
	switch c.kind {
	case kindApp:
		if e := b.rows[c.id]; e != nil {
			d.Rows = append(d.Rows, e.Row)
		} else {
			d.Gone = append(d.Gone, c.id)
		}
	case kindRepo:
		if r, ok := b.repos[c.id]; ok {
			d.Repos = append(d.Repos, r)
		} else {
			d.NoRepos = append(d.NoRepos, c.id)
		}
	case kindPull:
		d.Pulls = true
	case kindChange:
		d.Changes = true
	}
}

// namespaceOf gives the first part of "<namespace>/<name>".
func namespaceOf(id string) string {
	namespace, _, _ := strings.Cut(id, "/")
	return namespace
}
