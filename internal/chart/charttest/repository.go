package charttest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Options choose what a server asks for.
type Options struct {
	TLS      bool
	User     string // "" = everybody may read
	Password string
}

// Repository is an HTTP chart repository on loopback.
type Repository struct {
	URL string
	CA  []byte // PEM, if it speaks TLS

	mu       sync.Mutex
	charts   map[string][]published
	archives map[string][]byte
	broken   http.Handler
	requests []string // path, and "+auth" where a credential came
	tag      int      // of the index
}

type published struct{ version, digest, url string }

// NewRepository serves an empty chart repository until the test ends.
func NewRepository(t T, options Options) *Repository {
	t.Helper()
	r := &Repository{charts: map[string][]published{}, archives: map[string][]byte{}}
	r.URL, r.CA = serve(t, options, http.HandlerFunc(r.serve))
	return r
}

// serve starts a server that asks for a credential.
func serve(t T, options Options, handler http.Handler) (address string, ca []byte) {
	t.Helper()
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if options.User != "" && (user != options.User || subtle.ConstantTimeCompare([]byte(password), []byte(options.Password)) != 1) {
			w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
	server := httptest.NewUnstartedServer(guarded)
	server.Config.ErrorLog = nil
	if options.TLS {
		server.StartTLS()
		ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL, ca
}

// Publish adds a version, with its true digest.
func (r *Repository) Publish(name, version string, archive []byte) {
	sum := sha256.Sum256(archive)
	r.PublishAs(name, version, hex.EncodeToString(sum[:]), archive)
}

// PublishAs adds a version with any digest, or none.
func (r *Repository) PublishAs(name, version, digest string, archive []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	file := "charts/" + name + "-" + version + ".tgz"
	r.archives["/"+file] = archive
	r.charts[name] = append(r.charts[name], published{version, digest, file})
	r.tag++
}

// Point has the index name another address for the newest version of a chart.
func (r *Repository) Point(name, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.charts[name]
	list[len(list)-1].url = address
	r.tag++
}

// Break has every request answered by another handler; nil mends it.
func (r *Repository) Break(handler http.Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = handler
}

// Requests gives the paths that were asked for so far, and forgets them. "+auth" follows one that came with a credential.
func (r *Repository) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.requests
	r.requests = nil
	return all
}

func (r *Repository) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	line := req.URL.Path
	if req.Header.Get("Authorization") != "" {
		line += "+auth"
	}
	r.requests = append(r.requests, line)
	broken, etag, index, archive := r.broken, fmt.Sprintf("%q", fmt.Sprint(r.tag)), r.index(), r.archives[req.URL.Path]
	r.mu.Unlock()
	switch {
	case broken != nil:
		broken.ServeHTTP(w, req)
	case req.URL.Path == "/index.yaml" && req.Header.Get("If-None-Match") == etag:
		w.WriteHeader(http.StatusNotModified)
	case req.URL.Path == "/index.yaml":
		w.Header().Set("ETag", etag)
		_, _ = w.Write([]byte(index))
	case archive != nil:
		_, _ = w.Write(archive)
	default:
		http.NotFound(w, req)
	}
}

// index writes index.yaml as `helm repo index` does.
func (r *Repository) index() string {
	var out strings.Builder
	out.WriteString("apiVersion: v1\nentries:\n")
	for name, list := range r.charts {
		fmt.Fprintf(&out, "  %s:\n", name)
		for _, p := range list {
			fmt.Fprintf(&out, "  - apiVersion: v2\n    created: \"2026-01-01T00:00:00Z\"\n    description: |\n      a chart\n      entries: none\n    digest: %s\n    name: %s\n    urls:\n    - %s\n    version: %s\n", p.digest, name, p.url, p.version)
		}
	}
	out.WriteString("generated: \"2026-01-01T00:00:00Z\"\n")
	return out.String()
}
