package forge_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

func TestAt(t *testing.T) {
	for _, test := range []struct {
		git, forge string
		wantForge  string
		wantRepo   string
	}{
		{"https://git.example.com/acme/fleet.git", "", "https://git.example.com", "acme/fleet"},
		{"https://git.example.com:8443/acme/fleet/", "", "https://git.example.com:8443", "acme/fleet"},
		{"http://127.0.0.1:3000/acme/fleet", "", "http://127.0.0.1:3000", "acme/fleet"},
		{"git@github.com:acme/fleet.git", "", "https://github.com", "acme/fleet"},
		{"ssh://git@git.example.com:2222/acme/team/fleet.git", "", "https://git.example.com", "acme/team/fleet"},
		{"ssh://git@ssh.example.com:2222/acme/fleet.git", "https://git.example.com/", "https://git.example.com", "acme/fleet"},
		{"https://example.com/gitea/acme/fleet.git", "https://example.com/gitea", "https://example.com/gitea", "acme/fleet"},
		{"file:///srv/git/fleet.git", "", "", ""},
		{"https://git.example.com/fleet.git", "", "", ""},
		{"https://git.example.com", "", "", ""},
	} {
		at, repository, err := forge.At(test.git, test.forge)
		if at != test.wantForge || repository != test.wantRepo || (err != nil) != (test.wantForge == "") {
			t.Errorf("%s: %q, %q, %v", test.git, at, repository, err)
		}
		if err != nil && !fault.Is(err, fault.UnsafeURL) {
			t.Errorf("%s: %v", test.git, err)
		}
	}
}

func TestLastWords(t *testing.T) {
	said := func(pairs ...string) (out []forge.Review) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, forge.Review{User: pairs[i], Verdict: forge.Verdict(pairs[i+1])})
		}
		return out
	}
	for _, test := range []struct {
		reason     string
		said, want []forge.Review
	}{
		{"nobody", nil, []forge.Review{}},
		{"the later word counts", said("a", "objected", "a", "approved"), said("a", "approved")},
		{"and the other way round", said("a", "approved", "a", "objected"), said("a", "objected")},
		{"a comment takes nothing back", said("a", "approved", "a", "commented"), said("a", "approved")},
		{"who was asked has answered", said("a", "asked", "a", "commented"), said("a", "commented")},
		{"who is asked again had said something", said("a", "approved", "a", "asked"), said("a", "approved")},
		{"a dismissed review is none", said("a", "objected", "a", ""), []forge.Review{}},
		{"people are sorted; a deleted account has no name", said("b", "approved", "", "approved", "a", "asked"), said("a", "asked", "b", "approved")},
	} {
		if diff := cmp.Diff(test.want, forge.LastWords(test.said)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestCut(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("ä", 100), strings.Repeat("a", 140), strings.Repeat("日", 47)} {
		got := forge.Cut(s, 140)
		if len(got) > 140 || !utf8.ValidString(got) || len(s) <= 140 && got != s || len(s) > 140 && !strings.HasSuffix(got, "…") {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestNote(t *testing.T) {
	n := forge.Note{Mark: "plan:fleet", Text: "a plan\n"}
	comments := []forge.Comment{
		{ID: 1, Author: "eve", Body: n.Body()}, {ID: 2, Author: "plumb", Body: "> " + n.Body()}, {ID: 3, Author: "plumb", Body: forge.Note{Mark: "other"}.Body()},
		{ID: 4, Author: "Plumb", Body: strings.ReplaceAll(n.Body(), "\n", "\r\n") + "\r\n"}, {ID: 5, Author: "plumb", Body: n.Body()},
	}
	own, found := n.In(comments, "plumb")
	if !found || own.ID != 4 || !n.Same(own) {
		t.Errorf("%+v, %v: the oldest of our own is 4, and says the same", own, found)
	}
	if _, found := n.In(comments[:3], "plumb"); found {
		t.Error("another's comment, a quotation or another mark was taken for ours")
	}
}

// No message of a fault holds a credential, whatever the forge says.
func TestTroubleHoldsNoSecret(t *testing.T) {
	access := forge.Access{URL: "https://git.example.com", Repository: "acme/fleet"}
	err := access.Trouble(forge.Answer{Doing: "do it", Status: 422, Said: strings.Repeat("long\n", 200)})
	if len(err.Error()) > 600 || strings.Contains(err.Error(), "\n") {
		t.Errorf("the forge's words are not one bounded line: %v", err)
	}
}
