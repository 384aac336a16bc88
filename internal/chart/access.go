package chart

import (
	"log/slog"
	"strings"
)

// Access lets charts below an address be fetched: with a credential and authorities of their own, and also on a private
// network. The credential is bound to scheme, host and path: it is never sent anywhere else.
type Access struct {
	URL string // https://…, oci://…, or http://… on loopback

	// Token alone is sent as the password of user "token"; with Username, as the password of that user.
	Token    string
	Username string
	Password string

	CA []byte // PEM bundle that replaces the system's authorities; nil = the system's
}

// String shows the address only; so do GoString and LogValue.
func (a Access) String() string { return a.URL }

// GoString shows the address only.
func (a Access) GoString() string { return "chart.Access{URL: " + a.URL + "}" }

// LogValue shows the address only.
func (a Access) LogValue() slog.Value { return slog.StringValue(a.URL) }

// credential gives user and password, both empty if there are none.
func (a Access) credential() (user, password string) {
	switch {
	case a.Token != "" && a.Username == "":
		return "token", a.Token
	case a.Token != "":
		return a.Username, a.Token
	}
	return a.Username, a.Password
}

// covers tells whether an address lies below that of the Access: same scheme and host, whole segments of the path.
func (a Access) covers(address string) bool {
	prefix, err := parse(a.URL)
	if err != nil {
		return false
	}
	u, err := parse(address)
	if err != nil || u.Scheme != prefix.Scheme || hostPort(u.Scheme, u.Host) != hostPort(prefix.Scheme, prefix.Host) {
		return false
	}
	return u.Path == prefix.Path || strings.HasPrefix(u.Path, prefix.Path+"/")
}

// hostPort gives a host with its port, the default one too.
func hostPort(scheme, host string) string {
	port := map[string]string{"https": ":443", "oci": ":443", "http": ":80"}[scheme]
	if strings.LastIndex(host, ":") > strings.LastIndex(host, "]") {
		return host
	}
	return host + port
}

// For gives the index of the Access for an address: the longest that covers it; -1 if none does.
func For(list []Access, address string) int {
	best := -1
	for i, a := range list {
		if a.covers(address) && (best < 0 || len(strings.TrimRight(a.URL, "/")) > len(strings.TrimRight(list[best].URL, "/"))) {
			best = i
		}
	}
	return best
}

// accessFor gives the Access for an address, and whether there is one.
func accessFor(list []Access, address string) (Access, bool) {
	i := For(list, address)
	if i < 0 {
		return Access{}, false
	}
	return list[i], true
}
