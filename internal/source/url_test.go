package source

import (
	"net/url"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
)

func TestCheckURL(t *testing.T) {
	for _, test := range []struct {
		url    string
		local  bool
		want   fault.Reason // "" = allowed
		reason string
	}{
		{"https://git.example.com/acme/fleet.git", false, "", "the usual"},
		{"https://git.example.com:8443/acme/fleet", false, "", "with a port"},
		{"https://git.example.com/~ada/my%20repo.git", false, "", "an encoded space"},
		{"https://[2001:db8::1]/x.git", false, "", "IPv6"},
		{"https://xn--bcher-kva.example/x.git", false, "", "punycode"},
		{"http://127.0.0.1:3000/x.git", false, "", "http on loopback"},
		{"http://localhost/x.git", false, "", "http on loopback by name"},
		{"http://[::1]:80/x.git", false, "", "http on loopback in IPv6"},
		{"file:///srv/repo.git", true, "", "local, where allowed"},
		{"file:///srv/repo.git", false, fault.UnsafeURL, "local, where not allowed"},
		{"file://host/srv/repo.git", true, fault.UnsafeURL, "a file has no host"},
		{"file:srv", true, fault.UnsafeURL, "a relative file"},
		{"/srv/repo.git", true, fault.UnsafeURL, "a bare path"},
		{"../repo.git", true, fault.UnsafeURL, "a relative path"},
		{"file:///srv/../etc", true, fault.UnsafeURL, "dots"},
		{"file:///", true, fault.UnsafeURL, "nothing"},
		{"http://git.example.com/x.git", false, fault.UnsafeURL, "http elsewhere"},
		{"http://localhost.example.com/x.git", false, fault.UnsafeURL, "a name that only begins like loopback"},
		{"http://127.0.0.1.example.com/x.git", false, fault.UnsafeURL, "the same in numbers"},
		{"http://0x7f000001/x.git", false, fault.UnsafeURL, "loopback in disguise is not loopback here"},
		{"ssh://git@git.example.com/x.git", false, "", "ssh"},
		{"SSH://git.example.com:2222/x.git", false, "", "ssh in capitals, without a user, with a port"},
		{"ssh://ada@git.example.com/~ada/x.git", false, "", "ssh, below a home"},
		{"git@git.example.com:acme/fleet.git", false, "", "ssh in its second spelling"},
		{"git@[2001:db8::1]:acme/fleet.git", false, "", "the same in IPv6"},
		{"ssh://-oProxyCommand=id/x", false, fault.UnsafeURL, "ssh with an option for a host"},
		{"ssh://-oProxyCommand=id@git.example.com/x", false, fault.UnsafeURL, "ssh with an option for a user"},
		{"ssh://ada:hunter2@git.example.com/x.git", false, fault.UnsafeURL, "ssh with a password"},
		{"ssh://%2doProxyCommand@git.example.com/x.git", false, fault.UnsafeURL, "an encoded option for a user"},
		{"ssh://git@git.example.com/-x", false, fault.UnsafeURL, "an option for a path"},
		{"-oProxyCommand=id@git.example.com:x", false, fault.UnsafeURL, "an option for a user in the second spelling"},
		{"git@-oProxyCommand=id:x", false, fault.UnsafeURL, "an option for a host in the second spelling"},
		{"git@git.example.com:-x", false, fault.UnsafeURL, "an option for a path in the second spelling"},
		{"git@git.example.com:../x", false, fault.UnsafeURL, "dots in the second spelling"},
		{"git@git.example.com:a%2fb", false, fault.UnsafeURL, "an encoding that nobody decodes"},
		{"git.example.com:acme/fleet.git", false, fault.UnsafeURL, "no user in the second spelling: it may be a scheme"},
		{"git://git.example.com/x.git", false, fault.UnsafeURL, "no encryption"},
		{"ftp://git.example.com/x.git", false, fault.UnsafeURL, "another scheme"},
		{"ext::sh -c id", false, fault.UnsafeURL, "a program"},
		{"ext::id", false, fault.UnsafeURL, "a program"},
		{"fd::17", false, fault.UnsafeURL, "a descriptor"},
		{"::https://x/y", false, fault.UnsafeURL, "a helper without a name"},
		{"--upload-pack=touch", false, fault.UnsafeURL, "an option"},
		{"-oProxyCommand=id", false, fault.UnsafeURL, "an option"},
		{"https://-host/x", false, fault.UnsafeURL, "a host that is an option"},
		{"https://ada:hunter2@git.example.com/x.git", false, fault.UnsafeURL, "a password in the address"},
		{"https://ada@git.example.com/x.git", false, fault.UnsafeURL, "a user in the address"},
		{"https://@git.example.com/x.git", false, fault.UnsafeURL, "an empty user"},
		{"https://git.example.com/x.git?token=hunter2", false, fault.UnsafeURL, "a query"},
		{"https://git.example.com/x.git?", false, fault.UnsafeURL, "an empty query"},
		{"https://git.example.com/x.git#main", false, fault.UnsafeURL, "a fragment"},
		{"https://git.example.com/x.git#", false, fault.UnsafeURL, "an empty fragment"},
		{"https://git.example.com/a/../b", false, fault.UnsafeURL, "dots"},
		{"https://git.example.com/a/%2e%2e/b", false, fault.UnsafeURL, "encoded dots"},
		{"https://git.example.com/a%2fb", false, fault.UnsafeURL, "an encoded slash"},
		{"https://git.example.com/a//b", false, fault.UnsafeURL, "an empty segment"},
		{"https://git.example.com/a%0ab", false, fault.UnsafeURL, "an encoded line break"},
		{"https://git.example.com/a%00b", false, fault.UnsafeURL, "an encoded NUL"},
		{"https://git.example.com", false, fault.UnsafeURL, "no path"},
		{"https:///x.git", false, fault.UnsafeURL, "no host"},
		{"https:git.example.com/x", false, fault.UnsafeURL, "no slashes"},
		{"https://git.example.com:port/x", false, fault.UnsafeURL, "a port that is no number"},
		{"https://git.example.com/a b", false, fault.UnsafeURL, "a space"},
		{"https://git.example.com/x\nhttp.proxy=x", false, fault.UnsafeURL, "a line break"},
		{"https://git.example.com/\x00", false, fault.UnsafeURL, "a NUL"},
		{"https://git.example.com/\"]", false, fault.UnsafeURL, "a quote would end a section of git's configuration"},
		{"https://git.example.com\\@evil.example/x", false, fault.UnsafeURL, "parsers disagree about a backslash"},
		{"https://gіt.example.com/x", false, fault.UnsafeURL, "a letter that only looks Latin"},
		{"https://git.example.com/" + strings.Repeat("x", 3000), false, fault.UnsafeURL, "too long"},
		{"", false, fault.UnsafeURL, "nothing"},
	} {
		err := CheckURL(test.url, test.local)
		if f := fault.Of(err, ""); f == nil && test.want != "" || f != nil && f.Reason != test.want {
			t.Errorf("%q gives %v, want %q: %s", test.url, err, test.want, test.reason)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats the password: %v", test.url, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	for _, test := range []struct{ url, want, reason string }{
		{"https://git.example.com/a.git", "https://git.example.com/a.git", "itself"},
		{"HTTPS://Git.Example.COM:443/a.git/", "https://git.example.com/a.git", "case, default port, trailing slash"},
		{"https://git.example.com/A", "https://git.example.com/A", "the path keeps its case"},
		{"http://[::1]:80/a", "http://[::1]/a", "IPv6 keeps its brackets"},
		{"SSH://Git.Example.com:22/a.git/", "ssh://git@git.example.com/a.git", "ssh: the usual user and port"},
		{"git@Git.Example.com:a/b.git", "git@git.example.com:a/b.git", "the second spelling stays: its path begins at home"},
		{"file:///srv/a/", "file:///srv/a", "local"},
	} {
		if got, err := canonical(test.url, true); err != nil || got != test.want {
			t.Errorf("%s: %q (%v), want %q", test.reason, got, err, test.want)
		}
	}
	if folderName("https://x/a", "one") == folderName("https://x/a", "two") {
		t.Error("two scopes share a folder")
	}
}

// FuzzCheckURL: what is allowed has one spelling, which is allowed itself and holds nothing that git could take for more.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"ssh://git@x:2222/y", "git@x:y/z", "https://git.example.com:443/a.git/", "http://[::1]:80/a", "file:///srv/a b", "git@x:y", "ext::id", "https://a:b@c/d", "https://x/%2e%2e/y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		clean, err := canonical(written, true)
		if err != nil {
			if r := fault.Of(err, "").Reason; r != fault.UnsafeURL && r != fault.Unsupported {
				t.Errorf("%q gives %v", written, err)
			}
			return
		}
		if again, err := canonical(clean, true); err != nil || again != clean {
			t.Errorf("%q becomes %q, which becomes %q (%v)", written, clean, again, err)
		}
		if IsSSH(clean) {
			if strings.ContainsAny(clean, " \"\\\n\t\x00#?'") || strings.HasPrefix(clean, "-") || strings.Contains(clean, "@-") || strings.Contains(clean, ":-") {
				t.Errorf("%q becomes %q", written, clean)
			}
			return
		}
		u, err := url.Parse(clean)
		if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(clean, " \"\\\n\t\x00#?") {
			t.Errorf("%q becomes %q (%v)", written, clean, err)
		}
		if u.Scheme != "https" && u.Scheme != "file" && !isLoopback(u.Hostname()) {
			t.Errorf("%q is allowed without encryption", clean)
		}
		if name := folderName(clean, ""); strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || len(name) > 100 {
			t.Errorf("%q would be kept in %q", clean, name)
		}
	})
}
