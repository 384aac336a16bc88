package source

import (
	"context"
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

// step is a folder on the way to a path, and its name in the folder above.
type step struct {
	name string
	id   string
}

// lookup finds what a path names. Symlinks on the way are followed; the last element only if follow is set.
func (s *Snapshot) lookup(op, path string, follow bool) (node, error) {
	if !fs.ValidPath(path) {
		return node{}, &fs.PathError{Op: op, Path: path, Err: fs.ErrInvalid}
	}
	n, err := s.walk(path, follow)
	if err != nil {
		return node{}, &fs.PathError{Op: op, Path: path, Err: err}
	}
	n.name = pathpkg.Base(path)
	return n, nil
}

// walk goes from the root along a path. Where it meets a symlink the rest of the way is the link's text and what was left.
func (s *Snapshot) walk(path string, follow bool) (node, error) {
	way := []step{{".", s.commit.tree}} // the folders down to where we stand
	rest := split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			if len(way) == 1 {
				return node{}, escapes(path, "leads out of the repository through a symlink")
			}
			way = way[:len(way)-1]
			continue
		}
		next, err := s.child(way, name, path)
		if err != nil {
			return node{}, err
		}
		switch {
		case next.mode == modeFolder:
			if len(way) > s.m.options.MaxDepth {
				return node{}, tooDeep(path, s.m.options.MaxDepth)
			}
			way = append(way, step{name, next.id})
		case next.mode == modeSymlink && (follow || len(rest) > 0):
			if links++; links > maxLinks {
				return node{}, escapes(path, "passes too many symlinks, or a circle of them").WithCode(CodeSymlinkLoop)
			}
			if rest, err = s.redirect(path, next, rest); err != nil {
				return node{}, err
			}
		case len(rest) > 0 && next.mode == modeSubmodule:
			return node{}, submodule(path)
		case len(rest) > 0:
			return node{}, fs.ErrNotExist
		default:
			return next, nil
		}
	}
	last := way[len(way)-1]
	return node{name: last.name, mode: modeFolder, id: last.id}, nil
}

// child finds a name in the last folder of the way.
func (s *Snapshot) child(way []step, name, path string) (node, error) {
	nodes, err := s.tree(s.m.life, path, way[len(way)-1].id)
	if err != nil {
		return node{}, err
	}
	next, ok := find(nodes, name)
	if !ok {
		return node{}, fs.ErrNotExist
	}
	return next, nil
}

// redirect gives the rest of a way that met a symlink.
func (s *Snapshot) redirect(path string, link node, rest []string) ([]string, error) {
	target, err := s.target(path, link)
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
func (s *Snapshot) target(path string, link node) (string, error) {
	text, err := s.m.blob(s.m.life, s, link, path, maxTarget)
	return string(text), err
}

// split gives the elements of a path, without empty ones and ".".
func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "" || part == "." })
}

func escapes(path, why string) *fault.Fault {
	return fault.New(fault.PathEscape, "the path %s", why).At(fault.Place{File: path}).
		WithNext("use a path, or a relative symlink, that stays inside the repository")
}

func submodule(path string) *fault.Fault {
	return fault.New(fault.Unsupported, "the path leads into a git submodule, which is not supported").WithCode(CodeSubmodule).
		At(fault.Place{File: path}).WithNext("put the files into the repository itself")
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
