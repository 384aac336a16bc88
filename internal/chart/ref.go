package chart

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"plumb.dev/plumb/internal/fault"
)

// Ref says which chart is wanted. The zero Digest takes any.
type Ref struct {
	Repo    string // https://…, oci://… without the chart's name; http on loopback only
	Name    string
	Version string // exact, or a range as Helm reads it
	Digest  string // sha256:… of the archive, or of the manifest in a registry
}

// String names the chart for people.
func (r Ref) String() string { return r.Name + " " + r.Version }

// Exact tells whether the version is one version, which is never asked for again.
func (r Ref) Exact() bool { return exact(r.Version) != nil }

// oci tells whether the chart lies in a registry.
func (r Ref) oci() bool { return strings.HasPrefix(r.Repo, ociScheme) }

const ociScheme = "oci://"

// exact gives the version that a text is, nil if it is a range.
func exact(text string) *semver.Version {
	v, err := semver.StrictNewVersion(strings.TrimPrefix(strings.TrimSpace(text), "v"))
	if err != nil {
		return nil
	}
	return v
}

// maxText bounds an address, in bytes.
const maxText = 2048

// chartName are the names that Helm gives charts: they become a part of an address and of a file's name.
var chartName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

var digestText = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Check tells whether a chart may be asked for by this Ref. It is about the text alone: InvalidSettings, or UnsafeURL for the
// address. An error never repeats an address that may hold a password.
func (r Ref) Check() error {
	if err := CheckRepo(r.Repo); err != nil {
		return err
	}
	if !chartName.MatchString(r.Name) || strings.Contains(r.Name, "..") {
		return fault.New(fault.InvalidSettings, "%q is not the name of a chart", shorten(r.Name))
	}
	if _, err := constraint(r.Version); err != nil {
		return err
	}
	if r.Digest != "" && !digestText.MatchString(r.Digest) {
		return fault.New(fault.InvalidSettings, "%q is not a digest", shorten(r.Digest)).WithNext("write sha256: and 64 hexadecimal digits")
	}
	return nil
}

// constraint reads a version or range as Helm does.
func constraint(text string) (*semver.Constraints, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fault.New(fault.InvalidSettings, "the chart has no version").WithNext(`write an exact version or a range; "*" is any`)
	}
	c, err := semver.NewConstraint(text)
	if err != nil {
		return nil, fault.New(fault.InvalidSettings, "%q is neither a version nor a range of versions", shorten(text)).WithNext("write for example 6.9.2, 6.x or >=6.1 <7")
	}
	return c, nil
}

// CheckRepo tells whether an address may be that of a chart repository: UnsafeURL if not.
func CheckRepo(address string) error {
	_, err := parse(address)
	return err
}

// parse reads an address: lower-case scheme and host, a clean path, nothing else in it.
func parse(address string) (*url.URL, error) {
	if address == "" || len(address) > maxText {
		return nil, unsafe("the address of the chart repository is empty or too long")
	}
	for _, c := range address {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune("\"\\<>^`{|}", c) {
			return nil, unsafe("the address of the chart repository holds a space or a character that must be percent-encoded")
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, unsafe("the address of the chart repository cannot be read as a URL") // url.Error would repeat it
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case u.User != nil:
		return nil, unsafe("the address of the chart repository holds a user name or a password").
			WithNext("put them into a Secret, and name it in charts of the Repo or App")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(address, "#"):
		return nil, unsafe("the address of the chart repository has a query or a fragment")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, unsafe("the address of the chart repository has no host").WithNext("write https://host/path or oci://host/path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, unsafe("http is allowed on loopback only: anyone on the way could change what is deployed").WithNext("use https")
	case u.Scheme != "https" && u.Scheme != "oci" && u.Scheme != "http":
		return nil, unsafe("the scheme of the chart repository's address is not https or oci").WithNext("write https://host/path or oci://host/path")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if u.Path != "" && path.Clean(u.Path) != u.Path || strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return nil, unsafe("the path of the chart repository's address holds an empty segment, '.', '..' or an encoded '/'")
	}
	return u, nil
}

func unsafe(text string) *fault.Fault { return fault.New(fault.UnsafeURL, "%s", text) }

// loopback tells whether a host is this machine, whatever a name server says.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func shorten(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}
