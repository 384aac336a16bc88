package source

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// State is what is known of one revision: the last Head that was resolved and fetched completely, and since when that could
// not be done again. It survives a restart, so that an agent that starts while the server is down works on.
type State struct {
	Head       Head      `json:"head,omitzero"` // the last good one; zero if there never was one
	At         time.Time `json:"at,omitzero"`   // when it was last confirmed by the server (after a restart: first seen)
	StaleSince time.Time `json:"-"`             // first failure since then; zero while all is well
	Err        error     `json:"-"`             // the last failure
}

// Fault says what to tell people: nil while all is well. A failure of the server or the network becomes SourceStale if there
// is a good state to stay on; other reasons stand as they are, since a person must act on them.
func (s State) Fault() *fault.Fault {
	f := fault.Of(s.Err, fault.FetchFailed)
	if f == nil || f.Reason != fault.FetchFailed || s.Head.Commit == "" {
		return f
	}
	stale := fault.New(fault.SourceStale, "nothing new is known since %s, and commit %.7s stays: %w", s.StaleSince.UTC().Format(time.RFC3339), s.Head.Commit, s.Err)
	stale.Code = f.Code
	stale.Next = f.Next
	return stale
}

// State tells what is known of a revision, by the name that was given to Resolve.
func (m *Mirror) State(revision string) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.state[revision]; s != nil {
		return s.State
	}
	return State{}
}

// tracked is the State of a revision, and the Head that was resolved but perhaps not fetched yet.
type tracked struct {
	State
	pending Head
}

func (t *tracked) fail(err error) {
	if t.StaleSince.IsZero() {
		t.StaleSince = time.Now()
	}
	t.Err = err
}

// gaveUp tells whether an error is the caller's own end of waiting, which says nothing of the server.
func gaveUp(err error) bool {
	var known *fault.Fault
	return !errors.As(err, &known) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// resolved records the end of a Resolve.
func (m *Mirror) resolved(revision string, head Head, err error) {
	if gaveUp(err) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.track(revision)
	if err != nil {
		t.fail(err)
		return
	}
	t.pending = head
}

// fetched records the end of a Fetch for every revision that meant this Head.
func (m *Mirror) fetched(head Head, err error) {
	if gaveUp(err) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if head.Kind == Exact {
		m.track(head.Commit).pending = head
	}
	moved := false
	for _, t := range m.state {
		switch {
		case t.pending != head:
		case err != nil:
			t.fail(err)
		default:
			moved = moved || t.Head != head
			t.State = State{Head: head, At: time.Now()}
		}
	}
	if moved {
		m.saveState()
	}
}

// maxTracked bounds how many revisions are remembered.
const maxTracked = 200

// track gives the record of a revision, made if absent; the one that was good longest ago goes when there are too many.
// The caller holds mu.
func (m *Mirror) track(revision string) *tracked {
	if t := m.state[revision]; t != nil {
		return t
	}
	if len(m.state) >= maxTracked {
		var oldest string
		for name, t := range m.state {
			if o := m.state[oldest]; o == nil || t.At.Before(o.At) {
				oldest = name
			}
		}
		delete(m.state, oldest)
	}
	m.state[revision] = &tracked{}
	return m.state[revision]
}

// saveState writes the good heads for the next start. A failure costs that start its knowledge, and nothing else: the caller
// is told of a full disk by git. The caller holds mu.
func (m *Mirror) saveState() {
	good := map[string]State{}
	for revision, t := range m.state {
		if t.Head.Commit != "" {
			good[revision] = t.State
		}
	}
	if text, err := json.Marshal(good); err == nil {
		_ = replaceFile(m.statePath, text)
	}
}

// loadState reads what saveState wrote; what cannot be read is as if it had never been written.
func (m *Mirror) loadState() {
	m.state = map[string]*tracked{}
	text, err := os.ReadFile(m.statePath)
	if err != nil {
		return
	}
	var good map[string]State
	if json.Unmarshal(text, &good) != nil {
		return
	}
	for revision, s := range good {
		if commitID.MatchString(s.Head.Commit) && slices.Contains([]Kind{Branch, Tag, Exact, Ref}, s.Head.Kind) {
			m.state[revision] = &tracked{State: s, pending: s.Head}
		}
	}
}
