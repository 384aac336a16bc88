package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
)

// The fleet in columns is the one answer that grows with the fleet. It is put together and compressed once for all who see the
// same, and told again as long as that is worth it: the stream tells what has changed since.
const (
	fleetCost   = 20               // a copy is told for this many times as long as it took to make: a twentieth of a processor goes into it
	fleetOldest = 10 * time.Second // and no longer
	fleetBehind = 500              // nor when so much has changed: the stream would tell that row by row
	fleetSights = 32               // copies for so many different sights are kept
	fleetLevel  = 5                // of compression: the next one takes three times as long for 4 of 100
)

// fleets keeps a copy of the fleet for each sight that somebody has.
type fleets struct {
	mu     sync.Mutex
	copies map[string]*fleetCopy
}

// fleetCopy is the fleet as people of one sight are told it.
type fleetCopy struct {
	mu     sync.Mutex // held by whoever makes it anew
	packed []byte     // as gzip
	at     board.Position
	silent string
	made   time.Time
	took   time.Duration
	asked  time.Time // under the lock of fleets
}

// of gives the copy for a sight; of too many the one goes that nobody has asked for the longest.
func (f *fleets) of(sight board.Sight, now time.Time) *fleetCopy {
	key := "*" // no namespace is called so
	if !sight.All {
		seen := slices.DeleteFunc(slices.Sorted(maps.Keys(sight.Namespaces)), func(name string) bool { return !sight.Namespaces[name] })
		key = strings.Join(seen, "\n")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.copies[key]
	if c == nil {
		if len(f.copies) >= fleetSights {
			delete(f.copies, f.oldest())
		}
		if f.copies == nil {
			f.copies = map[string]*fleetCopy{}
		}
		c = &fleetCopy{}
		f.copies[key] = c
	}
	c.asked = now
	return c
}

func (f *fleets) oldest() string {
	return slices.MinFunc(slices.Collect(maps.Keys(f.copies)), func(a, b string) int { return f.copies[a].asked.Compare(f.copies[b].asked) })
}

// good tells whether the copy may still be told.
func (c *fleetCopy) good(now board.Position, silent string, at time.Time) bool {
	age := at.Sub(c.made)
	return c.packed != nil && c.silent == silent && age < fleetOldest &&
		(c.at == now || age < fleetCost*c.took && now.Seq-c.at.Seq <= fleetBehind)
}

// packedFleet gives what a person may see, compressed.
func (s *server) packedFleet(sight board.Sight) ([]byte, error) {
	c := s.fleets.of(sight, time.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	begun, agent := time.Now(), s.agent()
	if now, _ := s.Board.Now(); c.good(now, agent.Silent, begun) {
		return c.packed, nil
	}
	fleet := s.Board.Snapshot(sight, agent, s.Now())
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, fleetLevel)
	if err != nil {
		return nil, err
	}
	if err := fleet.WriteJSON(z); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	c.packed, c.at, c.silent = out.Bytes(), board.Position{Stream: fleet.Stream, Seq: fleet.Seq}, agent.Silent
	c.made, c.took = begun, time.Since(begun)
	return c.packed, nil
}

// fleetOperation describes the answer; it is told from copies, as bytes.
func fleetOperation() *operation {
	return op("fleet", "All that you may see, in columns", func(context.Context, *nothing) (board.Fleet, error) { return board.Fleet{}, nil })
}

// fleet answers with everything that a person may see, in columns.
func (s *server) fleet(w http.ResponseWriter, r *http.Request) {
	sight, err := sees(r.Context())
	if err != nil {
		refuseFault(w, fault.Of(err, fault.Unreachable))
		return
	}
	packed, err := s.packedFleet(sight)
	if err != nil {
		refuseFault(w, fault.Of(err, fault.Unreachable))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Add("Vary", "Accept-Encoding")
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed) // the reader is gone if this fails
		return
	}
	if z, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
		_, _ = io.Copy(w, z) // likewise
	}
}
