package repos

import (
	"context"
	"errors"

	"plumb.dev/plumb/internal/source"
)

// open makes the mirror, with the credentials as they are now. Where they cannot be had the mirror still gives what was
// read before.
func (r *Repository) open(ctx context.Context) (*source.Mirror, error) {
	remote, unknown := r.remote(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mirror != nil {
		if unknown != nil {
			return r.mirror, unknown
		}
		return r.mirror, r.mirror.Renew(remote)
	}
	mirror, err := source.Open(r.of.options.Folder, remote, source.Options{Scope: r.at.Namespace + "/" + r.at.Secret})
	if err != nil {
		return nil, errors.Join(unknown, err)
	}
	r.mirror = mirror
	return mirror, unknown
}

// remote gives the address with its credentials.
func (r *Repository) remote(ctx context.Context) (source.Remote, error) {
	remote := source.Remote{URL: r.at.URL, AllowLocal: r.of.options.AllowLocal}
	if r.at.Secret == "" {
		return remote, nil
	}
	values, err := r.of.options.Secret(ctx, r.at.Namespace, r.at.Secret)
	if err != nil {
		return remote, err
	}
	remote.Token, remote.Username, remote.Password, remote.CA = values["token"], values["username"], values["password"], []byte(values["ca.crt"])
	remote.Identity, remote.KnownHosts = values["identity"], values["known_hosts"]
	return remote, nil
}

func (r *Repository) close() error {
	r.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mirror == nil {
		return nil
	}
	return r.mirror.Close()
}
