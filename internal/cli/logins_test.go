package cli

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
)

// loginOf says what would be sent to an address: "user:password", or "" for nothing.
func loginOf(l logins, address string) string {
	i := chart.For(l.access, address)
	if i < 0 || l.access[i].Username+l.access[i].Password == "" {
		return ""
	}
	return l.access[i].Username + ":" + l.access[i].Password
}

func TestLoginsAreBoundToTheirAddresses(t *testing.T) {
	basic := func(user, password string) string {
		return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	}
	home := t.TempDir()
	for name, text := range map[string]string{
		".config/helm/repositories.yaml": `apiVersion: ""
repositories:
- {name: ours, url: "https://charts.example.com/team/", username: me, password: hunter22, pass_credentials_all: true}
- {name: open, url: "https://open.example.com"}
- {name: authority, url: "https://inside.example.com", caFile: ` + filepath.Join(home, "ca.crt") + "}\n",
		"ca.crt":                            "an authority",
		".config/helm/registry/config.json": fmt.Sprintf(`{"auths": {"registry.example.com": {"auth": %q}}}`, basic("helm", "of:helm")),
		".docker/config.json": fmt.Sprintf(`{"credsStore": "desktop", "auths": {
			"registry.example.com": {"auth": %q}, "registry.example.com/team": {"auth": %q}, "https://index.docker.io/v1/": {"auth": %q},
			"empty.example.com": {}, "token.example.com": {"identitytoken": "refresh"}}}`, basic("docker", "1"), basic("docker", "2"), basic("hub", "3")),
	} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := readLogins(Env{Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ reason, address, want string }{
		{"below the address", "https://charts.example.com/team/index.yaml", "me:hunter22"},
		{"beside it", "https://charts.example.com/teammate/index.yaml", ""},
		{"another host, whatever pass_credentials_all says", "https://open.example.com/a.tgz", ""},
		{"another scheme", "oci://charts.example.com/team/a", ""},
		{"Helm's own login counts before Docker's", "oci://registry.example.com/other/a", "helm:of:helm"},
		{"the longest address counts", "oci://registry.example.com/team/a", "docker:2"},
		{"another port is another server", "oci://registry.example.com:5000/team/a", ""},
		{"a subdomain is another server", "oci://a.registry.example.com/team/a", ""},
		{"Docker's registry, as people write it", "oci://docker.io/acme/a", "hub:3"},
		{"and as it answers", "oci://registry-1.docker.io/acme/a", "hub:3"},
		{"nothing is known", "oci://empty.example.com/a", ""},
		{"a token that has to be exchanged is left", "oci://token.example.com/a", ""},
		{"an authority is no credential", "https://inside.example.com/index.yaml", ""},
	} {
		if got := loginOf(l, row.address); got != row.want {
			t.Errorf("%s: %s gets %q, want %q", row.reason, row.address, got, row.want)
		}
	}
	if i := chart.For(l.access, "https://inside.example.com/index.yaml"); i < 0 || string(l.access[i].CA) != "an authority" {
		t.Error("the authority of a repository is not trusted for it")
	}
	if said := fmt.Sprintf("%v %+v %#v", l, l, l); strings.Contains(said, "hunter22") {
		t.Errorf("a password is shown: %s", said)
	}
	advice := fault.Of(l.advise(fault.New(fault.CredentialsRefused, "401"), "oci://ghcr.io/acme"), fault.FetchFailed)
	if !strings.Contains(advice.Next, "helm registry login ghcr.io") || !strings.Contains(advice.Next, "helper program") {
		t.Errorf("the advice is %q", advice.Next)
	}
}

// What cannot be read is told by its name, and never by what is in it; without a home nobody's file is read.
func TestLoginsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.json")
	if err := os.WriteFile(file, []byte(`{"auths": {"a": "hunter22"`), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(variables map[string]string) Env {
		return Env{Getenv: func(name string) string { return variables[name] }}
	}
	_, err := readLogins(getenv(map[string]string{"HOME": t.TempDir(), "DOCKER_CONFIG": dir}))
	if !fault.Is(err, fault.CredentialsRefused) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("a damaged file: %v", err)
	}
	t.Chdir(dir)
	if l, err := readLogins(getenv(map[string]string{"DOCKER_CONFIG": "."})); err != nil || len(l.access) > 0 {
		t.Errorf("a file of the folder at hand was read: %v, %v", l.access, err)
	}
}
