package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"plumb.dev/plumb/internal/board"
)

// counts is a Tally that remembers.
type counts struct {
	mu   sync.Mutex
	said []string
	open map[string]int
}

func (c *counts) Answered(kind string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprint(kind, " ", status))
}

func (c *counts) Streaming(kind string, change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[string]int{}
	}
	c.open[kind] += change
}

// What people ask is counted once, by what it is for; a login counts by whether somebody came in.
func TestRequestsAreCounted(t *testing.T) {
	done := []Action{}
	c := config(fleet())
	c.Visitors = visitors{"lena": {name: "lena", sight: board.Sight{All: true}, rights: []string{"sync apps plumb-system"}, done: &done}}
	json := http.Header{"Content-Type": {"application/json"}}
	known := http.Header{"Cookie": {"plumb-code=a-browser"}}
	for _, tt := range []struct {
		reason string
		call   call
		want   string
	}{
		{"a list", call{method: "GET", path: apiPath + "/apps", header: as("lena")}, "read 200"},
		{"what is not there", call{method: "GET", path: apiPath + "/apps/plumb-system/none", header: as("lena")}, "read 404"},
		{"without a login", call{method: "GET", path: apiPath + "/apps"}, "read 401"},
		{"what is done", call{method: "POST", path: apiPath + "/apps/plumb-system/cart-dev/sync", header: ours(as("lena"))}, "act 200"},
		{"without the right", call{method: "POST", path: apiPath + "/apps/plumb-system/cart-dev/resume", header: ours(as("lena"))}, "act 403"},
		{"of another site", call{method: "POST", path: apiPath + "/apps/plumb-system/cart-dev/sync", header: as("lena")}, "act 403"},
		{"a stream that does not begin", call{method: "GET", path: apiPath + "/stream?since=x", header: as("lena")}, "stream 400"},
		{"a bearer token", call{method: "POST", path: apiPath + "/login", body: `{"token": "good"}`, header: ours(json.Clone())}, "login 200"},
		{"a bad one", call{method: "POST", path: apiPath + "/login", body: `{"token": "bad"}`, header: ours(json.Clone())}, "login 401"},
		{"the agent's own", call{method: "POST", path: apiPath + "/login", body: `{"token": "` + token + `"}`, header: ours(json.Clone())}, "login 200"},
		{"a browser that is asked to come again", call{method: "GET", path: "/login?code=guess"}, ""},
		{"a code that nobody gave", call{method: "GET", path: "/login?again=1&code=guess", header: known}, "login 401"},
		{"a preview of a link", call{method: "HEAD", path: "/login?code=guess"}, ""},
		{"the page", call{method: "GET", path: "/"}, ""},
		{"its login", call{method: "GET", path: "/login"}, ""},
		{"how one may come in", call{method: "GET", path: apiPath + "/login"}, ""},
		{"a probe", call{method: "GET", path: "/healthz"}, ""},
		{"metrics", call{method: "GET", path: "/metrics", header: authorised()}, ""},
	} {
		tally := &counts{}
		c.Tally = tally
		do(t, New(c), tt.call)
		if got := strings.Join(tally.said, ", "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
		}
	}
}

// A code that lets somebody in is one login, though the browser comes twice.
func TestACodeIsCountedOnce(t *testing.T) {
	tally := &counts{}
	c := config(fleet())
	c.Tally = tally
	p := openDoor(t, c)
	link := p.link(t, token)
	tally.said = nil
	p.visit(t, newBrowser(t), link)
	if got := strings.Join(tally.said, ", "); got != "login 303, read 200" {
		t.Errorf("%q", got)
	}
}

// A stream is counted when it begins, and is open until its reader goes.
func TestStreamsAreCounted(t *testing.T) {
	tally := &counts{}
	c := config(fleet())
	c.Tally = tally
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	begun := make(chan struct{})
	handler := New(c)
	go func() {
		defer close(ended)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, apiPath+"/stream", nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header = authorised()
		handler.ServeHTTP(&firstWrite{header: http.Header{}, begun: begun}, r)
	}()
	<-begun
	tally.mu.Lock()
	if tally.open[StreamFleet] != 1 || !slices.Equal(tally.said, []string{"stream 200"}) {
		t.Errorf("while it is open: %v, %v", tally.open, tally.said)
	}
	tally.mu.Unlock()
	leave()
	<-ended
	if tally.open[StreamFleet] != 0 || len(tally.said) != 1 {
		t.Errorf("when its reader has gone: %v, %v", tally.open, tally.said)
	}
}

// firstWrite tells when the first bytes of an answer come.
type firstWrite struct {
	header http.Header
	once   sync.Once
	begun  chan struct{}
}

func (f *firstWrite) Header() http.Header { return f.header }
func (f *firstWrite) WriteHeader(int)     {}
func (f *firstWrite) Flush()              {}
func (f *firstWrite) Write(data []byte) (int, error) {
	f.once.Do(func() { close(f.begun) })
	return len(data), nil
}
