package server

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
)

// door is a page that is really served, with a clock that a test moves.
type door struct {
	*httptest.Server
	late atomic.Int64 // how far the clock has been moved
}

func openDoor(t *testing.T, c Config) *door {
	t.Helper()
	d := &door{}
	c.Now = func() time.Time { return now.Add(time.Duration(d.late.Load())) }
	d.Server = httptest.NewServer(New(c))
	t.Cleanup(d.Close)
	return d
}

func (d *door) forward(by time.Duration) { d.late.Add(int64(by)) }

// link gives the address, on this page, that a token is good for.
func (d *door) link(t *testing.T, token string) string {
	t.Helper()
	link, err := LinkAt(t.Context(), d.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(link.URL, d.URL)
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// get follows all redirects, and gives where that led.
func (d *door) get(t *testing.T, browser *http.Client, method, path string, header ...string) (status int, at string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	r, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode, r.Request.URL.RequestURI()
}

// visit opens an address, and tells where that led and whether the browser is then somebody.
func (d *door) visit(t *testing.T, browser *http.Client, path string, header ...string) (at string, in bool) {
	t.Helper()
	_, at = d.get(t, browser, "GET", path, header...)
	status, _ := d.get(t, browser, "GET", apiPath+"/me")
	return at, status == http.StatusOK
}

// A link lets one browser in, once, and is used up by nothing but a browser that a person has opened it in.
func TestALinkLetsOneBrowserIn(t *testing.T) {
	for _, tt := range []struct {
		reason string
		before func(*testing.T, *door, string) // what happens to the link first
		header []string
		at     string
		in     bool
	}{
		{reason: "a new link", at: "/", in: true},
		{reason: "one that another browser has used",
			before: func(t *testing.T, d *door, link string) { d.visit(t, newBrowser(t), link) }, at: "/login?refused=code"},
		{reason: "one that a chat has looked at for a preview, without a cookie of its own",
			before: func(t *testing.T, d *door, link string) {
				if _, in := d.visit(t, &http.Client{}, link); in {
					t.Error("a program without cookies is let in")
				}
			}, at: "/", in: true},
		{reason: "one that was only looked at whether it is there",
			before: func(t *testing.T, d *door, link string) { d.get(t, newBrowser(t), "HEAD", link) }, at: "/", in: true},
		{reason: "one that a browser has fetched ahead",
			before: func(t *testing.T, d *door, link string) {
				ahead := newBrowser(t)
				if status, _ := d.get(t, ahead, "GET", link, "Sec-Purpose", "prefetch;prerender"); status != http.StatusServiceUnavailable {
					t.Errorf("fetched ahead: %d", status)
				}
			}, at: "/", in: true},
		{reason: "one in a page of somebody else, who would have others act as them", header: []string{"Sec-Fetch-Site", "cross-site"}, at: "/login?refused=link"},
		{reason: "one that was printed an hour ago", before: func(_ *testing.T, d *door, _ string) { d.forward(tokenCodeFor) }, at: "/login?refused=code"},
		{reason: "one that was printed somewhat less ago", before: func(_ *testing.T, d *door, _ string) { d.forward(tokenCodeFor - time.Second) }, at: "/", in: true},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			d := openDoor(t, config(fleet()))
			link := d.link(t, token)
			if strings.Contains(link, token) {
				t.Error("the token stands in the link")
			}
			if tt.before != nil {
				tt.before(t, d, link)
			}
			if at, in := d.visit(t, newBrowser(t), link, tt.header...); at != tt.at || in != tt.in {
				t.Errorf("the browser is at %s, let in: %v", at, in)
			}
		})
	}
}

func TestTheBrowserThatUsedALink(t *testing.T) {
	d := openDoor(t, config(fleet()))
	link := d.link(t, token)
	browser := newBrowser(t)
	page, _ := url.Parse(d.URL)
	greeted := *browser
	greeted.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d.get(t, &greeted, "GET", link)
	early := newBrowser(t) // the same browser, to which the answer that lets it in has not come
	early.Jar.SetCookies(page, browser.Jar.Cookies(page))
	if at, in := d.visit(t, browser, link); at != "/" || !in {
		t.Fatalf("the browser is at %s, let in: %v", at, in)
	}
	if at, in := d.visit(t, early, link); at != "/" || !in {
		t.Errorf("reloaded while the first answer was under way, it is at %s, let in: %v", at, in)
	}
	d.forward(codeAgain)
	if at, in := d.visit(t, browser, link+"&to=/drift"); at != "/drift" || !in {
		t.Errorf("later, with its session, the same link leads to %s, let in: %v", at, in)
	}
	d.forward(SessionFor - codeAgain - time.Second)
	if _, in := d.visit(t, browser, "/"); !in {
		t.Error("the session ends before twelve hours")
	}
	d.forward(time.Second)
	if at, in := d.visit(t, browser, link); at != "/login?refused=code" || in {
		t.Errorf("after the session's end it is at %s, let in: %v", at, in)
	}
}

// A page that is open when the agent starts anew is still somebody's, and its stream ends with the session. With another token it is nobody's.
func TestASessionOfTheTokenOutlivesTheProcess(t *testing.T) {
	d := openDoor(t, config(fleet()))
	browser := newBrowser(t)
	d.visit(t, browser, d.link(t, token))
	page, _ := url.Parse(d.URL)
	r := httptest.NewRequest(http.MethodGet, apiPath+"/stream", nil)
	r.Host = page.Host
	for _, c := range browser.Jar.Cookies(page) {
		r.AddCookie(c)
	}
	clock := now
	people := func(token string) tokenPeople {
		return tokenPeople{token: token, now: func() time.Time { return clock }}
	}
	if _, ok := people("another").Of(r); ok {
		t.Error("a session of another token is accepted")
	}
	person, ok := people(token).Of(r)
	if !ok {
		t.Fatal("the session is not accepted after a start")
	}
	if who := person.Who(); !who.Logout || !who.Expires.Equal(now.Add(SessionFor)) {
		t.Errorf("%+v", who)
	}
	clock = now.Add(SessionFor)
	if _, err := person.Sees(t.Context()); !fault.Is(err, fault.CredentialsRefused) {
		t.Errorf("a stream of a session that is over: %v", err)
	}
}

// Whoever logs in anew is who they logged in as last, whichever way, and nobody after they left.
func TestOneBrowserIsOnePerson(t *testing.T) {
	c := config(fleet())
	c.Visitors = visitors{"lena": {name: "lena", sight: board.Sight{All: true}}, "agent": {name: "agent"}}
	d := openDoor(t, c)
	for text, want := range map[string]string{`{"token": "good"}`: `"name":"lena"`, `{"token": "bad"}`: `"reason":"CredentialsRefused"`, `{"token": "` + token + `"}`: `"name":"agent"`} {
		got := do(t, New(c), call{method: "POST", path: apiPath + "/login", body: text, header: http.Header{headerOfOurs: {"1"}, "Content-Type": {"application/json"}}})
		if shown := body(t, got); !strings.Contains(shown, want) || strings.Contains(shown, token) {
			t.Errorf("%d %s", got.StatusCode, shown)
		}
	}
	browser := newBrowser(t)
	d.visit(t, browser, d.link(t, token))
	req, err := http.NewRequestWithContext(t.Context(), "POST", d.URL+apiPath+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(headerOfOurs, "1")
	r, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if status, _ := d.get(t, browser, "GET", apiPath+"/me"); r.StatusCode != http.StatusNoContent || status != http.StatusUnauthorized {
		t.Errorf("left with %d, and then %d", r.StatusCode, status)
	}
	if _, in := d.visit(t, browser, d.link(t, "good")); !in {
		t.Error("a person with a token of the cluster is not let in")
	}
}

func TestCodesAreBounded(t *testing.T) {
	clock := now
	c := newCodes(func() time.Time { return clock })
	printed, _ := c.put(nil, tokenCodeFor)
	for range 3 * codesKept {
		clock = clock.Add(time.Millisecond)
		c.put(nil, codeFor)
	}
	if len(c.all) > codesKept {
		t.Errorf("%d codes are kept", len(c.all))
	}
	if _, ok := c.take(printed, "a browser"); !ok {
		t.Error("short codes have pushed out the link that plumb up printed")
	}
	clock = clock.Add(codeFor)
	c.put(nil, codeFor)
	if len(c.all) != 1 {
		t.Errorf("%d codes are kept after their time", len(c.all))
	}
}

func TestCookies(t *testing.T) {
	for _, tt := range []struct {
		reason, page, host, name string
		secure                   bool
	}{
		{"behind a proxy with TLS", "https://plumb.example", "plumb.example", "__Host-plumb-session", true},
		{"behind one that does not pass on the host it was asked for", "https://plumb.example", "plumb-agent.plumb-system.svc:7420", "__Host-plumb-session-7420", true},
		{"through a port-forward, though there is such a proxy", "https://plumb.example", "127.0.0.1:34567", "plumb-session-34567", false},
		{"through a port-forward on another loopback name", "https://plumb.example", "localhost:7420", "plumb-session-7420", false},
		{"through a port-forward by IPv6", "https://plumb.example", "[::1]:7420", "plumb-session-7420", false},
		{"in a playground", "", "127.0.0.1:7420", "plumb-session-7420", false},
		{"in another one beside it", "", "127.0.0.1:7421", "plumb-session-7421", false},
		{"asked for in a way that is no port", "", "127.0.0.1:a=b", "plumb-session", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/login", nil)
			r.Host = tt.host
			Cookies{PageURL: tt.page}.Set(w, r, SessionCookie, "value", SessionFor)
			c := w.Result().Cookies()[0]
			if c.Name != tt.name || c.Secure != tt.secure {
				t.Errorf("%s, secure: %v", c.Name, c.Secure)
			}
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != int(SessionFor/time.Second) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Two agents on one machine: a browser keeps one jar for both, and is logged in at both.
func TestTwoPagesOfOneHost(t *testing.T) {
	one, other := openDoor(t, config(fleet())), openDoor(t, config(fleet()))
	browser := newBrowser(t)
	one.visit(t, browser, one.link(t, token))
	if _, in := other.visit(t, browser, "/"); in {
		t.Error("a login at one is one at the other")
	}
	other.visit(t, browser, other.link(t, token))
	for name, d := range map[string]*door{"one": one, "the other": other} {
		if _, in := d.visit(t, browser, "/"); !in {
			t.Errorf("a login at both is none at %s", name)
		}
	}
}

func TestOwnPath(t *testing.T) {
	for path, want := range map[string]string{
		"/app/shop/cart?tab=diff": "/app/shop/cart?tab=diff", "": "/", "//evil.example": "/", "https://evil.example/": "/",
		`/\evil.example`: "/", "/a\r\nSet-Cookie: x": "/", "javascript:alert(1)": "/", "/login?code=x": "/", "app": "/",
	} {
		if got := OwnPath(path); got != want {
			t.Errorf("after a login to go on at %q is %q, want %q", path, got, want)
		}
	}
}

// FuzzOwnPath: wherever a login goes on, it is at the page itself, as a browser reads the address: one that takes \ for / and leaves out
// tabs and line ends.
func FuzzOwnPath(f *testing.F) {
	for _, path := range []string{"/app/a/b?tab=diff#x", "//evil.example", `/\evil.example`, "/\t/evil.example", "/%2f/evil.example", "/login", "https:evil", "/a?b=//c", "/../login?x"} {
		f.Add(path)
	}
	own := &url.URL{Scheme: "https", Host: "plumb.example"}
	f.Fuzz(func(t *testing.T, path string) {
		got := OwnPath(path)
		if got != "/" && got != path {
			t.Fatalf("%q becomes %q", path, got)
		}
		read := strings.NewReplacer(`\`, "/", "\t", "", "\r", "", "\n", "").Replace(got)
		if !strings.HasPrefix(read, "/") || strings.HasPrefix(read, "//") {
			t.Errorf("%q leads away", path)
		}
		to, err := own.Parse(got)
		if err != nil || to.Host != own.Host || to.Scheme != own.Scheme {
			t.Errorf("%q leads to %v, %v", path, to, err)
		}
	})
}
