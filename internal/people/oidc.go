package people

import (
	"cmp"
	"context"
	"crypto/cipher"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// OIDC says which provider knows people. A person of it is impersonated: the agent needs that right (deploy/manifests/people.yaml, or the one for an older Kubernetes).
type OIDC struct {
	Issuer         string // https://…, as it stands in the provider's tokens; "" is none
	ClientID       string
	SecretFile     string // holds the client's secret; "" is a public client
	UsernameClaim  string // default sub
	GroupsClaim    string // default groups
	UsernamePrefix string // before each name
	GroupsPrefix   string // before each group
	Scopes         []string
	CAFile         string // certificates that the provider's is judged by; "" are those of the system
}

// Limits of a login by OIDC.
const (
	pendingFor   = 10 * time.Minute
	maxPending   = 3500             // characters of its cookie: browsers keep 4096 of one, with its name
	providerFor  = 15 * time.Second // how long one answer of the provider may take
	providerRest = 5 * time.Second  // how long a provider that did not answer is not asked again
	maxGroups    = 200
	maxNameSize  = 256
)

// signed are the algorithms that an ID token may be signed with: those with a key pair.
var signed = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// provider logs people in by OIDC: authorization code, PKCE, state and nonce. It is asked for what it is at the first login, so
// that one that does not answer keeps the agent from nothing.
type provider struct {
	options OIDC
	secret  string
	page    *url.URL
	now     func() time.Time
	client  *http.Client
	seal    cipher.AEAD // of logins under way, whose cookies this process alone can make and read

	mu     sync.Mutex
	found  *oidc.Provider
	failed time.Time
	why    error
}

// pending is a login that a browser has gone to the provider for. The browser keeps it, sealed, in a cookie: however many logins
// others begin, they take this one no room.
type pending struct {
	State    string    `json:"state"`    // comes back in the address
	Nonce    string    `json:"nonce"`    // stands in the ID token
	Verifier string    `json:"verifier"` // of PKCE
	Next     string    `json:"next"`
	Ends     time.Time `json:"ends"`
}

func newProvider(o Options) (*provider, error) {
	page, err := url.Parse(o.PageURL)
	if err != nil || page.Host == "" {
		return nil, fault.New(fault.InvalidSettings, "a login by OIDC comes back to the page, whose address is not known").WithNext("name it: --page-url https://plumb.example.com")
	}
	issuer, err := url.Parse(o.OIDC.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && !loopback(issuer) {
		return nil, fault.New(fault.InvalidSettings, "the OIDC issuer %q is no https address", o.OIDC.Issuer).WithNext("give it as it stands in the provider's tokens: --oidc-issuer https://…")
	}
	if o.OIDC.ClientID == "" {
		return nil, fault.New(fault.InvalidSettings, "the OIDC provider's client is not named").WithNext("--oidc-client-id ID")
	}
	p := &provider{options: o.OIDC, page: page, now: o.Now}
	if p.seal, err = newSeal(); err != nil {
		return nil, err
	}
	if p.secret, err = secretOf(o.OIDC.SecretFile); err != nil {
		return nil, err
	}
	p.client, err = providerClient(o.OIDC.CAFile)
	return p, err
}

// loopback tells whether an address is of this machine, where TLS adds nothing.
func loopback(u *url.URL) bool {
	return u.Scheme == "http" && server.OnLoopback(u.Hostname())
}

func secretOf(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fault.New(fault.CredentialsRefused, "the secret of the OIDC client cannot be read: %w", err).WithNext("see --oidc-client-secret-file")
	}
	return strings.TrimSpace(string(data)), nil
}

// known gives the provider, as it describes itself.
func (p *provider) known(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.why != nil && p.now().Sub(p.failed) < providerRest {
		return nil, p.why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerFor)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.options.Issuer)
	if err != nil {
		p.failed = p.now()
		p.why = fault.New(fault.Unreachable, "the OIDC provider does not say what it is: %w", err).WithNext("try again; whoever runs the agent checks --oidc-issuer")
		return nil, p.why
	}
	p.found, p.why = found, nil
	return found, nil
}

func (p *provider) oauth(found *oidc.Provider) *oauth2.Config {
	scopes := p.options.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile", "email", "groups"}
	}
	if !slices.Contains(scopes, oidc.ScopeOpenID) {
		scopes = append([]string{oidc.ScopeOpenID}, scopes...)
	}
	back := *p.page
	back.Path = strings.TrimSuffix(back.Path, "/") + "/login/callback"
	return &oauth2.Config{ClientID: p.options.ClientID, ClientSecret: p.secret, Endpoint: found.Endpoint(), RedirectURL: back.String(), Scopes: scopes}
}

// begin gives the address at the provider to send a browser to, and the value of the cookie that the browser must bring back.
func (p *provider) begin(ctx context.Context, next string) (address, browser string, err error) {
	found, err := p.known(ctx)
	if err != nil {
		return "", "", err
	}
	waiting := pending{State: server.NewSecret(), Nonce: server.NewSecret(), Verifier: oauth2.GenerateVerifier(), Next: server.OwnPath(next), Ends: p.now().Add(pendingFor)}
	if browser, err = p.sealed(waiting); err != nil {
		return "", "", err
	}
	return p.oauth(found).AuthCodeURL(waiting.State, oidc.Nonce(waiting.Nonce), oauth2.S256ChallengeOption(waiting.Verifier)), browser, nil
}

// finish takes what the provider has sent back, and gives who it says that this is.
func (p *provider) finish(ctx context.Context, answer url.Values, browser string) (who identity, next string, err error) {
	waiting, ok := p.opened(browser)
	if !ok || !equal(answer.Get("state"), waiting.State) || !p.now().Before(waiting.Ends) {
		return identity{}, "", refusedLogin("it was not begun by this browser, or too long ago")
	}
	if said := answer.Get("error"); said != "" {
		return identity{}, "", refusedLogin("the provider says: " + cut(said+" "+answer.Get("error_description"), maxNameSize))
	}
	found, err := p.known(ctx)
	if err != nil {
		return identity{}, "", err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerFor)
	defer cancel()
	tokens, err := p.oauth(found).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(waiting.Verifier))
	if err != nil {
		return identity{}, "", refusedLogin("the provider does not take its own code") // its answer may quote the code
	}
	raw, _ := tokens.Extra("id_token").(string)
	who, err = p.verify(ctx, found, raw, waiting.Nonce)
	return who, waiting.Next, err
}

// identity is who an ID token speaks of.
type identity struct {
	name   string
	groups []string
}

// verify judges an ID token: signature, issuer, audience, times, nonce, and that it names nobody of the system.
func (p *provider) verify(ctx context.Context, found *oidc.Provider, raw, nonce string) (identity, error) {
	verifier := found.VerifierContext(oidc.ClientContext(context.WithoutCancel(ctx), p.client), &oidc.Config{
		ClientID: p.options.ClientID, SupportedSigningAlgs: signed, Now: p.now,
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return identity{}, refusedLogin("the ID token is not accepted: " + cut(err.Error(), maxNameSize))
	}
	if nonce == "" || !equal(token.Nonce, nonce) {
		return identity{}, refusedLogin("the ID token is of another login")
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return identity{}, refusedLogin("the ID token cannot be read")
	}
	return p.identityOf(claims)
}

// identityOf gives the name and the groups of claims. Names of the system are nobody's: a provider that says them is not
// believed at all.
func (p *provider) identityOf(claims map[string]any) (identity, error) {
	claim := cmp.Or(p.options.UsernameClaim, "sub")
	name, _ := claims[claim].(string)
	if name == "" || len(name) > maxNameSize {
		return identity{}, refusedLogin("the ID token has no name in its claim " + claim)
	}
	if verified, said := claims["email_verified"]; claim == "email" && said && verified != true {
		return identity{}, refusedLogin("the provider has not verified the address")
	}
	who := identity{name: p.options.UsernamePrefix + name}
	for _, group := range textsOf(claims[cmp.Or(p.options.GroupsClaim, "groups")]) {
		who.groups = append(who.groups, p.options.GroupsPrefix+group)
	}
	if len(who.groups) > maxGroups {
		return identity{}, refusedLogin("the ID token names too many groups")
	}
	for _, word := range append([]string{who.name}, who.groups...) {
		if reserved(word) {
			return identity{}, refusedLogin("the ID token names a user or a group of the system")
		}
		if !passes(word) {
			return identity{}, refusedLogin("the ID token names a user or a group that cannot be passed on as it is")
		}
	}
	return who, nil
}

// passes tells whether a name gets to the API server as it is. It goes in a header, which loses the spaces around it: "lena " would
// be lena there.
func passes(name string) bool {
	return len(name) <= 2*maxNameSize && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// textsOf gives a claim that is a text or a list of texts.
func textsOf(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		var all []string
		for _, one := range claim {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

func refusedLogin(why string) error {
	return fault.New(fault.CredentialsRefused, "nobody is logged in: %s", why).WithNext("log in again")
}

// Begin answers GET /login/oidc: it sends the browser to the provider.
func (p *People) Begin(w http.ResponseWriter, r *http.Request) {
	if p.provider == nil {
		server.SendTo(w, r, "/login")
		return
	}
	address, browser, err := p.provider.begin(r.Context(), r.URL.Query().Get("next"))
	if err != nil {
		p.log.Warn("a login by OIDC did not begin", "error", err)
		server.SendTo(w, r, "/login?refused=provider")
		return
	}
	p.cookies.Set(w, r, server.OIDCCookie, browser, pendingFor)
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// Callback answers GET /login/callback: the browser comes back from the provider.
func (p *People) Callback(w http.ResponseWriter, r *http.Request) {
	if p.provider == nil {
		server.SendTo(w, r, "/login?refused=oidc")
		return
	}
	browser := p.cookies.Get(r, server.OIDCCookie)
	p.cookies.Set(w, r, server.OIDCCookie, "", 0)
	who, next, err := p.provider.finish(r.Context(), r.URL.Query(), browser)
	var person *Person
	if err == nil {
		person, err = p.personOf(who.name, who.groups, server.ByOIDC, impersonating(p.options.Config, who.name, who.groups))
	}
	if err != nil {
		p.log.Warn("a login by OIDC was refused", "error", err)
		server.SendTo(w, r, "/login?refused=oidc")
		return
	}
	p.admit(w, r, person, time.Time{})
	server.SendTo(w, r, next)
}

// equal compares in a time that tells nothing of what differs.
func equal(a, b string) bool { return server.MarkOf(a) == server.MarkOf(b) }

// cut shortens a text of others to one line.
func cut(text string, most int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// providerClient asks the provider. It follows no redirect: a provider says itself where its parts are.
func providerClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fault.New(fault.InvalidSettings, "the certificates of the OIDC provider cannot be read: %w", err).WithNext("see --oidc-ca-file")
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.InvalidSettings, "the file %s holds no certificate", caFile).WithNext("see --oidc-ca-file")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: bounded{transport}, Timeout: providerFor, CheckRedirect: refuse}, nil
}

// maxProviderAnswer is how long an answer of the provider may be, in bytes.
const maxProviderAnswer = 1 << 20

// bounded reads no more of an answer than maxProviderAnswer.
type bounded struct{ next http.RoundTripper }

// RoundTrip bounds the body of the answer.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxProviderAnswer), resp.Body}
	}
	return resp, err
}
