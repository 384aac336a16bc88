package source

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// maxURL bounds an address, in bytes.
const maxURL = 2048

// CheckURL tells whether url may be fetched from: https, ssh as ssh://user@host/path or user@host:path, http on loopback
// only, file:///absolute/path only if allowLocal.
//
// Errors: everything else is UnsafeURL, among it passwords inside the address and with https user names (they belong in the
// Secret), queries, fragments, spaces, control characters, a leading '-', and git's own `helper::address` form, which runs
// a program. An error never repeats an address that may hold a password.
func CheckURL(rawURL string, allowLocal bool) error {
	_, err := canonical(rawURL, allowLocal)
	return err
}

// canonical gives the one spelling of an address by which copies are shared: scheme and host in lower case, no default
// port, no trailing slash. The path keeps its case and its ".git", because servers may tell them apart. The two spellings of
// ssh stay two: their paths begin in different folders.
func canonical(rawURL string, allowLocal bool) (string, error) {
	if err := checkText(rawURL); err != nil {
		return "", err
	}
	if scpLike.MatchString(rawURL) {
		return canonicalSCP(rawURL)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", unsafeURL("the address of the repository cannot be read as a URL") // url.Error would repeat it
	}
	switch {
	case u.User != nil && !strings.EqualFold(u.Scheme, "ssh"):
		return "", unsafeURL("the address of the repository holds a user name or a password").WithNext("remove it from the address and put it into the Secret that `secret` names")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(rawURL, "#"):
		return "", unsafeURL("the address of the repository has a query or a fragment")
	case u.Opaque != "":
		return "", unsafeURL("the address of the repository has no // after its scheme")
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return canonicalHTTP(u, "443")
	case "http":
		if !isLoopback(u.Hostname()) {
			return "", unsafeURL("http is allowed on loopback only: anyone on the way could change what is deployed").WithNext("use https")
		}
		return canonicalHTTP(u, "80")
	case "ssh":
		return canonicalSSH(u)
	case "file":
		return canonicalFile(u, allowLocal)
	case "":
		return "", unsafeURL("the address of the repository has no scheme").WithNext("write https://host/path, ssh://user@host/path or user@host:path")
	}
	return "", unsafeURL("the scheme of the repository's address is neither https nor ssh").WithNext("write https://host/path or ssh://user@host/path")
}

// checkText refuses what no address needs and what a program may take for something else.
func checkText(rawURL string) error {
	switch {
	case rawURL == "":
		return unsafeURL("the address of the repository is empty")
	case len(rawURL) > maxURL:
		return unsafeURL("the address of the repository is longer than 2048 bytes")
	case strings.HasPrefix(rawURL, "-"):
		return unsafeURL("the address of the repository begins with '-', which programs take for an option")
	case remoteHelper.MatchString(rawURL):
		return unsafeURL("the address of the repository names a git remote helper (`name::address`), which runs a program")
	}
	for _, r := range rawURL {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune("\"\\<>^`{|}", r) {
			return unsafeURL("the address of the repository holds a space, a control character or a character that must be percent-encoded")
		}
	}
	return nil
}

var remoteHelper = regexp.MustCompile(`^[A-Za-z0-9+.-]*::`)

func canonicalHTTP(u *url.URL, defaultPort string) (string, error) {
	host, err := canonicalHost(u, defaultPort)
	if err != nil {
		return "", err
	}
	clean, err := canonicalPath(u)
	if err != nil {
		return "", err
	}
	return strings.ToLower(u.Scheme) + "://" + host + clean, nil
}

// canonicalHost gives the host in lower case, with its port unless that is the usual one.
func canonicalHost(u *url.URL, defaultPort string) (string, error) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch {
	case host == "" || strings.HasPrefix(host, "-"):
		return "", unsafeURL("the address of the repository has no valid host")
	case strings.ContainsAny(host, "%*?[]'()!$&,;=/@ "):
		return "", unsafeURL("the host of the repository's address holds a character that no host has")
	case strings.Contains(host, ":") && net.ParseIP(host) == nil:
		return "", unsafeURL("the host of the repository's address is not a valid IPv6 address")
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != defaultPort {
		host += ":" + port
	}
	return host, nil
}

func canonicalFile(u *url.URL, allowLocal bool) (string, error) {
	if !allowLocal {
		return "", unsafeURL("local repositories are not allowed here").WithNext("start the agent with --allow-local, or use https")
	}
	if u.Host != "" {
		return "", unsafeURL("a file address has no host").WithNext("write file:///absolute/path")
	}
	clean, err := canonicalPath(u)
	if err != nil {
		return "", err
	}
	return "file://" + clean, nil
}

// canonicalPath gives the escaped path without trailing slashes. Segments "." and ".." are refused, in any encoding: they
// would let one repository have two addresses, and a credential that is bound to a path prefix leave it.
func canonicalPath(u *url.URL) (string, error) {
	if strings.ContainsAny(u.Path, "\x00\r\n") {
		return "", unsafeURL("the path of the repository's address holds an encoded control character")
	}
	trimmed := strings.TrimRight(u.Path, "/")
	if trimmed == "" {
		return "", unsafeURL("the address of the repository has no path")
	}
	if path.Clean(trimmed) != trimmed || strings.Contains(u.EscapedPath(), "%2f") || strings.Contains(u.EscapedPath(), "%2F") {
		return "", unsafeURL("the path of the repository's address holds an empty segment, '.', '..' or an encoded '/'")
	}
	return (&url.URL{Path: trimmed}).EscapedPath(), nil
}

func unsafeURL(text string) *fault.Fault { return fault.New(fault.UnsafeURL, "%s", text) }

// isLoopback tells whether a host is this machine, whatever a name server says.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// folderName gives the name of the mirror of a canonical address: readable first, then 16 hex digits that make it unique.
// The scope separates copies that must not be shared (see Options.Scope).
func folderName(canonicalURL, scope string) string {
	sum := sha256.Sum256([]byte(scope + "\x00" + canonicalURL))
	rest := canonicalURL[strings.Index(canonicalURL, "://")+1:]
	readable := strings.Trim(notReadable.ReplaceAllString(strings.TrimSuffix(rest, ".git"), "-"), "-.")
	if len(readable) > 60 {
		readable = readable[len(readable)-60:]
	}
	return strings.Trim(readable, "-.") + "-" + hex.EncodeToString(sum[:8])
}

var notReadable = regexp.MustCompile(`[^A-Za-z0-9.]+`)
