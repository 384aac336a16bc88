package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// watch is a clock that a test moves.
type watch struct {
	mu sync.Mutex
	at time.Time
}

func (w *watch) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *watch) forward(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func newWatch() *watch { return &watch{at: time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)} }

func TestSessionEnds(t *testing.T) {
	for _, tt := range []struct {
		reason string
		login  time.Duration // how long the login lasts; 0 is not known
		pass   []time.Duration
		alive  bool
	}{
		{"used all the time, it lasts", 0, []time.Duration{50 * time.Minute, 50 * time.Minute}, true},
		{"not used for an hour, it ends", 0, []time.Duration{time.Hour}, false},
		{"just before twelve hours it is there", 0, append(repeat(30*time.Minute, 23), 30*time.Minute-time.Second), true},
		{"after twelve hours it ends, however used", 0, repeat(30*time.Minute, 24), false},
		{"it ends with the login that it stands for", 10 * time.Minute, []time.Duration{10 * time.Minute}, false},
		{"a login that lasts longer makes it no longer", 100 * time.Hour, repeat(30*time.Minute, 24), false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWatch()
			s := newSessions(w.now)
			var ends time.Time
			if tt.login > 0 {
				ends = w.now().Add(tt.login)
			}
			id, _ := s.begin(&Person{name: "lena"}, ends)
			alive := true
			for _, d := range tt.pass {
				w.forward(d)
				_, _, alive = s.of(id)
			}
			if alive != tt.alive {
				t.Errorf("alive: %v", alive)
			}
		})
	}
}

func repeat(d time.Duration, n int) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWatch()
	s := newSessions(w.now)
	lena, _ := s.begin(&Person{name: "lena"}, time.Time{})
	first, _ := s.begin(&Person{name: "mallory"}, time.Time{})
	for range 5 * sessionsEach {
		w.forward(time.Second)
		s.begin(&Person{name: "mallory"}, time.Time{})
	}
	if _, _, alive := s.of(lena); !alive {
		t.Error("one person's logins ended another's")
	}
	if _, _, alive := s.of(first); alive {
		t.Error("one person has more sessions than the bound")
	}
	for i := range sessionsKept + 50 {
		w.forward(time.Millisecond)
		s.begin(&Person{name: fmt.Sprint("person-", i)}, time.Time{})
	}
	if len(s.all) > sessionsKept {
		t.Errorf("%d sessions are kept", len(s.all))
	}
}

func TestLoginByToken(t *testing.T) {
	for _, tt := range []struct {
		reason, token, want string
	}{
		{"a token that the API server knows", "good-lena", "lena"},
		{"one that it does not know", "forged", ""},
		{"none", "", ""},
		{"one that would be another header", "good-lena\r\nImpersonate-User: admin", ""},
		{"one that is too long", "good-" + strings.Repeat("a", maxToken), ""},
		{"somebody without a name", "good-", ""},
		{"nobody", "good-system:anonymous", ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			p := newPage(t, nil)
			if tt.want == "" {
				if who, err := p.Login(t.Context(), tt.token); !fault.Is(err, fault.CredentialsRefused) || who.Enter != nil {
					t.Errorf("%+v, error %v", who, err)
				}
				return
			}
			if body, _ := p.get(t, p.browser, p.enterAs(t, tt.token)); !strings.HasPrefix(body, tt.want+" ") {
				t.Errorf("the page says %q", body)
			}
		})
	}
}

func TestSessionIDs(t *testing.T) {
	p := newPage(t, nil)
	login := func() string { return p.enterAs(t, "good-lena") }
	t.Run("the id of a session is not chosen by who sends the cookie", func(t *testing.T) {
		browser := newBrowser(t)
		page, _ := url.Parse(p.Server.URL)
		browser.Jar.SetCookies(page, []*http.Cookie{{Name: "plumb-session-" + page.Port(), Value: "fixed", Path: "/"}})
		p.get(t, browser, login())
		for _, c := range browser.Jar.Cookies(page) {
			if c.Value == "fixed" {
				t.Error("the session has the id that was there before")
			}
		}
	})
	t.Run("a new login ends the session that the browser had", func(t *testing.T) {
		browser := newBrowser(t)
		p.get(t, browser, login())
		page, _ := url.Parse(p.Server.URL)
		old := browser.Jar.Cookies(page)[0]
		p.get(t, browser, login())
		other := newBrowser(t)
		other.Jar.SetCookies(page, []*http.Cookie{old})
		if body, _ := p.get(t, other, "/"); body != "" {
			t.Errorf("the page says %q", body)
		}
	})
}

func TestRights(t *testing.T) {
	w := newWatch()
	var asked atomic.Int32
	fail := false
	ask := func(_ context.Context, right Right) (bool, string, error) {
		asked.Add(1)
		if fail {
			return true, "", errors.New("no answer")
		}
		return right.Verb == "get", "", nil
	}
	r := newRights("lena", w.now, ask)
	get, sync := Right{Verb: "get", Resource: "pods", Namespace: "shop"}, Right{Verb: "sync", Group: "plumb.dev", Resource: "apps", Namespace: "shop"}
	got, err := r.may(t.Context(), get, sync)
	if err != nil || !got[0].OK || got[1].OK {
		t.Errorf("%+v", got)
	}
	if want := "lena has not the verb sync on apps.plumb.dev in shop; the ClusterRole plumb-operator grants it"; got[1].Why != want {
		t.Errorf("why not: %s", got[1].Why)
	}
	w.forward(rightsFor - time.Second)
	if _, _ = r.may(t.Context(), get, sync); asked.Load() != 2 {
		t.Errorf("the API server was asked %d times", asked.Load())
	}
	w.forward(time.Second)
	fail = true
	if got, err := r.may(t.Context(), get); got[0].OK || !fault.Is(err, fault.Unreachable) || asked.Load() != 3 {
		t.Errorf("what could not be asked is allowed: %+v, %v", got, err)
	}
	fail = false
	if got, err := r.may(t.Context(), get); err != nil || !got[0].OK {
		t.Errorf("a failure is remembered: %+v, %v", got, err)
	}
	for i := range 2 * rightsKept {
		_, _ = r.may(t.Context(), Right{Verb: "get", Resource: fmt.Sprint("r", i)})
	}
	if len(r.known) > rightsKept {
		t.Errorf("%d answers are kept", len(r.known))
	}
}

// A request of a person for whom the agent speaks leaves with their name, or not at all.
func TestNoRequestLeavesAsTheAgent(t *testing.T) {
	for _, tt := range []struct {
		reason, name string
		groups       []string
		header       http.Header
		sent         bool
	}{
		{"as it is meant", "oidc:lena", []string{"oidc:shop"}, http.Header{"Impersonate-User": {"oidc:lena"}, "Impersonate-Group": {"oidc:shop"}}, true},
		{"without the name", "oidc:lena", nil, http.Header{}, false},
		{"with another name", "oidc:lena", nil, http.Header{"Impersonate-User": {"admin"}}, false},
		{"with two names", "oidc:lena", nil, http.Header{"Impersonate-User": {"oidc:lena", "admin"}}, false},
		{"with one group more", "oidc:lena", nil, http.Header{"Impersonate-User": {"oidc:lena"}, "Impersonate-Group": {"oidc:admins"}}, false},
		{"as nobody", "", nil, http.Header{"Impersonate-User": {""}}, false},
		{"as a name that loses its spaces on the wire", "oidc:lena ", nil, http.Header{"Impersonate-User": {"oidc:lena "}}, false},
		{"in a group that does", "oidc:lena", []string{"oidc:shop "}, http.Header{"Impersonate-User": {"oidc:lena"}, "Impersonate-Group": {"oidc:shop "}}, false},
		{"as the system", "system:admin", nil, http.Header{"Impersonate-User": {"system:admin"}}, false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			sent := false
			wire := roundTrip(func(*http.Request) (*http.Response, error) {
				sent = true
				return &http.Response{StatusCode: http.StatusOK}, nil
			})
			req := httptest.NewRequest(http.MethodGet, "/api/v1/pods", nil)
			req.Header = tt.header
			_, _ = onlyAs{name: tt.name, groups: tt.groups, next: wire}.RoundTrip(req) //nolint:bodyclose // there is none
			if sent != tt.sent {
				t.Errorf("sent: %v", sent)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
