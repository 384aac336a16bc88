// Package dial opens the forge that an access names, with the adapter of its kind.
//
// Accesses with the same credential at the same forge share one rate limit: what a forge asks of one of them all of them
// obey. What was opened is given again for the same access, with its connections. The package never asks a forge anything
// itself, and keeps no credential but inside of what it opened.
//
// Start at Forges.
package dial

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/gitea"
	"plumb.dev/plumb/internal/forge/github"
	"plumb.dev/plumb/internal/forge/gitlab"
)

// Forges opens forges. The zero value is ready, and safe for concurrent use.
type Forges struct {
	// Wrap, if it is set, sees every request of every forge that is opened.
	Wrap func(http.RoundTripper) http.RoundTripper

	mu     sync.Mutex
	gates  map[digest]*forge.Gate
	opened map[digest]forge.Forge
}

type digest [sha256.Size]byte

func digestOf(parts ...string) digest { return sha256.Sum256([]byte(strings.Join(parts, "\x00"))) }

// Open gives the forge of an access.
func (f *Forges) Open(access forge.Access) (forge.Forge, error) {
	if access.Token.IsZero() && access.App.IsZero() {
		return nil, fault.New(fault.CredentialsRefused, "there is no credential for the forge at %s", access.URL).
			WithNext("write a token into the Secret that spec.forge names")
	}
	if !access.App.IsZero() && access.Kind != forge.GitHub {
		return nil, fault.New(fault.CredentialsRefused, "only GitHub has Apps, and the forge is %s", access.Kind).WithNext("write a token into the Secret")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := digestOf(string(access.Kind), access.URL, access.Repository, access.Token.Reveal(), access.App.ID, access.App.Key.Reveal(), string(access.CA))
	if there, ok := f.opened[key]; ok {
		return there, nil
	}
	access.Wrap = f.Wrap
	opened, err := open(access, f.gate(access))
	if err != nil {
		return nil, err
	}
	if f.opened == nil {
		f.opened = map[digest]forge.Forge{}
	}
	f.opened[key] = opened
	return opened, nil
}

func open(access forge.Access, gate *forge.Gate) (forge.Forge, error) {
	switch access.Kind {
	case forge.GitHub:
		return given(github.New(access, gate))
	case forge.GitLab:
		return given(gitlab.New(access, gate))
	case forge.Gitea:
		return given(gitea.New(access, gate))
	}
	return nil, fault.New(fault.Unsupported, "%q is no kind of forge", access.Kind).WithNext("write github, gitlab or gitea")
}

// given keeps a nil pointer from becoming a forge.
func given[F forge.Forge](f F, err error) (forge.Forge, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// gate gives the gate of a credential. f.mu is held.
func (f *Forges) gate(access forge.Access) *forge.Gate {
	key := digestOf(access.URL, access.Token.Reveal(), access.App.ID)
	if f.gates == nil {
		f.gates = map[digest]*forge.Gate{}
	}
	if f.gates[key] == nil {
		f.gates[key] = &forge.Gate{}
	}
	return f.gates[key]
}
