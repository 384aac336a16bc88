package render

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Questions about the cluster and the release.
const (
	askKube    = "kubeVersion"
	askHas     = "has "
	askUpgrade = "isUpgrade"
)

// Recorded is a render that was done: what was asked for, what was read, and how it ended. It is a value that may be
// stored; Cache does.
type Recorded struct {
	Version  int          `json:"version"`
	Key      string       `json:"key"` // Request.Key of the request
	Manifest Manifest     `json:"manifest"`
	Failure  *fault.Fault `json:"failure,omitempty"` // the render failed, and will again while nothing changes
}

// Record makes a Recorded from what Render was given and gave.
func Record(req Request, m Manifest) *Recorded {
	return &Recorded{Version: Version, Key: req.Key(), Manifest: m}
}

// RecordFailure is Record for a render that failed. It is nil if the inputs alone were not the cause (a timeout, a child
// that died, a caller who gave up, a submodule that cannot be fetched now): that must be tried again.
func RecordFailure(req Request, m Manifest, err error) *Recorded {
	failure := fault.Of(err, fault.RenderFailed)
	if err == nil || m.Version != Version || !errors.As(err, new(*fault.Fault)) || failure.Reason.OfSource() {
		return nil
	}
	return &Recorded{Version: Version, Key: req.Key(), Manifest: m, Failure: failure}
}

// Outline gives a copy without the objects: all that Unchanged needs, for those who keep many.
func (rec *Recorded) Outline() *Recorded {
	outline := *rec
	outline.Manifest.Objects = nil
	return &outline
}

// Key gives a digest of everything in a Request but the sources and the cluster, and of the versions of the tools.
func (req Request) Key() string {
	data, err := json.Marshal(struct {
		Version   int
		Tools     string
		Source    string
		Path      string
		Render    string
		Plain     any
		Helm      any
		Kustomize any
		Chart     *File
		Charts    []Dependency
		Values    []File
		Set       []string
		Release   string
		Namespace string
	}{Version, toolVersions(), req.Source, path.Clean(req.Path), req.Render, req.Plain, req.Helm, req.Kustomize, req.Chart, req.Dependencies, req.Values, req.Set, req.Release, req.Namespace})
	if err != nil {
		return "" // settings that are not JSON cannot be rendered either
	}
	return hashBytes(data)
}

// Unchanged tells whether a request would give what was recorded: the same settings and tools, and each read and question
// answered as it was. It is exact in one direction: true is certain, false only costs a render. Where the sources know
// hashes it asks for one per folder that was read.
func (rec *Recorded) Unchanged(req Request) bool {
	if rec.Version != Version || rec.Key == "" || rec.Key != req.Key() {
		return false
	}
	for _, q := range rec.Manifest.Questions {
		if answer, ok := answerOf(q.Ask, req.Capabilities, req.Upgrade); !ok || answer != q.Answer {
			return false
		}
	}
	sources, _, err := req.sources()
	if err != nil {
		return false
	}
	same := map[location]bool{}
	for _, c := range rec.Manifest.Covers {
		hash, ok := hashOf(sources[c.Source], c.Path)
		same[location{c.Source, c.Path}] = ok && hash == c.Hash && hash != ""
	}
	for _, read := range rec.Manifest.Reads {
		if !covered(same, read) && !stillReads(sources[read.Source], read) {
			return false
		}
	}
	return true
}

// covered tells whether a folder above a read is known to be the same.
func covered(same map[location]bool, read Read) bool {
	if len(same) == 0 {
		return false
	}
	for dir := read.Path; ; dir = path.Dir(dir) {
		if same[location{read.Source, dir}] && (dir != read.Path || read.Kind == ReadDir) {
			return true
		}
		if dir == "." || dir == "/" {
			return false
		}
	}
}

// Same tells whether two trees give the same answer to what was read, whatever that is: of a folder its names alone.
func (r Read) Same(before, after fs.FS) bool {
	was, known := hashOf(Source{FS: before}, r.Path)
	is, still := hashOf(Source{FS: after}, r.Path)
	if known && still && was == is {
		return true
	}
	return r.answer(before) == r.answer(after)
}

// answer asks a tree what was read.
func (r Read) answer(tree fs.FS) string {
	switch r.Kind {
	case ReadDir:
		if entries, err := fs.ReadDir(tree, r.Path); err == nil {
			return hashNames(entries)
		}
	case ReadStat:
		if info, err := fs.Stat(tree, r.Path); err == nil && info.IsDir() {
			return ReadDir
		} else if err == nil {
			return ReadFile
		}
	case ReadLink:
		if linked, ok := tree.(fs.ReadLinkFS); ok {
			if text, err := linked.ReadLink(r.Path); err == nil {
				return hashBytes([]byte(text))
			}
		}
	default:
		if hash, ok := hashOf(Source{FS: tree}, r.Path); ok {
			return hash
		}
		if data, err := fs.ReadFile(tree, r.Path); err == nil {
			return hashBytes(data)
		}
	}
	return ""
}

// stillReads asks one read again.
func stillReads(source Source, read Read) bool {
	switch {
	case source.FS == nil:
		return false
	case read.Hash == "":
		return !exists(source.FS, read.Path)
	case read.Kind == ReadFile && strings.HasPrefix(read.Hash, "sha256:"):
		data, err := fs.ReadFile(source.FS, read.Path)
		return err == nil && hashBytes(data) == read.Hash
	case read.Kind == ReadFile:
		hash, ok := hashOf(source, read.Path)
		return ok && hash == read.Hash
	case read.Kind == ReadDir:
		entries, err := fs.ReadDir(source.FS, read.Path)
		return err == nil && hashNames(entries) == read.Hash
	case read.Kind == ReadLink:
		linked, ok := source.FS.(fs.ReadLinkFS)
		if !ok {
			return false
		}
		text, err := linked.ReadLink(read.Path)
		return err == nil && hashBytes([]byte(text)) == read.Hash
	}
	info, err := fs.Stat(source.FS, read.Path)
	return err == nil && info.IsDir() == (read.Hash == ReadDir)
}

func exists(fsys fs.FS, name string) bool {
	if h, ok := fsys.(Hasher); ok {
		_, err := h.Hash(name)
		return !absent(err)
	}
	if linked, ok := fsys.(fs.ReadLinkFS); ok {
		_, err := linked.Lstat(name)
		return !absent(err)
	}
	_, err := fs.Stat(fsys, name)
	return !absent(err)
}

// hashOf asks a source that knows hashes.
func hashOf(source Source, name string) (string, bool) {
	h, ok := source.FS.(Hasher)
	if !ok {
		return "", false
	}
	hash, err := h.Hash(name)
	return hash, err == nil
}

// answerOf answers a question about the cluster or the release.
func answerOf(ask string, capabilities Capabilities, upgrade bool) (string, bool) {
	if capabilities == nil {
		capabilities = Builtin{}
	}
	switch {
	case ask == askKube:
		return capabilities.KubeVersion(), true
	case ask == askUpgrade:
		return strconv.FormatBool(upgrade), true
	case strings.HasPrefix(ask, askHas):
		return strconv.FormatBool(capabilities.Has(strings.TrimPrefix(ask, askHas))), true
	}
	return "", false
}

// covers chooses the folders whose hashes stand for the reads: the app's own, and those that hold at least two other reads.
func covers(sources map[string]Source, app location, reads []Read) []Cover {
	count := map[location]int{}
	for _, read := range reads {
		dir := location{read.Source, path.Dir(read.Path)}
		if read.Source == app.source && (app.path == "." || read.Path == app.path || strings.HasPrefix(read.Path, app.path+"/")) {
			dir = app
		}
		count[dir]++
	}
	var chosen []Cover
	for at, n := range count {
		if n < 2 || at.path == "." && at != app {
			continue // one lookup saves nothing; the root changes with every commit
		}
		if hash, ok := hashOf(sources[at.source], at.path); ok && hash != "" {
			chosen = append(chosen, Cover{Source: at.source, Path: at.path, Hash: hash})
		}
	}
	slices.SortFunc(chosen, func(a, b Cover) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Path, b.Path))
	})
	return chosen
}
