package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
)

// Events of the stream.
type (
	// AppsEvent says how apps are now that changed.
	AppsEvent struct {
		Seq  uint64      `json:"seq"`
		Rows []board.Row `json:"rows"`
		Gone []string    `json:"gone" doc:"Ids of those that are gone"`
	}
	// ReposEvent says how Repos are now that changed.
	ReposEvent struct {
		Seq   uint64          `json:"seq"`
		Repos []board.RepoRow `json:"repos"`
		Gone  []string        `json:"gone" doc:"Ids of those that are gone"`
	}
	// NewsEvent says that a list is to be read again: of changes, or of pull requests.
	NewsEvent struct {
		Seq uint64 `json:"seq"`
	}
	// BeatEvent comes every ten seconds, and says whether the agent is still heard.
	BeatEvent struct {
		At    time.Time   `json:"at"`
		Agent board.Agent `json:"agent"`
	}
)

// Limits of streams. Variables, so that tests need not wait.
var (
	coalesce     = 100 * time.Millisecond // between two events at least
	beatEvery    = 10 * time.Second
	recheckEvery = 30 * time.Second // what the person may see
	writeWithin  = 10 * time.Second // a slower reader is dropped
)

// How many streams there may be.
const (
	maxStreams   = 1000
	maxPerPerson = 20
	maxAtOnce    = 2000 // rows in one event; of more, everything is read anew
)

// streams counts those that are open.
type streams struct {
	mu       sync.Mutex
	total    int
	byPerson map[string]int
}

// open takes a place; false if there is none.
func (s *streams) open(person string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= maxStreams || s.byPerson[person] >= maxPerPerson {
		return false
	}
	if s.byPerson == nil {
		s.byPerson = map[string]int{}
	}
	s.total++
	s.byPerson[person]++
	return true
}

func (s *streams) close(person string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.byPerson[person]--; s.byPerson[person] == 0 {
		delete(s.byPerson, person)
	}
}

// stream tells what changes, until the reader goes, is too slow, or may not see it any more.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	from, err := positionOf(r)
	if err != nil {
		refuseFault(w, fault.Of(err, fault.InvalidQuery))
		return
	}
	sight, err := sees(r.Context())
	if err != nil {
		refuseFault(w, fault.Of(err, fault.Unreachable))
		return
	}
	person := asker(r.Context()).Who()
	if !s.open.open(person.How + " " + person.Name) {
		w.Header().Set("Retry-After", "30")
		refuse(w, http.StatusTooManyRequests, "there are too many streams", "close other tabs of the page")
		return
	}
	defer s.open.close(person.How + " " + person.Name)
	s.Tally.Streaming(StreamFleet, 1)
	defer s.Tally.Streaming(StreamFleet, -1)
	t := &teller{server: s, out: newEvents(w), sight: sight, from: from}
	ctx, end := whileServed(r.Context())
	defer end()
	t.run(ctx)
}

// positionOf gives from where on a reader wants to know: a browser that comes back says it in a header.
func positionOf(r *http.Request) (board.Position, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("since")
	}
	if text == "" {
		return board.Position{}, nil
	}
	return board.ParsePosition(text)
}

// teller tells one reader what changes.
type teller struct {
	server *server
	out    *events
	sight  board.Sight
	from   board.Position
}

func (t *teller) run(ctx context.Context) {
	b := t.server.Board
	if t.from.Stream == "" {
		t.from, _ = b.Now()
	}
	beat, recheck := time.NewTicker(beatEvery), time.NewTicker(recheckEvery)
	defer beat.Stop()
	defer recheck.Stop()
	if t.beat() != nil {
		return
	}
	for {
		now, news := b.Now()
		if now != t.from {
			news = ready
		}
		select { // where much happens all the time, beats and rights have their turn too
		case <-ctx.Done():
			return
		case <-beat.C:
			if t.beat() != nil {
				return
			}
		case <-recheck.C:
			if !t.recheck(ctx) {
				return
			}
		case <-news:
			if t.tell() != nil || !pause(ctx, coalesce) {
				return
			}
		}
	}
}

// ready is for what need not be waited for.
var ready = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// pause waits; false if the reader has gone.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (t *teller) beat() error {
	agent := t.server.agent()
	id := ""
	if now, _ := t.server.Board.Now(); now.Stream == t.from.Stream {
		id = t.from.String() // what was of no concern to this reader is behind them too
	}
	return t.out.send("beat", id, BeatEvent{t.server.Now().UTC(), agent})
}

// recheck asks again what the person may see. Who sees other things than before begins anew.
func (t *teller) recheck(ctx context.Context) bool {
	sight, err := sees(ctx)
	if err != nil {
		return false
	}
	if !sight.Equal(t.sight) {
		t.sight = sight
		t.from, _ = t.server.Board.Now()
		return t.reset() == nil
	}
	return true
}

func (t *teller) reset() error {
	return t.out.send("reset", t.from.String(), NewsEvent{t.from.Seq})
}

// tell sends what changed since the last time.
func (t *teller) tell() error {
	d := t.server.Board.Since(t.sight, t.from)
	t.from = d.At
	if d.Reset || len(d.Rows) > maxAtOnce {
		return t.reset()
	}
	var told []func(id string) error
	add := func(name string, data any) {
		told = append(told, func(id string) error { return t.out.send(name, id, data) })
	}
	if len(d.Rows)+len(d.Gone) > 0 {
		add("apps", AppsEvent{d.At.Seq, orNone(d.Rows), orNone(d.Gone)})
	}
	if len(d.Repos)+len(d.NoRepos) > 0 {
		add("repos", ReposEvent{d.At.Seq, orNone(d.Repos), orNone(d.NoRepos)})
	}
	if d.Changes {
		add("changes", NewsEvent{d.At.Seq})
	}
	if d.Pulls {
		add("pulls", NewsEvent{d.At.Seq})
	}
	for i, send := range told {
		id := "" // whose stream breaks off between them gets them all again
		if i == len(told)-1 {
			id = d.At.String()
		}
		if err := send(id); err != nil {
			return err
		}
	}
	return nil
}

func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// events writes server-sent events. A reader that does not take one in time is given up.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newEvents(w http.ResponseWriter) *events {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return &events{w, http.NewResponseController(w)}
}

func (e *events) send(name, id string, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_ = e.control.SetWriteDeadline(time.Now().Add(writeWithin)) // a writer without one has no limit to lift
	if id != "" {
		id = "id: " + id + "\n"
	}
	if _, err := fmt.Fprintf(e.w, "event: %s\n%sdata: %s\n\n", name, id, body); err != nil {
		return err
	}
	return e.control.Flush()
}

// streamOperation describes the stream: OpenAPI has no word for events, so that their shapes stand beside it.
func streamOperation() *operation {
	return &operation{"stream", "What changes, as server-sent events: apps, repos, changes, pulls, beat, reset", func(api huma.API, about huma.Operation) {
		about.Parameters = []*huma.Param{
			{Name: "since", In: "query", Description: "<stream>-<seq> of /fleet; now, if it is left out", Schema: &huma.Schema{Type: huma.TypeString}},
			{Name: "Last-Event-ID", In: "header", Description: "The id of the last event that came: a browser sends it by itself", Schema: &huma.Schema{Type: huma.TypeString}},
		}
		about.Responses = map[string]*huma.Response{"200": {
			Description: "Each event has the name of its kind; an id is a position up to which everything is told. After reset everything is to be read anew.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: eventSchema(api.OpenAPI().Components.Schemas)}},
		}}
		api.OpenAPI().AddOperation(&about)
	}}
}
