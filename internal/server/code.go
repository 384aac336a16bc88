package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Enter lets the browser of a request in.
type Enter func(w http.ResponseWriter, r *http.Request)

// Limits of codes.
const (
	codeFor      = time.Minute
	tokenCodeFor = time.Hour        // of the agent's own token: plumb up prints it for people who read first
	codeAgain    = 30 * time.Second // how long the browser that has used a code may come again: its answer may have been lost
	codesKept    = 100
)

// codes are logins that a browser has still to take up, in memory. A code is good once: for the browser that comes first.
type codes struct {
	now func() time.Time
	mu  sync.Mutex
	all map[Mark]*code
}

// Mark is what is kept of a secret that somebody else holds: who reads the memory of the process cannot use it.
type Mark [sha256.Size]byte

// MarkOf gives the mark of a secret.
func MarkOf(secret string) Mark { return sha256.Sum256([]byte(secret)) }

type code struct {
	enter   Enter
	ends    time.Time
	browser Mark // that has used it
	used    bool
}

func newCodes(now func() time.Time) *codes { return &codes{now: now, all: map[Mark]*code{}} }

// put gives a code, and until when it is good. Where there is no room, the one goes that would end first.
func (c *codes) put(enter Enter, lasts time.Duration) (secret string, until time.Time) {
	secret = NewSecret()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	var first Mark
	for k, other := range c.all {
		if !now.Before(other.ends) {
			delete(c.all, k)
		} else if found := c.all[first]; found == nil || other.ends.Before(found.ends) {
			first = k
		}
	}
	if len(c.all) >= codesKept {
		delete(c.all, first)
	}
	until = now.Add(lasts)
	c.all[MarkOf(secret)] = &code{enter: enter, ends: until}
	return secret, until
}

// take gives the login of a code to the first browser that asks. The same browser may ask again for a moment: who reloads while
// the first answer is under way has not got it.
func (c *codes) take(secret, browser string) (Enter, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, who := c.now(), MarkOf(browser)
	found := c.all[MarkOf(secret)]
	if found == nil || !now.Before(found.ends) || found.used && found.browser != who {
		return nil, false
	}
	if !found.used {
		found.used, found.browser, found.ends = true, who, now.Add(codeAgain)
	}
	return found.enter, true
}

// NewSecret gives 256 random bits as text.
func NewSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

// enter answers GET /login?code=…&to=/path: it lets the first browser in that comes with a code.
//
// A browser is given a cookie first, and comes again with it. So what only looks at an address (a preview in a chat, a browser
// that fetches ahead) uses no code up, and a reload that overtakes the first answer is known to be the same browser. A page of
// somebody else cannot have a browser take up a code, and with it another login than its owner believes.
func (s *server) enter(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to := OwnPath(q.Get("to"))
	if looksAhead(r) {
		refuse(w, http.StatusServiceUnavailable, "a code is for a person who opens the page", "open the address")
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
		SendTo(w, r, "/login?refused=link")
		return
	}
	browser := s.cookies.Get(r, codeCookie)
	if browser == "" {
		s.greet(w, r, q)
		return
	}
	if enter, ok := s.codes.take(q.Get("code"), browser); ok {
		enter(w, r)
		SendTo(w, r, to)
		return
	}
	if _, ok := s.People.Of(r); ok { // who is logged in has clicked an old link
		SendTo(w, r, to)
		return
	}
	SendTo(w, r, "/login?refused=code")
}

// greet gives a browser the cookie by which it is known again, and has it come again.
func (s *server) greet(w http.ResponseWriter, r *http.Request, q url.Values) {
	if q.Has("again") {
		SendTo(w, r, "/login?refused=cookies")
		return
	}
	q.Set("again", "1")
	s.cookies.Set(w, r, codeCookie, NewSecret(), tokenCodeFor)
	SendTo(w, r, "/login?"+q.Encode())
}

// greeted tells whether an answer has a browser come again with its cookie.
func greeted(answer http.Header) bool {
	return strings.HasPrefix(answer.Get("Location"), "/login?again=1&")
}

// looksAhead tells whether a browser fetches before its person has decided to go there, or a program only looks whether there is something.
// https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header
func looksAhead(r *http.Request) bool {
	return r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") ||
		r.Header.Get("Purpose") == "prefetch" || r.Header.Get("X-Moz") == "prefetch"
}

// SendTo sends the browser to another page of ours.
func SendTo(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// OwnPath gives a path of ours to go on at after a login: what is no plain path is not followed.
func OwnPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || len(path) > 2048 || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return path
}
