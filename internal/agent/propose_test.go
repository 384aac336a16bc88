package agent

import (
	"slices"
	"testing"

	"plumb.dev/plumb/internal/revert"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// A branch that an earlier try has pushed is told of as it stands, whatever has come to the tracked branch since.
func TestARevertIsToldAsItWasPushed(t *testing.T) {
	const web = "apps/web/web.yaml"
	clash := []string{web}
	for _, row := range []struct {
		reason        string
		before, after string // the file on the tracked branch at the first try, and at the second; "" is as the bad commit has it
		mended        string // the file on the pushed branch, by a person
		first, second []string
	}{
		{"nothing has come", "", "", "", nil, nil},
		{"the same lines were changed after it was pushed: the branch takes them back", "", "image: 3", "", nil, nil},
		{"they were changed before: the branch has an empty commit", "image: 3", "", "", clash, clash},
		{"and still has after they were changed back", "image: 3", "image: 2", "", clash, clash},
		{"until a person mends it", "image: 3", "image: 4", "image: 1", clash, nil},
	} {
		t.Run(row.reason, func(t *testing.T) {
			origin := sourcetest.NewRepo(t)
			write := func(branch, text string) string {
				if text == "" {
					return origin.Git("rev-parse", "refs/heads/"+branch)
				}
				return origin.Commit(branch, text, sourcetest.File(web, text+"\n"))
			}
			good, bad := write("main", "image: 1"), write("main", "image: 2")
			mirror, err := source.Open(t.TempDir(), source.Remote{URL: origin.URL(), AllowLocal: true}, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer mirror.Close()
			p := &proposal{
				mirror: mirror, change: revert.Change{App: "web", Address: "web", Bad: bad, Good: good, ChangedBy: []string{bad}},
				own: func(string, bool) bool { return true },
			}
			pushed := func(tip string) source.Reversed {
				if err := mirror.Fetch(t.Context(), source.Head{Commit: tip, Ref: "refs/heads/main", Kind: source.Branch}); err != nil {
					t.Fatal(err)
				}
				made, err := p.push(t.Context(), tip)
				if err != nil {
					t.Fatal(err)
				}
				return made
			}
			if made := pushed(write("main", row.before)); !slices.Equal(made.Conflicts, row.first) {
				t.Errorf("the first try: conflicts in %v, want %v", made.Conflicts, row.first)
			}
			write(p.change.Branch(), row.mended)
			stands := origin.Git("rev-parse", "refs/heads/"+p.change.Branch())
			made := pushed(write("main", row.after))
			if !slices.Equal(made.Conflicts, row.second) || !slices.Equal(made.Paths, []string{web}) {
				t.Errorf("the second try: conflicts in %v of %v, want %v", made.Conflicts, made.Paths, row.second)
			}
			if now := origin.Git("rev-parse", "refs/heads/"+p.change.Branch()); now != stands {
				t.Errorf("the branch moved from %s to %s", stands, now)
			}
		})
	}
}
