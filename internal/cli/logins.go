package cli

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
)

// logins are a person's own credentials for charts, from where `helm repo add`, `helm registry login` and `docker login` keep them:
// each bound to the address that it was given for. No credential helper is run.
type logins struct {
	access []chart.Access
	helper string // the file that leaves credentials to a helper
}

// String tells how many there are; so does GoString.
func (l logins) String() string { return fmt.Sprintf("%d logins", len(l.access)) }

// GoString shows no credential.
func (l logins) GoString() string { return l.String() }

// readLogins reads the files that are there. One that cannot be read is an error, which never shows what is in it.
// https://helm.sh/docs/helm/helm/ (environment), https://docs.docker.com/reference/cli/docker/login/
func readLogins(env Env) (logins, error) {
	var l logins
	home := helmHome(env)
	if err := l.repositories(cmp.Or(env.Getenv("HELM_REPOSITORY_CONFIG"), filepath.Join(home, "repositories.yaml"))); err != nil {
		return logins{}, err
	}
	docker := cmp.Or(env.Getenv("DOCKER_CONFIG"), filepath.Join(env.Getenv("HOME"), ".docker"))
	for _, file := range []string{cmp.Or(env.Getenv("HELM_REGISTRY_CONFIG"), filepath.Join(home, "registry", "config.json")), filepath.Join(docker, "config.json")} {
		if err := l.registries(file); err != nil {
			return logins{}, err
		}
	}
	return l, nil
}

// helmHome is where Helm keeps its settings.
func helmHome(env Env) string {
	if home := env.Getenv("HELM_CONFIG_HOME"); home != "" {
		return home
	}
	config := filepath.Join(env.Getenv("HOME"), ".config")
	if runtime.GOOS == "darwin" {
		config = filepath.Join(env.Getenv("HOME"), "Library", "Preferences")
	}
	return filepath.Join(cmp.Or(env.Getenv("XDG_CONFIG_HOME"), config), "helm")
}

// repositories reads Helm's list of chart repositories. What it says of trust in others is not taken: neither that TLS is not
// checked nor that a credential goes to all hosts.
func (l *logins) repositories(file string) error {
	var list struct {
		Repositories []struct {
			URL, Username, Password string
			CAFile                  string `json:"caFile"`
		} `json:"repositories"`
	}
	if found, err := readLogin(file, &list, func(data []byte, into any) error { return yaml.Unmarshal(data, into) }); !found {
		return err
	}
	for _, r := range list.Repositories {
		access := chart.Access{URL: r.URL, Username: r.Username, Password: r.Password}
		if r.CAFile != "" {
			data, err := os.ReadFile(r.CAFile)
			if err != nil {
				return fault.New(fault.CredentialsRefused, "the authority that %s names for a repository cannot be read: %w", file, err)
			}
			access.CA = data
		}
		if access.Username != "" || access.Password != "" || access.CA != nil {
			l.access = append(l.access, access)
		}
	}
	return nil
}

// registries reads a registry configuration, of which Helm and Docker have the same form. A token that has to be exchanged for
// another one is left to them.
func (l *logins) registries(file string) error {
	var config struct {
		Auths map[string]struct {
			Auth, Username, Password string
		} `json:"auths"`
		CredsStore  string            `json:"credsStore"`
		CredHelpers map[string]string `json:"credHelpers"`
	}
	if found, err := readLogin(file, &config, json.Unmarshal); !found {
		return err
	}
	if config.CredsStore != "" || len(config.CredHelpers) > 0 {
		l.helper = file
	}
	for key, a := range config.Auths {
		user, password := a.Username, a.Password
		if decoded, err := base64.StdEncoding.DecodeString(a.Auth); err == nil && a.Auth != "" {
			user, password, _ = strings.Cut(strings.TrimRight(string(decoded), "\x00"), ":")
		}
		if password == "" {
			continue
		}
		for _, address := range registryOf(key) {
			l.access = append(l.access, chart.Access{URL: address, Username: user, Password: password})
		}
	}
	return nil
}

// registryOf gives the addresses that a key of a registry configuration stands for: a host, with a path or without, or what Docker
// calls its own registry.
func registryOf(key string) []string {
	_, rest, schemed := strings.Cut(key, "://")
	if !schemed {
		rest = key
	}
	host, path, _ := strings.Cut(strings.TrimRight(rest, "/"), "/")
	if path == "v1" || path == "v2" {
		path = ""
	}
	hosts := []string{host}
	if host == "index.docker.io" || host == "docker.io" {
		hosts = []string{"docker.io", "registry-1.docker.io"}
	}
	var out []string
	for _, host := range hosts {
		out = append(out, strings.TrimRight("oci://"+host+"/"+path, "/"))
	}
	return out
}

// readLogin reads a file of credentials; false if it is not there. A parser's words would repeat what is in it. A relative name is what
// is left without a home: the folder at hand may be anybody's, and says nothing of whom to trust.
func readLogin(file string, into any, parse func([]byte, any) error) (bool, error) {
	if !filepath.IsAbs(file) {
		return false, nil
	}
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fault.New(fault.CredentialsRefused, "the credentials for charts cannot be read: %w", err)
	case len(data) == 0:
		return false, nil
	case parse(data, into) != nil:
		return false, fault.New(fault.CredentialsRefused, "the credentials for charts cannot be read: %s is not what Helm or Docker writes", file).
			WithNext("mend it, or name another one by HELM_REPOSITORY_CONFIG, HELM_REGISTRY_CONFIG or DOCKER_CONFIG")
	}
	return true, nil
}

// advise says how a person gives a credential for an address that asked for another one; the agent's way is a Secret.
func (l logins) advise(err error, repo string) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Reason != fault.CredentialsRefused {
		return err
	}
	next := "log in with `helm repo add NAME " + repo + " --username USER --password-stdin`, which is for you; the agent needs a Secret in charts of the Repo or App"
	if host, isRegistry := strings.CutPrefix(repo, "oci://"); isRegistry {
		if u, err := url.Parse(repo); err == nil {
			host = u.Host
		}
		next = "log in with `helm registry login " + host + "`, which is for you; the agent needs a Secret in charts of the Repo or App"
		if l.helper != "" {
			next += "; " + l.helper + " leaves credentials to a helper program, which plumb does not run"
		}
	}
	return f.WithNext("%s", next)
}
