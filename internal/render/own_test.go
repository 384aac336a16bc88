package render

import "testing"

func TestOwn(t *testing.T) {
	own := Own([]Read{
		{Path: "base/a.yaml", Kind: ReadFile}, {Path: "app", Kind: ReadDir},
		{Path: "app/kustomization.yml", Kind: ReadStat}, {Source: "config", Path: "values.yaml", Kind: ReadFile},
	}, []string{"apps/cart/plumb.yaml"}, []string{"broken"})
	for _, row := range []struct {
		reason, file string
		cameOrWent   bool
		want         bool
	}{
		{"read", "base/a.yaml", false, true},
		{"in a folder of which one file was read", "base/b.yaml", false, false},
		{"came into such a folder", "base/b.yaml", true, false},
		{"not read, in a folder that was listed", "app/README.md", false, false},
		{"came into a folder that was listed", "app/new.yaml", true, true},
		{"came with a folder of its own", "app/more/new.yaml", true, true},
		{"looked for, and came", "app/kustomization.yml", true, true},
		{"of another source", "values.yaml", false, false},
		{"settings", "apps/cart/plumb.yaml", false, true},
		{"below a folder that could not be rendered", "broken/a/b.yaml", false, true},
		{"beside it", "broken.yaml", false, false},
		{"of another app", "apps/other/a.yaml", true, false},
	} {
		if got := own(row.file, row.cameOrWent); got != row.want {
			t.Errorf("%s: %v", row.reason, got)
		}
	}
}
