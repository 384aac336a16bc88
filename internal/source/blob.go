package source

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"plumb.dev/plumb/internal/fault"
)

var (
	errLacks = errors.New("an object that every complete copy has is missing")
	errKind  = errors.New("an object is of another kind than its folder says")
)

// blob gives the content of a file or symlink of at most limit bytes, and keeps small ones. The caller must not change it.
func (m *Mirror) blob(ctx context.Context, s *Snapshot, n node, where string, limit int64) ([]byte, error) {
	if kept, ok := m.cache.get(n.id); ok {
		if content, ok := kept.([]byte); ok && int64(len(content)) <= limit {
			return content, nil
		}
	}
	found, err := m.blobInfo(ctx, s, n, where)
	if err != nil {
		return nil, err
	}
	if found.size > limit {
		return nil, fault.New(fault.RenderLimit, "the file is %d bytes long, more than %d", found.size, limit).
			WithCode(CodeFileTooLarge).At(fault.Place{File: where})
	}
	content, err := m.objects.content(ctx, found)
	if err != nil {
		return nil, err
	}
	if found.size <= keepBlob {
		m.cache.put(n.id, content, found.size+100)
	}
	return content, nil
}

// blobInfo tells the size of a file. One that was left on the server is fetched, together with all others of its folder that
// are missing: whoever reads one file of a folder reads the next.
func (m *Mirror) blobInfo(ctx context.Context, s *Snapshot, n node, where string) (found, error) {
	about, err := m.objects.info(ctx, n.id)
	if err == nil && about.missing {
		if !isFiltered(m.path) {
			return found{}, m.damaged(errLacks)
		}
		if err = m.fetchMissing(ctx, s.beside(where, n)); err == nil {
			about, err = m.objects.info(ctx, n.id)
		}
	}
	switch {
	case err != nil:
		return found{}, err
	case about.missing:
		return found{}, m.damaged(errLacks)
	case about.kind != "blob":
		return found{}, treeInvalid(where, errKind)
	}
	return about, nil
}

// beside gives a blob and those that lie in the same folder.
func (s *Snapshot) beside(where string, n node) []string {
	blobs := []string{n.id}
	folder, err := s.walk(path.Dir(where), true, false)
	if err != nil || folder.mode != modeFolder {
		return blobs
	}
	nodes, err := s.tree(s.m.life, where, folder.id)
	if err != nil {
		return blobs
	}
	for _, other := range nodes {
		if other.isBlob() && other.id != n.id {
			blobs = append(blobs, other.id)
		}
	}
	return blobs
}

func (n node) isBlob() bool { return !n.isFolder() }

// blobsUnder collects the blobs under some paths that may be missing, each once. What a symlink points to is not included: it
// has a path of its own, and a read of it is answered then.
func (s *Snapshot) blobsUnder(ctx context.Context, paths []string) (*walker, error) {
	w := &walker{s: s, ctx: ctx, seen: map[string]bool{}}
	for _, written := range paths {
		clean, err := CleanPath(written)
		if err != nil {
			return nil, err
		}
		n, err := s.walk(clean, true, false)
		if errors.Is(err, fs.ErrNotExist) || err == nil && n.in != s || isOfModule(err) {
			continue // a submodule is complete by itself
		}
		if err != nil {
			return nil, err
		}
		if err := w.add(clean, n.node, 0); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// maxBlobs bounds how many blobs one Complete asks for.
const maxBlobs = 1_000_000

// walker collects blobs. Trees and blobs that were met already are passed over, so that a tree that names one other many
// times costs no more than its objects; so are trees that are known to be complete.
type walker struct {
	s     *Snapshot
	ctx   context.Context
	seen  map[string]bool
	blobs []string
	trees []string // walked
}

func (w *walker) add(where string, n node, depth int) error {
	if w.seen[n.id] || n.mode == modeSubmodule {
		return nil
	}
	w.seen[n.id] = true
	switch {
	case n.isBlob():
		w.blobs = append(w.blobs, n.id)
		if len(w.blobs) > maxBlobs {
			return fault.New(fault.RenderLimit, "there are more than %d files under the paths in use", maxBlobs)
		}
		return nil
	case depth > w.s.m.options.MaxDepth:
		return tooDeep(where, w.s.m.options.MaxDepth)
	case w.s.m.isComplete(n.id):
		return nil
	}
	w.trees = append(w.trees, n.id)
	nodes, err := w.s.tree(w.ctx, where, n.id)
	if err != nil {
		return err
	}
	for _, child := range nodes {
		if err := w.add(path.Join(where, child.name), child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
