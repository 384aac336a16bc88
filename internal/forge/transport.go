package forge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
)

const (
	// answerTimeout is how long a forge may take for one answer.
	answerTimeout = 30 * time.Second
	// maxAnswer bounds one answer, in bytes: 100 pull requests with their texts are below 10 MiB at every forge.
	maxAnswer = 16 << 20
	// maxPeek bounds how much of a refusal is read to see whether it is a limit.
	maxPeek = 64 << 10
)

// Credential gives the value of the header Authorization; "" is none.
type Credential func(ctx context.Context) (string, error)

// Bearer is the credential of the fixed token, with the word that stands before it.
func (a Access) Bearer(scheme string) Credential {
	return func(context.Context) (string, error) {
		if a.Token.IsZero() {
			return "", nil
		}
		return scheme + " " + a.Token.Reveal(), nil
	}
}

// Client makes the HTTP client of an access. api is the path of the API, below the forge's address; base is the whole of it.
// Every request of the client goes below base, with the credential, and is refused here while the gate is shut.
func (a Access) Client(api string, credential Credential, gate *Gate) (client *http.Client, base *url.URL, err error) {
	if base, err = a.base(api); err != nil {
		return nil, nil, err
	}
	raw := http.DefaultTransport.(*http.Transport).Clone()
	if len(a.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(a.CA) {
			return nil, nil, fault.New(fault.CredentialsRefused, "ca.crt holds no certificate in PEM").WithNext("write the authority's certificate into the Secret")
		}
		raw.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	t := &transport{base: base, credential: credential, gate: gate, next: raw}
	if a.Wrap != nil {
		t.next = a.Wrap(raw)
	}
	return &http.Client{Transport: t, Timeout: answerTimeout, CheckRedirect: sameMethod}, base, nil
}

// sameMethod follows a redirect only if nothing of the request is lost: a repository that was renamed answers with one.
func sameMethod(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 || req.Method != via[0].Method {
		return fault.New(fault.ForgeFailed, "the forge answers with a redirect that cannot be followed").WithCode(CodeMissing).
			WithNext("write the address that the repository has now")
	}
	return nil
}

// transport sends the requests of one access.
type transport struct {
	base       *url.URL
	credential Credential
	gate       *Gate
	kept       answers
	next       http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.within(req.URL); err != nil {
		return nil, err
	}
	if err := t.gate.check(time.Now()); err != nil {
		return nil, err
	}
	value, err := t.credential(req.Context())
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Del("Authorization")
	if value != "" {
		req.Header.Set("Authorization", value)
	}
	req.Header.Set("User-Agent", "plumb")
	known := t.kept.ask(req)
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &bounded{resp.Body, maxAnswer}
	if err := t.limited(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return t.kept.answer(req, resp, known)
}

// within refuses what is not below the API's address: the credential goes nowhere else.
func (t *transport) within(u *url.URL) error {
	below := strings.TrimSuffix(t.base.EscapedPath(), "/") + "/"
	if u.Scheme == t.base.Scheme && u.Host == t.base.Host && strings.HasPrefix(u.EscapedPath(), below) && !strings.Contains(u.EscapedPath(), "/../") {
		return nil
	}
	return fault.New(fault.UnsafeURL, "the forge at %s leads to %s, where its credential does not go", t.base.Host, u.Host).
		WithNext("write the address at which the forge is now")
}

// limited sees a rate limit in an answer, and shuts the gate for it. A limit that this answer used up counts for the next one.
func (t *transport) limited(resp *http.Response) error {
	said := ""
	if resp.StatusCode == http.StatusForbidden {
		head, err := io.ReadAll(io.LimitReader(resp.Body, maxPeek))
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		resp.Body = &rest{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
		said = string(head)
	}
	now := time.Now()
	if until, ok := pause(resp.StatusCode, resp.Header, said, now); ok {
		t.gate.shut(until)
		return &Limited{until}
	}
	if until, ok := usedUp(resp.Header, now); ok {
		t.gate.shut(until)
	}
	return nil
}

// rest reads on where a part was read already.
type rest struct {
	io.Reader
	io.Closer
}

// bounded fails when an answer is longer than anybody needs.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fault.New(fault.ForgeFailed, "the forge's answer is longer than %d MiB", maxAnswer>>20).WithCode(CodeTooMany)
	}
	return n, err
}
