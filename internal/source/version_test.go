package source

import (
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
)

// advertOf makes what a server tells of refs; each gets a commit of its own.
func advertOf(refs ...string) *advert {
	a := &advert{refs: map[string]string{}, peeled: map[string]string{}}
	for i, ref := range refs {
		a.refs[ref] = commitOf(i)
	}
	return a
}

func commitOf(i int) string { return strings.Repeat(string(rune('a'+i)), 40) }

func TestVersions(t *testing.T) {
	tags := advertOf("refs/heads/main", "refs/tags/v0.9.0", "refs/tags/v1.2.0", "refs/tags/v1.10.0", "refs/tags/v1.9.3", "refs/tags/v2.0.0-rc.1",
		"refs/tags/1.11", "refs/tags/2025", "refs/tags/nightly", "refs/tags/cart/v3.0.0", "refs/tags/cart/v3.1.0", "refs/tags/v1.99.x")
	for _, test := range []struct {
		revision string
		want     string // the ref
		reason   string
	}{
		{"v1.x", "refs/tags/v1.10.0", "ten is more than nine"},
		{"1.x", "refs/tags/v1.10.0", "the letter v is no part of a version"},
		{"1.*", "refs/tags/v1.10.0", "a star"},
		{">=1.2 <1.10", "refs/tags/v1.9.3", "two bounds"},
		{">=1.2, <1.10", "refs/tags/v1.9.3", "with a comma"},
		{"~1.9", "refs/tags/v1.9.3", "a tilde"},
		{"^1.2", "refs/tags/v1.10.0", "a caret"},
		{"1.2 - 1.9.2", "refs/tags/v1.2.0", "a hyphen"},
		{"0.x || 1.2.x", "refs/tags/v1.2.0", "or"},
		{"*", "refs/tags/v1.10.0", "everything: no pre-release, no date, no half version"},
		{">=1.0.0-0", "refs/tags/v2.0.0-rc.1", "a pre-release if the range names one"},
		{"cart/v3.x", "refs/tags/cart/v3.1.0", "the tags of one part of the repository"},
		{"v1.2.0", "refs/tags/v1.2.0", "a tag is no range"},
	} {
		head, err := tags.pick(test.revision)
		if err != nil || head.Ref != test.want || head.Kind != Tag || head.Commit != tags.refs[test.want] {
			t.Errorf("%q is %+v (%v), want %s: %s", test.revision, head, err, test.want, test.reason)
		}
	}
}

func TestVersionsRefused(t *testing.T) {
	for _, test := range []struct {
		refs     []string
		revision string
		want     fault.Reason
		text     string
		reason   string
	}{
		{[]string{"refs/tags/v0.9.0", "refs/tags/v1.0.0", "refs/tags/v3.0.0", "refs/tags/v4.0.0"}, "2.x", fault.RevisionNotFound, "v0.9.0, v1.0.0, v3.0.0, v4.0.0", "the nearest"},
		{[]string{"refs/tags/v2.0.0-rc.1"}, "2.x", fault.RevisionNotFound, "v2.0.0-rc.1 is a pre-release", "a pre-release is not taken silently"},
		{[]string{"refs/heads/main", "refs/tags/2025"}, "1.x", fault.RevisionNotFound, "no tag of this repository is one", "a year is no version"},
		{[]string{"refs/heads/1.x", "refs/tags/v1.0.0"}, "1.x", fault.Ambiguous, "refs/heads/1.x", "a branch is called as the range is written"},
		{[]string{"refs/tags/v1.0.0", "refs/tags/1.0.0"}, "1.x", fault.Ambiguous, "1.0.0 and v1.0.0", "one version, two commits"},
		{nil, "1.x", fault.RevisionNotFound, "", "an empty repository"},
		{[]string{"refs/heads/main"}, "refs/heads/1.x", fault.RevisionNotFound, "refs/heads/1.x", "a full ref is no range"},
	} {
		_, err := advertOf(test.refs...).pick(test.revision)
		if f := fault.Of(err, ""); f == nil || f.Reason != test.want || !strings.Contains(f.Error(), test.text) {
			t.Errorf("%q of %q gives %v, want %s with %q: %s", test.revision, test.refs, err, test.want, test.text, test.reason)
		}
	}
	for _, test := range []struct {
		refs     []string
		revision string
		want     string
		reason   string
	}{
		{[]string{"refs/heads/1.x", "refs/tags/v2.0.0"}, "1.x", "refs/heads/1.x", "a branch, and no version is in the range"},
		{[]string{"refs/tags/v1.0.0+a", "refs/tags/v1.0.0+b"}, "1.x", "refs/tags/v1.0.0+b", "builds of one version: the last by name"},
	} {
		if head, err := advertOf(test.refs...).pick(test.revision); err != nil || head.Ref != test.want {
			t.Errorf("%q of %q is %+v (%v), want %s: %s", test.revision, test.refs, head, err, test.want, test.reason)
		}
	}
	for _, revision := range []string{"main~1", "a=b", "--upload-pack=touch /tmp/x", "v1.2", "release-1.x", "refs/tags/v1.x"} {
		if isRange(revision) {
			t.Errorf("%q is taken for a range", revision)
		}
	}
}

func TestFollows(t *testing.T) {
	for _, test := range []struct {
		revision, current, moved string
		want                     bool
	}{
		{"main", "refs/heads/main", "refs/heads/main", true},
		{"main", "refs/heads/main", "refs/heads/other", false},
		{"main", "", "refs/tags/main", true},
		{"", "refs/heads/main", "refs/heads/main", true},
		{"", "refs/heads/main", "refs/heads/other", false},
		{"", "", "refs/heads/other", true},
		{"v1.x", "refs/tags/v1.0.0", "refs/tags/anything", true},
		{"v1.x", "refs/tags/v1.0.0", "refs/heads/main", false},
		{"v1.x", "refs/heads/v1.x", "refs/heads/v1.x", true},
		{"refs/pull/7/head", "refs/pull/7/head", "refs/pull/7/head", true},
		{strings.Repeat("a", 40), "", "refs/heads/main", false},
	} {
		if got := Follows(test.revision, test.current, test.moved); got != test.want {
			t.Errorf("%q at %q after %q moved: %v, want %v", test.revision, test.current, test.moved, got, test.want)
		}
	}
}
