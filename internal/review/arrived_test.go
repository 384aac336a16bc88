package review

import (
	"slices"
	"testing"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/report"
)

// What was merged is compared app by app with what the plan showed.
func TestUnlike(t *testing.T) {
	nothing := diff.Digest(nil, nil)
	reviewed := []report.PullApp{{Address: "cart/prod", Digest: "a"}, {Address: "web", Digest: "b"}, {Address: "idle", Digest: nothing}}
	cases := map[string]struct {
		reason string
		got    map[string]string
		want   []string
	}{
		"same":     {"what was shown has come, and an app whose files changed without effect need not be there", map[string]string{"cart/prod": "a", "web": "b"}, nil},
		"other":    {"another change of an app", map[string]string{"cart/prod": "x", "web": "b"}, []string{"cart/prod"}},
		"missing":  {"a change that was shown has not come", map[string]string{"web": "b"}, []string{"cart/prod"}},
		"more":     {"a change that nobody was shown", map[string]string{"cart/prod": "a", "web": "b", "pay": "c"}, []string{"pay"}},
		"no more":  {"an app whose files changed without effect", map[string]string{"cart/prod": "a", "web": "b", "pay": nothing}, nil},
		"in order": {"all of them are named, sorted", map[string]string{"pay": "c"}, []string{"cart/prod", "pay", "web"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := unlike(reviewed, c.got); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.reason, got, c.want)
			}
		})
	}
}

func TestArrivalStatus(t *testing.T) {
	if s := arrivalStatus("plumb", 7, nil); s.Context != "plumb/plan" || s.State != forge.Success || s.Description != "as reviewed in pull request 7" {
		t.Errorf("%+v", s)
	}
	if s := arrivalStatus("plumb", 7, []string{"cart/prod", "web"}); s.State != forge.Failure || s.Description != "not as reviewed in pull request 7: cart/prod, web" {
		t.Errorf("%+v", s)
	}
}
