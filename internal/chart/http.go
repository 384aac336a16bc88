package chart

import (
	"context"
	"net/http"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// found is what a repository says of a Ref: which version, and how to get it.
type found struct {
	version  string
	digest   string // of the archive in hex, "" where the repository does not say
	manifest string // sha256:… of the manifest in a registry
	etag     string // of the index
	same     bool   // the index is the one of the pin: nothing moved
	archive  func(context.Context) ([]byte, error)
}

// inRepository looks a Ref up in the index of an HTTP chart repository. etag is that of the index that was read last.
func (s *Store) inRepository(ctx context.Context, want Want, etag string) (found, error) {
	address := strings.TrimRight(want.Ref.Repo, "/") + "/index.yaml"
	a, err := s.get(ctx, address, want.Access, etag, maxIndex)
	switch {
	case err != nil:
		return found{}, err
	case a.status == http.StatusNotModified:
		return found{same: true, etag: etag}, nil
	case a.status != http.StatusOK:
		return found{}, refusedBy(address, a.status, "index.yaml")
	}
	list, err := versionsIn(a.body, want.Ref.Name)
	if err != nil {
		return found{}, err
	}
	one, err := choose(list, want.Ref)
	if err != nil {
		return found{}, err
	}
	if one == nil {
		return found{}, none(want.Ref, list)
	}
	from, err := archiveURL(want.Ref.Repo, one)
	if err != nil {
		return found{}, err
	}
	f := found{version: one.Version, digest: strings.TrimPrefix(strings.ToLower(one.Digest), "sha256:"), etag: a.etag}
	if strings.HasPrefix(from, ociScheme) { // an index may name archives in a registry
		inside, err := s.inRegistry(ctx, Want{Ref: referenceOf(from, one), Access: want.Access})
		if err != nil {
			return found{}, err
		}
		f.manifest, f.digest, f.archive = inside.manifest, inside.digest, inside.archive // the index's own digest is of no layer
		return f, nil
	}
	f.archive = func(ctx context.Context) ([]byte, error) {
		a, err := s.get(ctx, from, want.Access, "", maxArchive)
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusOK {
			return nil, refusedBy(from, a.status, "archive of "+one.Name+" "+one.Version)
		}
		return a.body, nil
	}
	return f, nil
}

// referenceOf reads oci://host/path/name:tag as an index writes it.
func referenceOf(address string, o *offered) Ref {
	slash := strings.LastIndex(address, "/")
	name, _, _ := strings.Cut(address[slash+1:], ":")
	return Ref{Repo: address[:slash], Name: name, Version: o.Version}
}

// wrongDigest says that bytes are not those that were promised.
func wrongDigest(what, promised, is string) error {
	return fault.New(fault.FetchFailed, "%s is not what it was said to be: its digest is sha256:%.12s…, not sha256:%.12s…", what, is, promised).
		WithCode("CHART_DIGEST").WithNext("what was fetched is not used; ask whoever publishes it what changed")
}
