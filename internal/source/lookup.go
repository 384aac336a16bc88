package source

import (
	"context"
	"errors"
	"io/fs"
	pathpkg "path"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Bounds of reading a tree. They keep what one commit can cost within reason; honest repositories are far below them.
const (
	maxLinks  = 40       // symlinks followed in one path, as the kernel does
	maxTarget = 4096     // bytes of a symlink's text
	maxTree   = 10 << 20 // bytes of one tree object
	keepBlob  = 256 << 10
)

// step is a folder on the way to a path, and its name in the folder above. The root of a submodule is in a tree of its own.
type step struct {
	name string
	id   string
	in   *Snapshot
}

// located is what a path names, and where: in another tree than the one that was asked, if it lies in a submodule.
type located struct {
	node
	in *Snapshot
	at string // its path in that tree
}

// lookup finds what a path names. Symlinks on the way are followed; the last element only if follow is set. To find a hash no
// submodule is fetched.
func (s *Snapshot) lookup(op, path string, follow bool) (located, error) {
	if !fs.ValidPath(path) {
		return located{}, &fs.PathError{Op: op, Path: path, Err: fs.ErrInvalid}
	}
	n, err := s.walk(path, follow, op != "hash")
	if err != nil {
		return located{}, &fs.PathError{Op: op, Path: path, Err: err}
	}
	n.name = pathpkg.Base(path)
	return n, nil
}

// walk goes from the root along a path. Where it meets a symlink the rest of the way is the link's text and what was left;
// where it meets a submodule and goes on, it goes on in that one's tree.
func (s *Snapshot) walk(path string, follow, fetch bool) (located, error) {
	way := way{{".", s.commit.tree, s}} // the folders down to where we stand
	rest := split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			if len(way) == 1 {
				return located{}, escapes(path, "leads out of the repository through a symlink")
			}
			way = way[:len(way)-1]
			continue
		}
		next, err := way.child(name, path)
		if err != nil {
			return located{}, err
		}
		if len(way) > s.m.options.MaxDepth {
			return located{}, tooDeep(path, s.m.options.MaxDepth)
		}
		switch {
		case next.mode == modeFolder:
			way = append(way, step{name, next.id, next.in})
		case next.mode == modeSymlink && (follow || len(rest) > 0):
			if links++; links > maxLinks {
				return located{}, escapes(path, "passes too many symlinks, or a circle of them").WithCode(CodeSymlinkLoop)
			}
			if rest, err = redirect(path, next, rest); err != nil {
				return located{}, err
			}
		case next.mode == modeSubmodule && len(rest) > 0:
			sub, err := next.in.enter(next.at, way.shown(name), next.node, fetch)
			if err != nil {
				return located{}, err
			}
			way = append(way, step{name, sub.commit.tree, sub})
		case len(rest) > 0:
			return located{}, fs.ErrNotExist
		default:
			return next, nil
		}
	}
	last := way[len(way)-1]
	return located{node{name: last.name, mode: modeFolder, id: last.id}, last.in, way.at("")}, nil
}

// way is the folders from the root down to where a walk stands.
type way []step

// child finds a name in the last folder of the way.
func (w way) child(name, path string) (located, error) {
	last := w[len(w)-1]
	nodes, err := last.in.tree(last.in.m.life, path, last.id)
	if err != nil {
		return located{}, err
	}
	next, ok := find(nodes, name)
	if !ok {
		return located{}, fs.ErrNotExist
	}
	return located{next, last.in, w.at(name)}, nil
}

// at gives the path of a name in the last folder, in the tree of that folder.
func (w way) at(name string) string {
	begin := len(w) - 1
	for begin > 0 && w[begin-1].in == w[begin].in {
		begin--
	}
	return w[begin+1:].path(name)
}

// shown gives the path of a name in the last folder, from the root of the repository.
func (w way) shown(name string) string { return w[1:].path(name) }

func (w way) path(name string) string {
	var names []string
	for _, s := range w {
		names = append(names, s.name)
	}
	return pathpkg.Join(pathpkg.Join(names...), name)
}

// redirect gives the rest of a way that met a symlink.
func redirect(path string, link located, rest []string) ([]string, error) {
	target, err := link.target(path)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(target, "/"):
		return nil, escapes(path, "passes a symlink with an absolute target")
	case target == "" || strings.Contains(target, "\x00"):
		return nil, escapes(path, "passes a symlink without a valid target")
	}
	return append(split(target), rest...), nil
}

// target reads the text of a symlink.
func (l located) target(path string) (string, error) {
	text, err := l.content(path, maxTarget)
	return string(text), err
}

// content reads a file or symlink of at most limit bytes. A fault names it by the path that was asked for.
func (l located) content(path string, limit int64) ([]byte, error) {
	content, err := l.in.m.blob(l.in.m.life, l.in, l.node, l.at, limit)
	return content, l.shownAs(path, err)
}

// shownAs has a fault name a path as it was asked for.
func (l located) shownAs(path string, err error) error {
	var f *fault.Fault
	if l.at != path && errors.As(err, &f) && f.Place.File == l.at {
		return f.At(fault.Place{File: path})
	}
	return err
}

// split gives the elements of a path, without empty ones and ".".
func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "" || part == "." })
}

func escapes(path, why string) *fault.Fault {
	return fault.New(fault.PathEscape, "the path %s", why).At(fault.Place{File: path}).
		WithNext("use a path, or a relative symlink, that stays inside the repository")
}

func tooDeep(path string, limit int) *fault.Fault {
	return fault.New(fault.RenderLimit, "the path has more than %d folders", limit).WithCode(CodeTreeTooDeep).At(fault.Place{File: path})
}

// tree reads and parses a tree object. Every tree of a commit that was fetched is here: a missing one is damage.
func (s *Snapshot) tree(ctx context.Context, path, id string) ([]node, error) {
	if kept, ok := s.m.cache.get(id); ok {
		if nodes, ok := kept.([]node); ok {
			return nodes, nil
		}
	}
	found, err := s.m.objects.info(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case found.missing:
		return nil, s.m.damaged(errLacks)
	case found.kind != "tree":
		return nil, treeInvalid(path, errKind)
	case found.size > maxTree:
		return nil, fault.New(fault.RenderLimit, "the folder's list of names is %d bytes long, more than %d", found.size, maxTree).
			WithCode(CodeTreeTooLarge).At(fault.Place{File: path})
	}
	content, err := s.m.objects.content(ctx, found)
	if err != nil {
		return nil, err
	}
	nodes, err := parseTree(content)
	if err != nil {
		return nil, treeInvalid(path, err)
	}
	s.m.cache.put(id, nodes, cost(nodes))
	return nodes, nil
}
