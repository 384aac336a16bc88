package people

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// page is People behind HTTP, with a browser before it.
type page struct {
	*People
	*httptest.Server
	browser *http.Client
	idp     *idp
	enter   server.Enter // of the login that was made last
}

// enterAs logs the bearer of a token in, and gives the address at which a browser becomes them.
func (p *page) enterAs(t *testing.T, token string) string {
	t.Helper()
	who, err := p.Login(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	p.enter = who.Enter
	return "/enter"
}

// newPage makes a page whose API server says who the bearer of a token is.
func newPage(t *testing.T, change func(*Options)) *page {
	t.Helper()
	provider, err := startIDP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	p := &page{idp: provider}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Server.Close)
	config := &rest.Config{Host: apiServer(t).URL}
	connection, err := cluster.New(config, "test")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Config: config, Cluster: connection, PageURL: p.Server.URL, Log: slog.New(slog.DiscardHandler),
		OIDC: OIDC{Issuer: p.idp.URL, ClientID: "plumb", UsernamePrefix: "oidc:", GroupsPrefix: "oidc:"},
	}
	if change != nil {
		change(&o)
	}
	if p.People, err = Open(o); err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("GET /login/oidc", p.Begin)
	mux.HandleFunc("GET /login/callback", p.Callback)
	mux.HandleFunc("GET /login", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /enter", func(w http.ResponseWriter, r *http.Request) {
		p.enter(w, r)
		server.SendTo(w, r, "/")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if person, ok := p.Of(r); ok {
			who := person.Who()
			fmt.Fprintf(w, "%s %s %s", who.Name, strings.Join(who.Groups, ","), who.How)
		}
	})
	p.browser = newBrowser(t)
	return p
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// apiServer answers who the bearer of a token is, as an API server does: "good-NAME" is NAME.
func apiServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer good-")
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": map[string]any{"userInfo": map[string]any{"username": name, "groups": []string{"system:authenticated"}}}})
	}))
	t.Cleanup(s.Close)
	return s
}

// get gives what a page shows after all redirects, and where that was.
func (p *page) get(t *testing.T, browser *http.Client, path string, header ...string) (body, at string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), resp.Request.URL.RequestURI()
}

func TestLoginByOIDC(t *testing.T) {
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }
	for _, tt := range []struct {
		reason string
		sign   signing
		claims map[string]any
		change func(*Options)
		want   string // what the page says of who is logged in; "" is nobody
	}{
		{reason: "a token of the provider", want: "oidc:lena oidc:shop,oidc:oncall oidc"},
		{reason: "a group that is no list", claims: map[string]any{"groups": "shop"}, want: "oidc:lena oidc:shop oidc"},
		{reason: "no groups", claims: map[string]any{"groups": nil}, want: "oidc:lena  oidc"},
		{reason: "a token that is not signed", sign: unsigned},
		{reason: "a token signed with the public key as a secret", sign: withPublicKey},
		{reason: "a token signed by another key of the same name", sign: byAnotherKey},
		{reason: "a token that was changed after it was signed", sign: changedAfter},
		{reason: "no token", sign: func(*idp, map[string]any) string { return "" }},
		{reason: "an expired token", claims: map[string]any{"exp": hour(-1), "iat": hour(-2)}},
		{reason: "a token without an end", claims: map[string]any{"exp": nil}},
		{reason: "a token that is not valid yet", claims: map[string]any{"nbf": hour(1)}},
		{reason: "a token for another client", claims: map[string]any{"aud": "grafana"}},
		{reason: "a token of another issuer", claims: map[string]any{"iss": "https://accounts.example"}},
		{reason: "a token of another login", claims: map[string]any{"nonce": "another"}},
		{reason: "a token without a nonce", claims: map[string]any{"nonce": nil}},
		{reason: "a token that names nobody", claims: map[string]any{"sub": ""}},
		{reason: "a name that is no text", claims: map[string]any{"sub": map[string]any{"a": 1}}},
		{reason: "a name of the system, where there is no prefix", claims: map[string]any{"sub": "system:admin"},
			change: func(o *Options) { o.OIDC.UsernamePrefix = "" }},
		{reason: "a group of the system, where there is no prefix", claims: map[string]any{"groups": []string{"shop", "system:masters"}},
			change: func(o *Options) { o.OIDC.GroupsPrefix = "" }},
		{reason: "a group of the system in other letters", claims: map[string]any{"groups": []string{" System:masters"}},
			change: func(o *Options) { o.OIDC.GroupsPrefix = "" }},
		{reason: "a name of the system behind a prefix is no name of the system", claims: map[string]any{"sub": "system:admin"}, want: "oidc:system:admin oidc:shop,oidc:oncall oidc"},
		{reason: "a name with a line break", claims: map[string]any{"sub": "lena\nImpersonate-Group: system:masters"}},
		{reason: "a name that would be another's behind the wire, where spaces around it are lost", claims: map[string]any{"sub": "lena "}},
		{reason: "a group that would be another's there", claims: map[string]any{"groups": []string{"shop", "admins "}}},
		{reason: "a name of spaces", claims: map[string]any{"sub": "  "}},
		{reason: "more groups than anybody has", claims: map[string]any{"groups": slices.Repeat([]string{"g"}, 201)}},
		{reason: "an address that is not verified", claims: map[string]any{"email": "lena@example.com", "email_verified": false},
			change: func(o *Options) { o.OIDC.UsernameClaim = "email" }},
		{reason: "an address that is verified", claims: map[string]any{"email": "lena@example.com", "email_verified": true, "groups": nil},
			change: func(o *Options) { o.OIDC.UsernameClaim = "email" }, want: "oidc:lena@example.com  oidc"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			p := newPage(t, tt.change)
			if tt.sign == nil {
				tt.sign = properly
			}
			p.idp.next(tt.sign, tt.claims)
			body, at := p.get(t, p.browser, "/login/oidc")
			if body != tt.want {
				t.Errorf("the page says %q at %s, want %q", body, at, tt.want)
			}
			if tt.want == "" && at != "/login?refused=oidc" {
				t.Errorf("the browser is at %s", at)
			}
			if n := p.idp.exchanged(); n != 1 {
				t.Errorf("%d codes were exchanged: this shows nothing of the token", n)
			}
		})
	}
}

func TestLoginByOIDCIsOfTheBrowserThatBeganIt(t *testing.T) {
	p := newPage(t, nil)
	began := func(browser *http.Client) (back string) {
		stop := *browser
		stop.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(req.URL.Path, "/login/callback") {
				back = req.URL.RequestURI()
				return http.ErrUseLastResponse
			}
			return nil
		}
		resp, err := stop.Get(p.Server.URL + "/login/oidc?next=" + url.QueryEscape("/drift?manager=kubectl"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return back
	}
	t.Run("a callback that another browser began logs nobody in", func(t *testing.T) {
		victim := newBrowser(t)
		began(victim) // it has a login of its own under way
		if body, at := p.get(t, victim, began(newBrowser(t))); body != "" || at != "/login?refused=oidc" {
			t.Errorf("the page says %q at %s", body, at)
		}
	})
	t.Run("a callback without any login begun", func(t *testing.T) {
		if body, at := p.get(t, newBrowser(t), "/login/callback?code=x&state=y"); body != "" || at != "/login?refused=oidc" {
			t.Errorf("the page says %q at %s", body, at)
		}
	})
	t.Run("it goes on where it was to go, once", func(t *testing.T) {
		browser := newBrowser(t)
		back := began(browser)
		if _, at := p.get(t, browser, back); at != "/drift?manager=kubectl" {
			t.Errorf("the browser is at %s", at)
		}
		if body, _ := p.get(t, browser, "/"); !strings.HasPrefix(body, "oidc:lena") {
			t.Errorf("the page says %q", body)
		}
		if _, at := p.get(t, browser, back); at != "/login?refused=oidc" {
			t.Errorf("the same answer of the provider worked twice: %s", at)
		}
	})
	t.Run("however many logins others begin, one that is under way goes on", func(t *testing.T) {
		browser := newBrowser(t)
		back := began(browser)
		for range 6000 {
			p.Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/login/oidc", nil))
		}
		if _, at := p.get(t, browser, back); at != "/drift?manager=kubectl" {
			t.Errorf("the browser is at %s", at)
		}
	})
	t.Run("a cookie that this process has not sealed is none", func(t *testing.T) {
		browser := newBrowser(t)
		back := began(browser)
		page, _ := url.Parse(p.Server.URL)
		forged := *browser.Jar.Cookies(page)[0]
		forged.Value, forged.Path = forged.Value[:20]+"AAAA"+forged.Value[24:], "/"
		browser.Jar.SetCookies(page, []*http.Cookie{&forged})
		if _, at := p.get(t, browser, back); at != "/login?refused=oidc" {
			t.Errorf("the browser is at %s", at)
		}
	})
}

// A login under way ends after ten minutes, and fits into a cookie wherever it goes on.
func TestLoginsUnderWay(t *testing.T) {
	w := newWatch()
	p := newPage(t, func(o *Options) { o.Now = w.now })
	for _, next := range []string{"/", "/?q=" + strings.Repeat("a&b=", 500), "/" + strings.Repeat("ü", 1000), "/" + strings.Repeat("\x01", 2000)} {
		address, browser, err := p.provider.begin(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		if len(browser) > maxPending {
			t.Errorf("on the way to an address of %d the cookie has %d characters", len(next), len(browser))
		}
		w.forward(pendingFor)
		at, _ := url.Parse(address)
		if _, _, err := p.provider.finish(t.Context(), at.Query(), browser); !fault.Is(err, fault.CredentialsRefused) || !strings.Contains(err.Error(), "too long ago") {
			t.Errorf("after ten minutes: %v", err)
		}
	}
}
