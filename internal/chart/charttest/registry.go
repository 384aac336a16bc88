package charttest

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/registry"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"encoding/json"
)

// Registry is an OCI registry on loopback.
type Registry struct {
	URL  string // oci://host:port
	Host string
	CA   []byte // PEM, if it speaks TLS

	options  Options
	broken   atomic.Pointer[http.HandlerFunc]
	requests atomic.Int64
	client   remote.Client
}

// NewRegistry serves an empty registry until the test ends.
func NewRegistry(t T, options Options) *Registry {
	t.Helper()
	r := &Registry{options: options}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	address, ca := serve(t, options, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		if broken := r.broken.Load(); broken != nil {
			(*broken)(w, req)
			return
		}
		inner.ServeHTTP(w, req)
	}))
	_, r.Host, _ = strings.Cut(address, "://")
	r.URL, r.CA = "oci://"+r.Host, ca
	client := &auth.Client{Client: clientFor(ca)}
	if options.User != "" {
		client.Credential = auth.StaticCredential(r.Host, auth.Credential{Username: options.User, Password: options.Password})
	}
	r.client = client
	return r
}

// Break has every request answered by another handler; nil mends it.
func (r *Registry) Break(handler http.HandlerFunc) {
	if handler == nil {
		r.broken.Store(nil)
		return
	}
	r.broken.Store(&handler)
}

// Requests counts what was asked so far.
func (r *Registry) Requests() int64 { return r.requests.Load() }

// Publish pushes a chart below a path, as `helm push` does. It gives the digest of the manifest.
func (r *Registry) Publish(t T, path, name, version string, archive []byte) string {
	t.Helper()
	return r.PublishAs(t, path+"/"+name, strings.ReplaceAll(version, "+", "_"), "application/vnd.cncf.helm.config.v1+json", archive)
}

// PublishAs pushes an artifact whose configuration is of any type.
func (r *Registry) PublishAs(t T, repository, tag, config string, archive []byte) string {
	t.Helper()
	to, err := remote.NewRepository(r.Host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	to.Client, to.PlainHTTP = r.client, !r.options.TLS
	push := func(mediaType string, data []byte) ocispec.Descriptor {
		at := content.NewDescriptorFromBytes(mediaType, data)
		if err := to.Push(context.Background(), at, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return at
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: push(config, []byte("{}")),
		Layers: []ocispec.Descriptor{push("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive)},
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	at := push(ocispec.MediaTypeImageManifest, data)
	if err := to.Tag(context.Background(), at, tag); err != nil {
		t.Fatal(err)
	}
	return at.Digest.String()
}
