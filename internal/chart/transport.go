package chart

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// Limits of one conversation with a repository.
const (
	fetchTimeout   = 60 * time.Second
	connectTimeout = 10 * time.Second
	maxRedirects   = 5
	maxIndex       = 64 << 20 // bytes of an index.yaml; the largest public ones have some 30 MiB
	maxArchive     = 10 << 20 // bytes of an archive: the limit of a file (resources.md §9)
)

// errPrivate says that an address leads to this machine or a private network, and is not listed.
var errPrivate = errors.New("the address lies on a private network")

// transport makes the way to one address: with the authorities of its Access, and to a private network only if there is one.
func (s *Store) transport(access Access, listed bool) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  fetchTimeout / 2,
		MaxResponseHeaderBytes: 1 << 20,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true, // one conversation; nothing is kept open for the next
	}
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !listed && !s.options.Private {
		dialer.Control = refusePrivate
	}
	t.DialContext = dialer.DialContext
	if len(access.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(access.CA) {
			return nil, fault.New(fault.CredentialsRefused, "ca.crt for %s holds no certificate", access.URL)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	if proxied(t) {
		t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext // the proxy decides where one may go
	}
	return t, nil
}

// proxied tells whether the environment names a proxy for public addresses.
func proxied(t *http.Transport) bool {
	u, err := t.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "charts.example.com"}})
	return err == nil && u != nil
}

// refusePrivate refuses to connect to where only this machine or its network can: whoever writes a folder must not gain
// the agent's place in the network. It sees the address after it was looked up.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsUnspecified() || ip.IsMulticast() {
		return errPrivate
	}
	return nil
}

// answer is what a server said.
type answer struct {
	status int
	etag   string
	body   []byte
}

// get asks for one file over HTTP. Each hop of a redirect gets the credential of its own address, if it has one. An etag makes
// the question conditional: status 304 then has no body.
func (s *Store) get(ctx context.Context, address string, list []Access, etag string, max int64) (answer, error) {
	for range maxRedirects + 1 {
		a, next, err := s.hop(ctx, address, list, etag, max)
		if err != nil || next == "" {
			return a, err
		}
		address = next
	}
	return answer{}, fault.New(fault.FetchFailed, "the chart repository redirects more than %d times", maxRedirects)
}

// hop is one question. next is where the answer redirects to.
func (s *Store) hop(ctx context.Context, address string, list []Access, etag string, max int64) (a answer, next string, err error) {
	if _, err := parseFile(address); err != nil {
		return answer{}, "", err
	}
	access, listed := accessFor(list, withoutQuery(address))
	t, err := s.transport(access, listed)
	if err != nil {
		return answer{}, "", err
	}
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, "", unsafe("the address of the chart cannot be read as a URL")
	}
	req.Header.Set("User-Agent", "plumb")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if user, password := access.credential(); user != "" || password != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return answer{}, "", unreachable(address, err)
	}
	defer resp.Body.Close()
	a = answer{status: resp.StatusCode, etag: resp.Header.Get("ETag")}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.StatusCode != http.StatusNotModified:
		to, err := resp.Location()
		if err != nil {
			return a, "", fault.New(fault.FetchFailed, "%s redirects to nowhere", shown(address))
		}
		if req.URL.Scheme == "https" && to.Scheme != "https" {
			return a, "", unsafe("the chart repository redirects from https to " + to.Scheme)
		}
		return a, to.String(), nil
	case resp.StatusCode == http.StatusOK:
		a.body, err = readUpTo(resp.Body, max)
	}
	if err != nil {
		return a, "", unreachable(address, err)
	}
	return a, "", nil
}

// parseFile checks the address of a file: as that of a repository, but a query is allowed, as signed links of object stores have.
func parseFile(address string) (*url.URL, error) { return parse(withoutQuery(address)) }

// withoutQuery gives an address without its query.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// errTooLarge says that an answer is larger than it may be.
var errTooLarge = errors.New("the answer is too large")

func readUpTo(r io.Reader, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(data)) > max {
		return nil, fmt.Errorf("%w: more than %d MiB", errTooLarge, max>>20)
	}
	return data, err
}

// unreachable says that a server did not answer, or not as it should.
func unreachable(address string, err error) error {
	var known *fault.Fault
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errPrivate):
		return fault.New(fault.UnsafeURL, "%s lies on a private network or on this machine", shown(address)).
			WithNext("if that is meant, list its address in charts of the Repo or App: {url: …}")
	case errors.Is(err, errTooLarge):
		return fault.New(fault.RenderLimit, "%s: %w", shown(address), err).WithCode("CHART_TOO_LARGE")
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // its own words repeat the address
	}
	return fault.New(fault.FetchFailed, "%s does not answer: %w", shown(address), err)
}

// shown is an address as people read it: without what may be a signature.
func shown(address string) string { return shorten3(withoutQuery(address)) }

func shorten3(text string) string {
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}

// refusedBy turns a status of a server into a fault.
func refusedBy(address string, status int, what string) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.New(fault.CredentialsRefused, "%s answers %d: it wants another credential", shown(address), status).
			WithNext("name a Secret for this address in charts of the Repo or App: {url: …, secret: …}")
	case http.StatusNotFound:
		return fault.New(fault.RevisionNotFound, "there is no %s at %s", what, shown(address))
	}
	return fault.New(fault.FetchFailed, "%s answers %d", shown(address), status)
}
