package chart

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"plumb.dev/plumb/internal/fault"
)

// Media types of a chart in a registry. https://helm.sh/docs/topics/registries/
const (
	configType  = "application/vnd.cncf.helm.config.v1+json"
	archiveType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// Limits of what a registry says.
const (
	maxManifest = 1 << 20 // bytes
	maxTagPages = 200
)

// inRegistry looks a Ref up in a registry: its tag, or the newest tag of the range, then the manifest by its digest.
func (s *Store) inRegistry(ctx context.Context, want Want) (found, error) {
	repository, err := s.registry(want)
	if err != nil {
		return found{}, err
	}
	tag, err := tagOf(ctx, repository, want.Ref)
	if err != nil {
		return found{}, ofRegistry(want.Ref, err)
	}
	at, err := repository.Resolve(ctx, strings.ReplaceAll(tag, "+", "_")) // a tag holds no "+"
	if err != nil {
		return found{}, ofRegistry(want.Ref, err)
	}
	layer, err := layerOf(ctx, repository, at)
	if err != nil {
		return found{}, ofRegistry(want.Ref, err)
	}
	return found{
		version: tag, digest: layer.Digest.Encoded(), manifest: at.Digest.String(),
		archive: func(ctx context.Context) ([]byte, error) {
			data, err := content.FetchAll(ctx, repository, layer) // verifies size and digest
			if err != nil {
				return nil, ofRegistry(want.Ref, err)
			}
			return data, nil
		},
	}, nil
}

// registry opens the repository of a chart, with the credential that is bound to its address.
func (s *Store) registry(want Want) (*remote.Repository, error) {
	address := strings.TrimRight(want.Ref.Repo, "/") + "/" + want.Ref.Name
	u, err := parse(address)
	if err != nil {
		return nil, err
	}
	repository, err := remote.NewRepository(u.Host + u.Path)
	if err != nil {
		return nil, unsafe("the address of the chart is not one of a registry")
	}
	access, listed := accessFor(want.Access, address)
	transport, err := s.transport(access, listed)
	if err != nil {
		return nil, err
	}
	client := &auth.Client{
		Client: &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: noDowngrade},
		Cache:  auth.NewCache(), Header: http.Header{"User-Agent": {"plumb"}},
	}
	if user, password := access.credential(); user != "" || password != "" {
		client.Credential = auth.StaticCredential(repository.Reference.Host(), auth.Credential{Username: user, Password: password})
	}
	if listed || s.options.Private {
		client.BlockedRealmPrefixes = []netip.Prefix{} // the token service may be where the registry is
	}
	repository.Client = client
	// As docker does: a registry on this machine is asked without TLS, unless authorities for it are given.
	repository.PlainHTTP = loopback(u.Hostname()) && len(access.CA) == 0
	repository.ManifestMediaTypes = []string{ocispec.MediaTypeImageManifest}
	repository.TagListMaxPages, repository.MaxMetadataBytes = maxTagPages, maxManifest
	return repository, nil
}

// noDowngrade follows a redirect, but never from https to http.
func noDowngrade(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return errors.New("the registry redirects too often")
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("the registry redirects from https to " + req.URL.Scheme)
	}
	return nil
}

// tagOf gives the version that is meant, as the chart writes it.
func tagOf(ctx context.Context, repository *remote.Repository, ref Ref) (string, error) {
	if ref.Exact() {
		return strings.TrimSpace(ref.Version), nil
	}
	var list []offered
	err := repository.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			list = append(list, offered{Version: strings.ReplaceAll(tag, "_", "+")})
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	one, err := choose(list, ref)
	if err != nil {
		return "", err
	}
	if one == nil {
		return "", none(ref, list)
	}
	return one.Version, nil
}

// layerOf reads a manifest, checked against its digest, and gives the layer that is the chart's archive.
func layerOf(ctx context.Context, repository *remote.Repository, at ocispec.Descriptor) (ocispec.Descriptor, error) {
	var none ocispec.Descriptor
	if at.MediaType != ocispec.MediaTypeImageManifest || at.Size > maxManifest {
		return none, fault.New(fault.FetchFailed, "what lies there is not a Helm chart, but %s", shorten(at.MediaType))
	}
	data, err := content.FetchAll(ctx, repository, at)
	if err != nil {
		return none, err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return none, fault.New(fault.FetchFailed, "the manifest of the chart is not JSON")
	}
	if manifest.Config.MediaType != configType {
		return none, fault.New(fault.FetchFailed, "what lies there is not a Helm chart, but %s", shorten(manifest.Config.MediaType))
	}
	for _, layer := range manifest.Layers {
		switch {
		case layer.MediaType != archiveType:
		case layer.Size > maxArchive:
			return none, fault.New(fault.RenderLimit, "the archive of the chart is larger than %d MiB", maxArchive>>20).WithCode("CHART_TOO_LARGE")
		case !digestText.MatchString(layer.Digest.String()):
			return none, fault.New(fault.FetchFailed, "the manifest of the chart names its archive by a digest that is not sha256")
		default:
			return layer, nil
		}
	}
	return none, fault.New(fault.FetchFailed, "the manifest names no archive of a chart")
}

// ofRegistry turns what a registry or oras says into a fault.
func ofRegistry(ref Ref, err error) error {
	var known *fault.Fault
	if errors.As(err, &known) {
		return known
	}
	address := strings.TrimRight(ref.Repo, "/") + "/" + ref.Name
	var answer *errcode.ErrorResponse
	switch {
	case errors.As(err, &answer) && answer.StatusCode != http.StatusNotFound:
		return refusedBy(address, answer.StatusCode, "chart")
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return refusedBy(address, http.StatusUnauthorized, "chart")
	case errors.Is(err, errdef.ErrNotFound), answer != nil:
		f := fault.New(fault.RevisionNotFound, "there is no chart %s at %s", ref, shown(address))
		if strings.HasSuffix(ref.Repo, "/"+ref.Name) {
			f = f.WithNext("the name is added to the address: write repo: %s", strings.TrimSuffix(ref.Repo, "/"+ref.Name))
		}
		return f
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), errors.Is(err, content.ErrInvalidDescriptorSize):
		return fault.New(fault.FetchFailed, "%s is not what the registry says that it is: %w", address, err).WithCode("CHART_DIGEST")
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return unreachable(address, err)
}
