package server

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/report"
)

// event is one that was read.
type event struct{ name, id, data string }

// reader reads events of a stream, one after the other.
type streamReader struct {
	t    *testing.T
	body *bufio.Reader
}

// next gives the next event that is no beat.
func (r *streamReader) next() event {
	r.t.Helper()
	for {
		e, err := r.one()
		if err != nil {
			r.t.Fatal(err)
		}
		if e.name != "beat" {
			return e
		}
	}
}

func (r *streamReader) one() (e event, err error) {
	for {
		line, err := r.body.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			return e, nil
		}
	}
}

// listen opens a stream on a server that really listens, with the limits of every connection.
func listen(t *testing.T, c Config) func(query string, header http.Header) *streamReader {
	t.Helper()
	l, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, New(c)) }()
	t.Cleanup(func() { end(); <-ended })
	return func(query string, header http.Header) *streamReader {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+l.Addr().String()+apiPath+"/stream"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = authorised()
		for k, v := range header {
			req.Header[k] = v
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Body.Close() })
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %s", r.StatusCode, r.Header.Get("Content-Type"))
		}
		return &streamReader{t, bufio.NewReader(r.Body)}
	}
}

// A snapshot and the stream behind it leave no gap; who comes back gets what they missed; who missed too much begins anew.
func TestStreamGoesOnWhereAReaderWas(t *testing.T) {
	c := config(fleet())
	open := listen(t, c)
	var f board.Fleet
	decode(t, do(t, New(c), call{method: "GET", path: apiPath + "/fleet", header: authorised()}), &f)
	a := app("cart", "dev", v1alpha1.StateFailed)
	c.Board.Put(&a)
	from := board.Position{Stream: f.Stream, Seq: f.Seq}.String()
	stream := open("?since="+from, nil)
	first := stream.next()
	var told AppsEvent
	if err := json.Unmarshal([]byte(first.data), &told); err != nil {
		t.Fatal(err)
	}
	if first.name != "apps" || len(told.Rows) != 1 || told.Rows[0].ID != "plumb-system/cart-dev" || told.Rows[0].State != v1alpha1.StateFailed {
		t.Errorf("%+v", first)
	}
	c.Board.Drop("plumb-system", "cart-dev")
	second := stream.next()
	if second.name != "apps" || !strings.Contains(second.data, `"gone":["plumb-system/cart-dev"]`) {
		t.Errorf("%+v", second)
	}
	again := open("?since="+from, http.Header{"Last-Event-Id": {first.id}})
	if missed := again.next(); missed.data != second.data || missed.id != second.id {
		t.Errorf("who comes back is told %+v", missed)
	}
	if stranger := open("?since=other-1", nil).next(); stranger.name != "reset" || stranger.id != second.id {
		t.Errorf("a position of another life: %+v", stranger)
	}
}

// Much that happens at once is one event, with the row as it is at the end.
func TestStreamIsCoalesced(t *testing.T) {
	c := config(fleet())
	stream := listen(t, c)("", nil)
	if e, err := stream.one(); err != nil || e.name != "beat" {
		t.Fatal(e, err)
	}
	begun := time.Now()
	for range 50 {
		for _, state := range []v1alpha1.State{v1alpha1.StateRolling, v1alpha1.StateFailed} {
			a := app("cart", "dev", state)
			c.Board.Put(&a)
		}
	}
	events := 0
	for at, _ := c.Board.Now(); ; {
		e := stream.next()
		if e.name == "apps" {
			events++
		}
		if e.id == at.String() {
			break
		}
	}
	if took := time.Since(begun); events > 2+int(took/coalesce) {
		t.Errorf("a hundred changes within %s are %d events", took, events)
	}
}

func TestRefusedStreams(t *testing.T) {
	s := newServer(config(fleet()))
	handler := s.handler(s.routes())
	for _, query := range []string{"?since=x", "?since=-1", "?since=a-b", "?since=" + strings.Repeat("9", 100)} {
		if got := do(t, handler, call{method: "GET", path: apiPath + "/stream" + query, header: authorised()}); got.StatusCode != 400 {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
	}
	who := tokenPerson{}.Who()
	for range maxPerPerson {
		if !s.open.open(who.How + " " + who.Name) {
			t.Fatal("a place is refused too early")
		}
	}
	got := do(t, handler, call{method: "GET", path: apiPath + "/stream", header: authorised()})
	if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
		t.Errorf("one more than the limit: %d", got.StatusCode)
	}
	s.open.close(who.How + " " + who.Name)
	if got := do(t, handler, call{method: "GET", path: apiPath + "/stream", header: authorised()}); got.StatusCode != 200 {
		t.Errorf("after one was closed: %d", got.StatusCode)
	}
}

// somebody sees what they are told to see.
type somebody struct {
	tokenPerson
	sight *atomic.Pointer[board.Sight]
}

// seeing is somebody who sees that, and the place where it can be changed.
func seeing(sight board.Sight) somebody {
	p := somebody{sight: &atomic.Pointer[board.Sight]{}}
	p.sight.Store(&sight)
	return p
}

func (p somebody) Sees(context.Context) (board.Sight, error) { return *p.sight.Load(), nil }

// Streams beat while nothing happens, look again at what may be seen, and end with their reader. The clock is made.
func TestStreamBeatsAndLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(fleet())
		c.Board = board.New("life") // made in the bubble
		s := newServer(c)
		here, there := net.Pipe()
		reader := seeing(board.Sight{All: true})
		ctx, end := context.WithCancel(context.WithValue(t.Context(), personKey{}, reader))
		ended := make(chan struct{})
		go func() {
			s.stream(pipe{httptest.NewRecorder(), here}, httptest.NewRequestWithContext(ctx, "GET", "/stream", nil))
			close(ended)
		}()
		stream := &streamReader{t, bufio.NewReader(there)}
		begun := time.Now()
		for range 4 {
			if e, err := stream.one(); err != nil || e.name != "beat" {
				t.Fatal(e, err)
			}
		}
		if took := time.Since(begun); took != 3*beatEvery {
			t.Errorf("four beats took %s", took)
		}
		reader.sight.Store(&board.Sight{Namespaces: map[string]bool{"a": true}})
		if e := stream.next(); e.name != "reset" {
			t.Errorf("who sees other things than before is told %+v", e)
		}
		end()
		<-ended
		if s.open.total != 0 {
			t.Errorf("%d places are taken", s.open.total)
		}
	})
}

// A reader that takes nothing is given up after a while, and holds nobody up.
func TestSlowReadersAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(fleet())
		c.Board = board.New("life")
		s := newServer(c)
		here, there := net.Pipe()
		defer there.Close()
		ended := make(chan struct{})
		begun := time.Now()
		go func() {
			s.stream(pipe{httptest.NewRecorder(), here}, httptest.NewRequestWithContext(context.WithValue(t.Context(), personKey{}, tokenPerson{}), "GET", "/stream", nil))
			close(ended)
		}()
		<-ended
		if took := time.Since(begun); took != writeWithin {
			t.Errorf("given up after %s", took)
		}
	})
}

// pipe is a response that is written to a connection.
type pipe struct {
	*httptest.ResponseRecorder
	net.Conn
}

func (p pipe) Write(data []byte) (int, error)            { return p.Conn.Write(data) }
func (p pipe) SetWriteDeadline(deadline time.Time) error { return p.Conn.SetWriteDeadline(deadline) }

var _ io.Writer = pipe{}

// An agent that ends does not wait for those who listen.
func TestStreamsEndWithTheServer(t *testing.T) {
	l, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, New(config(fleet()))) }()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+apiPath+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = authorised()
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	stream := &streamReader{t, bufio.NewReader(r.Body)}
	if e, err := stream.one(); err != nil || e.name != "beat" {
		t.Fatal(e, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, stream.body); err != nil {
		t.Errorf("the stream did not end by itself, Serve cut it off: %v", err)
	}
}

// Where something changes all the time that a reader does not see, the stream still beats, and what they may see is still asked
// again: a right that was taken away ends there too.
func TestStreamOfABusyFleetBeatsAndLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(fleet())
		c.Board = board.New("life") // made in the bubble
		s := newServer(c)
		here, there := net.Pipe()
		reader := seeing(board.Sight{Namespaces: map[string]bool{"a": true}})
		ctx, end := context.WithTimeout(context.WithValue(t.Context(), personKey{}, reader), 5*time.Minute)
		defer context.AfterFunc(ctx, func() { _ = there.Close() })()
		ended, idle := make(chan struct{}), make(chan struct{})
		go func() {
			s.stream(pipe{httptest.NewRecorder(), here}, httptest.NewRequestWithContext(ctx, "GET", "/stream", nil))
			close(ended)
		}()
		go func() {
			defer close(idle)
			for i := 0; pause(ctx, coalesce/2); i++ {
				a := app("cart", "dev", v1alpha1.States[i%2])
				c.Board.Put(&a)
			}
		}()
		stream := &streamReader{t, bufio.NewReader(there)}
		begun := time.Now()
		for range 3 {
			if e, err := stream.one(); err != nil || e.name != "beat" {
				t.Fatal(e, err)
			}
		}
		if took := time.Since(begun); took > 2*beatEvery+2*time.Second {
			t.Errorf("three beats took %s", took)
		}
		reader.sight.Store(&board.Sight{})
		if e := stream.next(); e.name != "reset" {
			t.Errorf("who sees nothing any more is told %+v", e)
		}
		if took := time.Since(begun); took > recheckEvery+2*time.Second {
			t.Errorf("it took %s", took)
		}
		end()
		<-ended
		<-idle
	})
}

// What is told in several events has its place in the last of them: a reader whose stream broke off between two gets all again.
func TestAPlaceIsReachedWhenAllIsTold(t *testing.T) {
	c := config(fleet())
	before, _ := c.Board.Now()
	a := app("cart", "dev", v1alpha1.StateFailed)
	a.Status.History[0].Result = "failed"
	c.Board.Put(&a)
	c.Board.DropRepo("plumb-system", "fleet")
	c.Board.PutPull(report.PullPlan{Repo: "plumb-system/fleet", Number: 7})
	after, _ := c.Board.Now()
	stream := listen(t, c)("?since="+before.String(), nil)
	var names []string
	for {
		e := stream.next()
		names = append(names, e.name)
		if e.id == after.String() {
			break
		}
		if e.id != "" {
			t.Errorf("%s says that all up to %s is told", e.name, e.id)
		}
	}
	if want := []string{"apps", "repos", "changes", "pulls"}; !slices.Equal(names, want) {
		t.Errorf("told are %v, want %v", names, want)
	}
}
