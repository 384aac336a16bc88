package forgetest

import (
	"crypto/sha1" //nolint:gosec // the ids of commits are what Git makes them
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"plumb.dev/plumb/internal/forge"
)

// Repo is as much of a Git repository as a fake of a forge needs: branches, commits, and what differs between them.
type Repo struct {
	mu       sync.Mutex
	commits  map[string]*commit
	branches map[string]string
}

type commit struct {
	parents []string
	files   map[string]string
}

// NewRepo makes a repository whose branch main has one commit.
func NewRepo() *Repo {
	r := &Repo{commits: map[string]*commit{}, branches: map[string]string{}}
	r.Push("main", "", map[string]string{"README.md": "hello\n"})
	return r
}

// Push commits files onto a branch, which begins at from if it is new; "" removes a file. It gives the commit.
func (r *Repo) Push(branch, from string, files map[string]string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	parent := r.branches[branch]
	if parent == "" {
		parent = r.branches[from]
	}
	now := map[string]string{}
	if parent != "" {
		maps.Copy(now, r.commits[parent].files)
	}
	for path, content := range files {
		if now[path] = content; content == "" {
			delete(now, path)
		}
	}
	var parents []string
	if parent != "" {
		parents = []string{parent}
	}
	r.branches[branch] = r.add(parents, now)
	return r.branches[branch]
}

// Take makes a commit that a real repository has the newest of a branch, which begins at main if it is new.
func (r *Repo) Take(branch, id string, files map[string]string) {
	r.Push(branch, "main", files)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commits[id], r.branches[branch] = r.commits[r.branches[branch]], id
}

func (r *Repo) add(parents []string, files map[string]string) string {
	sum := sha1.Sum([]byte(fmt.Sprint(len(r.commits), parents, files))) //nolint:gosec // as above
	id := hex.EncodeToString(sum[:])
	r.commits[id] = &commit{parents, files}
	return id
}

// Head gives the commit of a branch, "" if there is none.
func (r *Repo) Head(branch string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.branches[branch]
}

// Has tells whether there is such a commit.
func (r *Repo) Has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.commits[id] != nil
}

// Within tells whether a commit is another or one of its ancestors.
func (r *Repo) Within(id, of string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.ancestors(of), id)
}

// ancestors lists a commit and its ancestors, near ones first.
func (r *Repo) ancestors(id string) []string {
	list := []string{id}
	for i := 0; i < len(list); i++ {
		if c := r.commits[list[i]]; c != nil {
			for _, p := range c.parents {
				if !slices.Contains(list, p) {
					list = append(list, p)
				}
			}
		}
	}
	return list
}

func (r *Repo) base(one, other string) string {
	others := r.ancestors(other)
	for _, id := range r.ancestors(one) {
		if slices.Contains(others, id) {
			return id
		}
	}
	return ""
}

// Diff lists what a head changes against its merge base with a branch, sorted by path. A file that went and came again with
// the same content was renamed.
func (r *Repo) Diff(base, head string) []forge.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, after := r.filesOf(r.base(base, head)), r.filesOf(head)
	var out []forge.File
	gone := map[string]string{} // by content
	for path, content := range before {
		if _, ok := after[path]; !ok {
			gone[content] = path
		}
	}
	for path, content := range after {
		old, was := before[path]
		switch {
		case !was && gone[content] != "":
			out = append(out, forge.File{Path: path, Was: gone[content], Change: forge.Renamed})
			delete(gone, content)
		case !was:
			out = append(out, forge.File{Path: path, Change: forge.Added})
		case old != content:
			out = append(out, forge.File{Path: path, Change: forge.Modified})
		}
	}
	for _, path := range gone {
		out = append(out, forge.File{Path: path, Change: forge.Removed})
	}
	slices.SortFunc(out, func(a, b forge.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func (r *Repo) filesOf(id string) map[string]string {
	if c := r.commits[id]; c != nil {
		return c.files
	}
	return nil
}

// Conflicts tells whether both sides changed a file since they parted, each in its own way.
func (r *Repo) Conflicts(base, head string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.merged(base, head)
	return !ok
}

func (r *Repo) merged(base, head string) (map[string]string, bool) {
	root, ours, theirs := r.filesOf(r.base(base, head)), r.filesOf(base), r.filesOf(head)
	out := maps.Clone(ours)
	paths := maps.Clone(root)
	maps.Copy(paths, theirs)
	for path := range paths {
		switch {
		case theirs[path] == root[path] || theirs[path] == ours[path]:
		case ours[path] != root[path]:
			return nil, false
		case theirs[path] == "":
			delete(out, path)
		default:
			out[path] = theirs[path]
		}
	}
	return out, true
}

// Merge merges a head into a branch, with a merge commit or squashed into one. ok is false for a conflict.
func (r *Repo) Merge(branch, head string, squash bool) (id string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	files, ok := r.merged(r.branches[branch], head)
	if !ok {
		return "", false
	}
	parents := []string{r.branches[branch], head}
	if squash {
		parents = parents[:1]
	}
	r.branches[branch] = r.add(parents, files)
	return r.branches[branch], true
}
