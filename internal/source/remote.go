package source

import (
	"encoding/base64"
	"log/slog"
	"strings"
)

// Remote is where a repository is and how to be let in.
type Remote struct {
	URL string // see CheckURL

	// Token alone is sent as the password of user "x-access-token", which the forges accept for their access tokens; with
	// Username, as the password of that user. Username with Password is the plain form. All empty: no credential.
	Token    string
	Username string
	Password string

	// Identity is a private key without passphrase (OpenSSH or PEM), and KnownHosts the host keys that are believed, both for
	// ssh. The server must show one of these; there is no first use that is trusted.
	Identity   string
	KnownHosts string

	CA         []byte // PEM bundle that replaces the system's authorities for this repository; nil = the system's
	AllowLocal bool   // file:// is allowed
}

// String shows the address only.
func (r Remote) String() string { return r.URL }

// GoString shows the address only, so that %#v in a test or a log shows no credential.
func (r Remote) GoString() string { return "source.Remote{URL: " + r.URL + "}" }

// LogValue shows the address only.
func (r Remote) LogValue() slog.Value { return slog.StringValue(r.URL) }

// credential gives user and password, and whether there are any. ssh has none.
func (r Remote) credential() (user, password string, ok bool) {
	switch {
	case IsSSH(r.URL):
		return "", "", false
	case r.Token != "" && r.Username == "":
		return "x-access-token", r.Token, true
	case r.Token != "":
		return r.Username, r.Token, true
	case r.Username != "" || r.Password != "":
		return r.Username, r.Password, true
	}
	return "", "", false
}

// authorization gives the value of the Basic Authorization header, "" without a credential.
func (r Remote) authorization() string {
	user, password, ok := r.credential()
	if !ok {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// scrub takes every form of the credential out of a text that a server or git wrote.
func (r Remote) scrub(text string) string {
	for _, secret := range []string{r.authorization(), strings.TrimPrefix(r.authorization(), "Basic "), r.Token, r.Password, r.Identity} {
		if len(secret) >= 3 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}
