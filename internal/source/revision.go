package source

import (
	"regexp"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// Kind says what a revision named.
type Kind string

// The kinds of a Head.
const (
	Branch Kind = "branch"
	Tag    Kind = "tag"
	Exact  Kind = "commit" // a full commit id
	Ref    Kind = "ref"    // a full ref outside refs/heads and refs/tags, or a HEAD on no branch
)

// Head is what a revision means now.
type Head struct {
	Commit string `json:"commit"`        // 40 hex digits, tags peeled
	Ref    string `json:"ref,omitempty"` // full name, "refs/heads/main"; "" for Exact
	Kind   Kind   `json:"kind"`
}

var commitID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// checkRevision refuses before any question to a server what no ref can be called. "" and HEAD mean the default branch.
func checkRevision(revision string) error {
	switch {
	case revision == "" || revision == "HEAD":
		return nil
	case isRange(revision):
		return nil
	case !validRef(revision):
		return fault.New(fault.RevisionNotFound, "%q cannot be the name of a branch or tag", clip(revision)).WithCode(CodeRevisionInvalid).
			WithNext("write a branch, a tag, a full commit id, a full ref, or a range of versions such as v1.x")
	}
	return nil
}

// maxRef bounds the name of a ref, in bytes.
const maxRef = 1024

// validRef tells whether a name may be a ref, by the rules of git-check-ref-format(1), with two more: it does not begin with
// '-', and it is at most 1024 bytes long.
func validRef(name string) bool {
	if name == "" || len(name) > maxRef || name[0] == '-' || name == "@" ||
		strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte("~^:?*[\\", c) >= 0 {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// clip keeps a name that a user wrote short enough for a sentence.
func clip(name string) string {
	if len(name) > 80 {
		return strings.ToValidUTF8(name[:80], "") + "…"
	}
	return name
}

// advert is what a server said that it has.
type advert struct {
	head   string // the branch that HEAD names, full; "" if none was told
	refs   map[string]string
	peeled map[string]string // annotated tag → commit
}

// pick finds what a revision means among what the server has.
func (a *advert) pick(revision string) (Head, error) {
	switch {
	case revision == "" || revision == "HEAD":
		return a.pickDefault()
	case strings.HasPrefix(revision, "refs/"):
		if commit, ok := a.commit(revision); ok {
			return Head{Commit: commit, Ref: revision, Kind: kindOf(revision)}, nil
		}
		return Head{}, a.notFound(revision)
	}
	branch, tag := "refs/heads/"+revision, "refs/tags/"+revision
	onBranch, isBranch := a.commit(branch)
	onTag, isTag := a.commit(tag)
	if versions, ok := rangeOf(revision); ok {
		if named := (isBranch || isTag); !named || len(a.matching(versions)) > 0 {
			return a.pickVersion(versions, named)
		}
	}
	switch {
	case isBranch && isTag:
		return Head{}, fault.New(fault.Ambiguous, "revision %q is both a branch and a tag", revision).WithNext("write %s or %s", branch, tag)
	case isBranch:
		return Head{Commit: onBranch, Ref: branch, Kind: Branch}, nil
	case isTag:
		return Head{Commit: onTag, Ref: tag, Kind: Tag}, nil
	}
	return Head{}, a.notFound(revision)
}

func (a *advert) pickDefault() (Head, error) {
	commit, ok := a.commit("HEAD")
	switch {
	case ok && a.head != "":
		return Head{Commit: commit, Ref: a.head, Kind: kindOf(a.head)}, nil
	case ok:
		return Head{Commit: commit, Ref: "HEAD", Kind: Ref}, nil
	case len(a.refs) == 0:
		return Head{}, fault.New(fault.RevisionNotFound, "the repository is empty").WithNext("push a first commit")
	}
	return Head{}, fault.New(fault.RevisionNotFound, "the repository has no default branch that exists%s", a.some()).WithNext("set revision")
}

// commit gives the commit of a ref, tags peeled.
func (a *advert) commit(ref string) (string, bool) {
	if peeled, ok := a.peeled[ref]; ok {
		return peeled, true
	}
	commit, ok := a.refs[ref]
	return commit, ok
}

func kindOf(ref string) Kind {
	switch {
	case strings.HasPrefix(ref, "refs/heads/"):
		return Branch
	case strings.HasPrefix(ref, "refs/tags/"):
		return Tag
	}
	return Ref
}

var shortID = regexp.MustCompile(`^[0-9a-f]{4,39}$`)

func (a *advert) notFound(revision string) error {
	f := fault.New(fault.RevisionNotFound, "there is no branch or tag %q", clip(revision))
	if strings.HasPrefix(revision, "refs/") {
		f = fault.New(fault.RevisionNotFound, "there is no ref %q", clip(revision))
	}
	switch near := a.nearest(revision); {
	case len(a.refs) == 0:
		return f.WithNext("the repository is empty: push a first commit")
	case shortID.MatchString(revision):
		return f.WithNext("a commit is written with all of its 40 digits")
	case len(near) > 0:
		return f.WithNext("did you mean %s?", strings.Join(near, " or "))
	}
	return f.WithNext("set revision to a branch or tag that exists%s", a.some())
}

// some lists a few branches, for a person who has to choose.
func (a *advert) some() string {
	var names []string
	for ref := range a.refs {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	more := ""
	if len(names) > 5 {
		names, more = names[:5], ", …"
	}
	return " (" + clean(strings.Join(names, ", ")) + more + ")"
}

// maxNear bounds how many names are compared for a suggestion: comparing is quadratic in their length.
const maxNear = 5000

// nearest gives at most three names within a third of the revision's length of edits, the nearest first. Full refs are
// compared with full refs.
func (a *advert) nearest(revision string) []string {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	compared := 0
	limit := max(1, min(len(revision)/3, 4))
	full := strings.HasPrefix(revision, "refs/")
	for ref := range a.refs {
		name := ref
		if !full {
			name = strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
		}
		if ref == "HEAD" || len(name)-len(revision) > limit || len(revision)-len(name) > limit {
			continue
		}
		if compared++; compared > maxNear {
			break
		}
		if far := edits(name, revision); far <= limit {
			found = append(found, candidate{name, far})
		}
	}
	slices.SortFunc(found, func(x, y candidate) int {
		if x.far != y.far {
			return x.far - y.far
		}
		return strings.Compare(x.name, y.name)
	})
	var names []string
	for _, c := range found[:min(3, len(found))] {
		names = append(names, clean(c.name))
	}
	return slices.Compact(names)
}

// edits is the Levenshtein distance in bytes, upper and lower case being the same.
func edits(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
