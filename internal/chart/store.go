package chart

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/shelf"
)

// maxStore bounds the archives that are kept, in bytes: some thousand of usual size.
const maxStore = 512 << 20

// Options set up a Store. The zero value is right for an agent.
type Options struct {
	// Private lets every address be asked, also on a private network: for a person's own command.
	Private bool
	// Offline asks nobody: what is not in the store is Unreachable.
	Offline bool
}

// Store fetches charts, and keeps their archives under their digests. It is safe for concurrent use by one process.
type Store struct {
	archives *shelf.Shelf // by digest
	pins     *shelf.Shelf // what each Ref meant last; none is ever thrown away
	options  Options
}

// Open makes or opens a store in a folder of its own.
func Open(dir string, options Options) (*Store, error) {
	archives, err := shelf.Open(filepath.Join(dir, "archives"), maxStore)
	if err != nil {
		return nil, fmt.Errorf("open the store of charts: %w", err)
	}
	pins, err := shelf.Open(filepath.Join(dir, "pins"), 0)
	if err != nil {
		return nil, fmt.Errorf("open the store of charts: %w", err)
	}
	return &Store{archives: archives, pins: pins, options: options}, nil
}

// Want is a chart and how one is let in. Scope parts what must not be shared: who may not fetch a chart must not have it from the
// store either.
type Want struct {
	Ref    Ref
	Scope  string
	Access []Access
}

// Chart is an archive in the store.
type Chart struct {
	Ref      Ref
	Version  string // the exact one
	Digest   string // of the archive, hex sha256
	Manifest string // sha256:… in a registry, else ""
	At       time.Time

	file string
}

// pin is what a Ref meant when it was asked for last.
type pin struct {
	Version  string    `json:"version"`
	Digest   string    `json:"digest"`
	Manifest string    `json:"manifest,omitempty"`
	ETag     string    `json:"etag,omitempty"`
	At       time.Time `json:"at"`
}

// Known gives what a Ref meant last, without asking anybody.
func (s *Store) Known(scope string, ref Ref) (*Chart, bool) {
	p, ok := s.pinned(scope, ref)
	if !ok || !s.has(p.Digest) {
		return nil, false
	}
	return s.chart(ref, p), true
}

// Fetch gives the chart that a Ref means. An exact version that is in the store is not asked for again; of a range the repository
// is asked which version is the newest, and only that is fetched, if it is not here.
//
// Errors: UnsafeURL, InvalidSettings for the Ref; CredentialsRefused; RevisionNotFound, if the repository has no such chart or
// version; RenderLimit, if it is too large; FetchFailed for everything else, also for an archive that must not be used.
func (s *Store) Fetch(ctx context.Context, want Want) (*Chart, error) {
	if err := want.Ref.Check(); err != nil {
		return nil, err
	}
	if c, ok := s.Known(want.Scope, want.Ref); ok && (want.Ref.Exact() || s.options.Offline) {
		return c, nil
	}
	if s.options.Offline {
		return nil, fault.New(fault.Unreachable, "the chart %s of %s is not on this machine, and nobody is asked", want.Ref, shown(want.Ref.Repo)).
			WithNext("call it once with the network")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	before, _ := s.pinned(want.Scope, want.Ref)
	f, err := s.find(ctx, want, before)
	if err != nil {
		return nil, err
	}
	p, err := s.take(ctx, want.Ref, before, f)
	if err != nil {
		return nil, err
	}
	if err := s.setPin(want.Scope, want.Ref, p); err != nil {
		return nil, fault.New(fault.FetchFailed, "the chart cannot be kept: %w", err)
	}
	return s.chart(want.Ref, p), nil
}

// find asks the repository what a Ref means now.
func (s *Store) find(ctx context.Context, want Want, before pin) (found, error) {
	if want.Ref.oci() {
		return s.inRegistry(ctx, want)
	}
	etag := before.ETag
	if !s.has(before.Digest) {
		etag = "" // the answer must say where it is
	}
	return s.inRepository(ctx, want, etag)
}

// take brings the archive into the store, if it is not there.
func (s *Store) take(ctx context.Context, ref Ref, before pin, f found) (pin, error) {
	now := time.Now().UTC().Truncate(time.Second)
	switch {
	case f.same, before.Version == f.version && s.has(before.Digest):
		before.At, before.ETag = now, f.etag
		return before, nil // a version is one archive: that of its first day
	}
	// It is fetched also if an archive of that digest is here: whoever names a digest need not have the archive.
	data, err := f.archive(ctx)
	if err != nil {
		return pin{}, err
	}
	is := digest(data)
	what := ref.Name + " " + f.version
	switch {
	case f.digest != "" && f.digest != is:
		return pin{}, wrongDigest(what, f.digest, is)
	case ref.Digest != "" && ref.Digest != "sha256:"+is && ref.Digest != f.manifest:
		return pin{}, wrongDigest(what, ref.Digest[len("sha256:"):], is)
	case before.Version == f.version && before.Digest != is:
		return pin{}, wrongDigest(what, before.Digest, is)
	}
	if err := inspect(data, ref.Name, f.version); err != nil {
		return pin{}, err
	}
	return pin{Version: f.version, Digest: is, Manifest: f.manifest, ETag: f.etag, At: now}, s.keep(is, data)
}

func (s *Store) chart(ref Ref, p pin) *Chart {
	return &Chart{Ref: ref, Version: p.Version, Digest: p.Digest, Manifest: p.Manifest, At: p.At, file: s.archives.Path(p.Digest)}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (s *Store) has(digest string) bool { return digest != "" && s.archives.Has(digest) }

// readArchive gives an archive, if it still is what its name says. One that was damaged is thrown away.
func readArchive(file, want string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.FetchFailed, "the archive of the chart is gone from the store: %w", err)
	}
	if is := digest(data); is != want {
		_ = os.Remove(file)
		return nil, fault.New(fault.FetchFailed, "the archive of the chart was damaged in the store")
	}
	return data, nil
}

// keep writes an archive, and makes room for it. What goes is fetched again when it is needed, and must then be what it was.
func (s *Store) keep(digest string, data []byte) error {
	if err := s.archives.Put(digest, data); err != nil {
		return fault.New(fault.FetchFailed, "the chart cannot be kept: %w", err)
	}
	return nil
}

// pinFile names the file of a Ref's pin.
func pinFile(scope string, ref Ref) string {
	data, _ := json.Marshal([]string{scope, ref.Repo, ref.Name, ref.Version, ref.Digest})
	return digest(data) + ".json"
}

func (s *Store) pinned(scope string, ref Ref) (pin, bool) {
	data, err := s.pins.Read(pinFile(scope, ref))
	if err != nil {
		return pin{}, false
	}
	var p pin
	if json.Unmarshal(data, &p) != nil || len(p.Digest) != sha256.Size*2 || filepath.Base(p.Digest) != p.Digest {
		return pin{}, false
	}
	return p, true
}

func (s *Store) setPin(scope string, ref Ref, p pin) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.pins.Put(pinFile(scope, ref), data)
}
