package server

import (
	"compress/gzip"
	"fmt"
	"io"
	"testing"
	"time"

	"plumb.dev/plumb/internal/board"
)

func TestHowLongACopyOfTheFleetIsTold(t *testing.T) {
	made := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	copied := fleetCopy{packed: []byte("x"), at: board.Position{Stream: "life", Seq: 100}, made: made, took: 100 * time.Millisecond}
	for reason, c := range map[string]struct {
		seq    uint64
		silent string
		after  time.Duration
		good   bool
	}{
		"nothing has changed":                       {seq: 100, after: 9 * time.Second, good: true},
		"nothing has changed for long":              {seq: 100, after: 10 * time.Second, good: false},
		"it took long to make, and little changed":  {seq: 120, after: time.Second, good: true},
		"it has been told for twenty times as long": {seq: 120, after: 2 * time.Second, good: false},
		"more changed than the stream should tell":  {seq: 601, after: time.Second, good: false},
		"the agent has fallen silent since":         {seq: 100, silent: "not heard from for 2m", after: time.Second, good: false},
	} {
		if good := copied.good(board.Position{Stream: "life", Seq: c.seq}, c.silent, made.Add(c.after)); good != c.good {
			t.Errorf("%s: it is told: %t", reason, good)
		}
	}
	if copied.good(board.Position{Stream: "another", Seq: 100}, "", made.Add(5*time.Second)) {
		t.Error("a copy of another life is told")
	}
	if (&fleetCopy{}).good(board.Position{}, "", time.Time{}) {
		t.Error("a copy is told that was never made")
	}
}

func TestCopiesAreSharedByThoseWhoSeeTheSame(t *testing.T) {
	var f fleets
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	of := func(names ...string) *fleetCopy {
		now = now.Add(time.Second)
		sight := board.Sight{Namespaces: map[string]bool{"unseen": false}}
		for _, name := range names {
			sight.Namespaces[name] = true
		}
		return f.of(sight, now)
	}
	if of("a", "b") != of("b", "a") {
		t.Error("two people who see the same have two copies")
	}
	for _, other := range []*fleetCopy{of(), of("a"), of("b"), f.of(board.Sight{All: true}, now)} {
		if other == of("a", "b") {
			t.Error("people who see other things have the same copy")
		}
	}
	kept := of("a", "b")
	for i := range 2 * fleetSights {
		of(fmt.Sprintf("team-%d", i))
		if of("a", "b") != kept {
			t.Fatalf("a copy that is asked for went after %d others", i)
		}
	}
	if len(f.copies) != fleetSights {
		t.Errorf("%d copies are kept, of %d", len(f.copies), fleetSights)
	}
}

func TestTheFleetIsTheSameForThoseWhoDoNotUncompress(t *testing.T) {
	handler := New(config(fleet()))
	plain := do(t, handler, call{method: "GET", path: apiPath + "/fleet", header: authorised()})
	header := authorised()
	header.Set("Accept-Encoding", "br, gzip")
	packed := do(t, handler, call{method: "GET", path: apiPath + "/fleet", header: header})
	if of := packed.Header.Get("Content-Encoding"); of != "gzip" || plain.Header.Get("Content-Encoding") != "" {
		t.Fatalf("encodings %q and %q", of, plain.Header.Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if want := body(t, plain); err != nil || string(text) != want || want == "" {
		t.Errorf("%v; compressed it says %s, plain %s", err, text, want)
	}
}
