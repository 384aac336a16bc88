package server

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Cookies that the page leaves in a browser.
const (
	SessionCookie = "session" // who is logged in
	OIDCCookie    = "oidc"    // a login that a provider has still to answer
	codeCookie    = "code"    // this browser is taking up a code
)

// Cookies reads and sets the cookies of the page. All of them are HttpOnly, SameSite=Lax (the first request after a login at a
// provider comes from there), for all of the page, and behind TLS Secure and __Host-.
type Cookies struct {
	PageURL string // where people reach the page; "" is not known
}

// Get gives what a request brings of a cookie; "" is nothing.
func (c Cookies) Get(r *http.Request, cookie string) string {
	found, err := r.Cookie(c.name(r, cookie))
	if err != nil {
		return ""
	}
	return found.Value
}

// Set leaves a cookie for a while; for no time takes it away.
func (c Cookies) Set(w http.ResponseWriter, r *http.Request, cookie, value string, lasts time.Duration) {
	seconds := int(lasts.Round(time.Second) / time.Second)
	if seconds <= 0 {
		seconds = -1 // 0 would be a cookie without an end
	}
	http.SetCookie(w, &http.Cookie{
		Name: c.name(r, cookie), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.secure(r),
	})
}

// name bears the port that the browser asked for: it keeps one jar for all ports of a host, and the pages of two agents on one
// machine would log each other out. It begins with __Host- behind TLS: then no other host, and no page without TLS, can have set it.
func (c Cookies) name(r *http.Request, cookie string) string {
	name := "plumb-" + cookie
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "" && strings.Trim(port, "0123456789") == "" {
		name += "-" + port
	}
	if c.secure(r) {
		return "__Host-" + name
	}
	return name
}

// secure tells whether the browser came by TLS: to this process, or to the proxy that the address of the page is of. Not every
// proxy passes on the host that it was asked for; a port-forward is known by its loopback address.
func (c Cookies) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	page, err := url.Parse(c.PageURL)
	return err == nil && page.Scheme == "https" && !OnLoopback((&url.URL{Host: r.Host}).Hostname())
}

// OnLoopback tells whether a host of an address is this machine.
func OnLoopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}
