package forge

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/redact"
)

// Access is one repository at a forge, and the credential for it: Token, or at GitHub an App.
type Access struct {
	Kind       Kind
	URL        string // of the forge: https://git.example.com, with a path if it lives below one; http on loopback only
	Repository string // acme/fleet; at GitLab with all its groups
	Token      redact.Secret
	App        App
	CA         []byte // PEM: trusted beside the system's authorities
	// Wrap, if it is set, sees every request that is sent: what was not sent because of a limit is not among them.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// App is a GitHub App, which is asked for a token that may do no more than this package does, in this repository alone.
type App struct {
	ID  string        // its client id or its number
	Key redact.Secret // its private key, in PEM
}

// IsZero tells whether there is no App.
func (a App) IsZero() bool { return a.ID == "" && a.Key.IsZero() }

// At gives the forge and the repository of a Git address: of https://git.example.com/acme/fleet.git,
// git@git.example.com:acme/fleet.git and ssh://git@git.example.com:2222/acme/fleet.git that is https://git.example.com and
// acme/fleet. forgeURL, if it is not empty, is the forge's address where the Git address does not tell it.
func At(gitURL, forgeURL string) (forge, repository string, err error) {
	host, path, plain := gitURL, "", false
	if strings.Contains(gitURL, "://") {
		u, err := url.Parse(gitURL)
		if err != nil {
			return "", "", fault.New(fault.UnsafeURL, "the address of the repository is none: %w", err)
		}
		host, path = u.Hostname(), u.Path
		if u.Scheme == "http" || u.Scheme == "https" {
			host, plain = u.Host, u.Scheme == "http"
		}
	} else {
		host, path, _ = strings.Cut(gitURL, ":")
		host = host[strings.LastIndex(host, "@")+1:]
	}
	if forge = "https://" + host; plain {
		forge = "http://" + host
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if forgeURL != "" {
		forge = strings.TrimSuffix(forgeURL, "/")
		if u, err := url.Parse(forge); err == nil && u.Path != "" {
			path = strings.TrimPrefix(path, strings.Trim(u.Path, "/")+"/")
		}
	}
	if host == "" || !strings.Contains(path, "/") {
		return "", "", fault.New(fault.UnsafeURL, "the address of the repository names no repository of a forge").
			WithNext("use an address like https://git.example.com/acme/fleet.git")
	}
	return forge, path, nil
}

// base checks an access and gives the address of the API below which everything is asked for.
func (a Access) base(api string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(a.URL, "/") + api)
	switch {
	case err != nil || u.Host == "":
		return nil, fault.New(fault.UnsafeURL, "the address of the forge is none").WithNext("write it like https://git.example.com")
	case u.User != nil:
		return nil, fault.New(fault.UnsafeURL, "the address of the forge holds a credential").WithNext("put it into the Secret")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, fault.New(fault.UnsafeURL, "the forge at %s would get the credential unencrypted", u.Host).WithNext("use https")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
