package source

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"plumb.dev/plumb/internal/fault"
)

// versions is a range of semantic versions, as a revision may be: "v1.x", ">=1.2 <2", "~1.4". The part before the last slash
// is a prefix that the tags bear, as where one repository has the releases of many parts: "cart/v1.x".
type versions struct {
	written string
	prefix  string // of tags, with its slash; "" is none
	allows  *semver.Constraints
}

// release is a tag that is a semantic version.
type release struct {
	tag     string // without refs/tags/
	version *semver.Version
	commit  string
}

// isRange tells whether a revision is a range of versions. A name without any sign of a range, such as "v1.2", is the name
// of a branch or tag.
func isRange(revision string) bool {
	_, ok := rangeOf(revision)
	return ok
}

func rangeOf(revision string) (versions, bool) {
	slash := strings.LastIndex(revision, "/") + 1
	prefix, written := revision[:slash], revision[slash:]
	if !strings.ContainsAny(written, "<>=~^*|,") && !wildcard.MatchString(written) && !strings.Contains(written, " - ") {
		return versions{}, false
	}
	if strings.HasPrefix(prefix, "refs/") || prefix != "" && !validRef(prefix+"x") {
		return versions{}, false
	}
	allows, err := semver.NewConstraint(written)
	return versions{written: revision, prefix: prefix, allows: allows}, err == nil
}

var (
	wildcard = regexp.MustCompile(`^[vV]?\d+(\.\d+)?\.[xX]$`)
	// full is a version with all of its three numbers (semver.org, point 2): "2024" or "1.2" may be anything.
	full = regexp.MustCompile(`^[vV]?\d+\.\d+\.\d+([-+].*)?$`)
)

// releases lists the tags that are versions, oldest version first; of equal ones in the order of their names.
func (a *advert) releases(prefix string) []release {
	var all []release
	for ref := range a.refs {
		tag, isTag := strings.CutPrefix(ref, "refs/tags/")
		name, mine := strings.CutPrefix(tag, prefix)
		if !isTag || !mine || !full.MatchString(name) {
			continue
		}
		version, err := semver.NewVersion(name)
		if err != nil {
			continue
		}
		commit, _ := a.commit(ref)
		all = append(all, release{tag, version, commit})
	}
	slices.SortFunc(all, func(x, y release) int { return cmp.Or(x.version.Compare(y.version), cmp.Compare(x.tag, y.tag)) })
	return all
}

// matching lists the releases in a range. Pre-releases are in it only if the range names one.
func (a *advert) matching(v versions) []release {
	return slices.DeleteFunc(a.releases(v.prefix), func(r release) bool { return !v.allows.Check(r.version) })
}

// pickVersion gives the newest release in a range. named tells whether a branch or tag is called as the range is written.
func (a *advert) pickVersion(v versions, named bool) (Head, error) {
	found := a.matching(v)
	if len(found) == 0 {
		return Head{}, a.noVersion(v)
	}
	if named {
		return Head{}, fault.New(fault.Ambiguous, "revision %q is both a range of versions and the name of a branch or tag", v.written).
			WithNext("write refs/heads/%s for the branch, or the range with >= and <", v.written)
	}
	newest := found[len(found)-1]
	if n := len(found) - 2; n >= 0 && found[n].version.String() == newest.version.String() && found[n].commit != newest.commit {
		return Head{}, fault.New(fault.Ambiguous, "the newest version in %q has two tags, %s and %s, of different commits", v.written, found[n].tag, newest.tag).
			WithNext("remove one of them")
	}
	return Head{Commit: newest.commit, Ref: "refs/tags/" + newest.tag, Kind: Tag}, nil
}

// noVersion says which tags come near a range that has none.
func (a *advert) noVersion(v versions) error {
	f := fault.New(fault.RevisionNotFound, "no tag is a version in the range %q", clip(v.written))
	all := a.releases(v.prefix)
	if len(all) == 0 {
		return f.WithNext("tag a commit with a full version such as %sv1.2.0; no tag of this repository is one", v.prefix)
	}
	for _, r := range slices.Backward(all) {
		if r.version.Prerelease() == "" {
			continue
		}
		final, err := r.version.SetPrerelease("")
		if err == nil && v.allows.Check(&final) {
			return f.WithNext("%s is a pre-release, which only a range that names one takes: write -0 behind its version, as in >=%s-0", clean(r.tag), final.String())
		}
	}
	if finals := slices.DeleteFunc(slices.Clone(all), func(r release) bool { return r.version.Prerelease() != "" }); len(finals) > 0 {
		all = finals
	}
	return f.WithNext("the nearest are %s", clean(strings.Join(nearVersions(v, all), ", ")))
}

var number = regexp.MustCompile(`\d+(\.\d+)*`)

// nearVersions gives at most two tags below and two above the first number of a range.
func nearVersions(v versions, all []release) (tags []string) {
	at := len(all)
	if first, err := semver.NewVersion(number.FindString(v.written[len(v.prefix):])); err == nil {
		at, _ = slices.BinarySearchFunc(all, first, func(r release, first *semver.Version) int { return r.version.Compare(first) })
	}
	for _, r := range all[max(0, at-2):min(len(all), at+2)] {
		tags = append(tags, r.tag)
	}
	return tags
}

// Follows tells whether a revision may mean another commit after a full ref has moved. current is the full ref that the
// revision meant last; "" is not known.
func Follows(revision, current, moved string) bool {
	switch {
	case commitID.MatchString(revision):
		return false
	case revision == "" || revision == "HEAD":
		return current == "" || current == moved
	case strings.HasPrefix(revision, "refs/"):
		return revision == moved
	case isRange(revision) && strings.HasPrefix(moved, "refs/tags/"):
		return true
	}
	return moved == "refs/heads/"+revision || moved == "refs/tags/"+revision
}
