package agent

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

var (
	cart     = types.NamespacedName{Namespace: "plumb-system", Name: "cart"}
	books    = types.NamespacedName{Namespace: "plumb-system", Name: "ledger"}
	shopRepo = types.NamespacedName{Namespace: "plumb-system", Name: "fleet"}
	moved    = object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "moved"}
)

func want(ids ...object.ID) map[object.ID]bool { return idSet(ids) }

// seen is what a picture of cart says of the object that may move.
type seen struct {
	undecided bool // somebody may want it
	wanted    string
	applied   bool
	givenUp   bool
}

var handovers = []struct {
	reason string
	before func(c *claims)
	owner  string // of the object
	want   seen
}{
	{"an app that was just found has not said what it wants", func(c *claims) { c.live(books, "l") }, "", seen{undecided: true}},
	{"an app whose object is still to be made may want it", func(c *claims) {
		c.expect(shopRepo, []types.NamespacedName{cart, books}, "c2")
	}, "", seen{undecided: true}},
	{"and keeps what it was offered when it is made", func(c *claims) {
		c.expect(shopRepo, []types.NamespacedName{books}, "c2")
		c.live(books, "l")
		c.decide(books, "c1", want())
		c.offer(books, "c2")
	}, "", seen{undecided: true}},
	{"it is not expected any more", func(c *claims) {
		c.expect(shopRepo, []types.NamespacedName{books}, "c2")
		c.expect(shopRepo, nil, "c3")
	}, "", seen{}},
	{"another Repo's expectations stay", func(c *claims) {
		c.expect(shopRepo, []types.NamespacedName{books}, "c2")
		c.expect(types.NamespacedName{Name: "other"}, nil, "c3")
	}, "", seen{undecided: true}},
	{"decided, and does not want it", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c2", want())
	}, "", seen{}},
	{"decided without any commit, because Git cannot be read", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "", want())
	}, "", seen{}},
	{"offered a newer commit", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c1", want(moved))
		c.offer(books, "c2")
	}, "", seen{undecided: true, wanted: "l"}},
	{"which changes nothing for it", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c1", want(moved))
		c.done(books, true)
		c.offer(books, "c2")
		c.still(books, "c2")
	}, "", seen{wanted: "l", applied: true}},
	{"wants it, and has not applied all", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c2", want(moved))
	}, "", seen{wanted: "l"}},
	{"has applied all", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c2", want(moved))
		c.done(books, true)
	}, "plumb-system/ledger:l", seen{wanted: "l", applied: true}},
	{"had applied all, and wants it in addition", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c1", want())
		c.done(books, true)
		c.decide(books, "c2", want(moved))
	}, "", seen{wanted: "l"}},
	{"owns it and gives it up", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c1", want(moved))
		c.decide(books, "c2", want())
	}, "plumb-system/ledger:l", seen{givenUp: true}},
	{"owns it and may give it up", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c1", want())
		c.offer(books, "c2")
	}, "plumb-system/ledger:l", seen{undecided: true}},
	{"was deleted", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c2", want(moved))
		c.gone(books)
	}, "plumb-system/ledger:l", seen{}},
	{"was made anew: it is another app", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c2", want(moved))
		c.live(books, "l2")
		c.decide(books, "c2", want())
	}, "plumb-system/ledger:l", seen{}},
	{"of two that want it the owner counts", func(c *claims) {
		c.live(shopRepo, "f")
		c.decide(shopRepo, "c2", want(moved))
		c.live(books, "l")
		c.decide(books, "c2", want(moved))
		c.done(books, true)
	}, "plumb-system/ledger:l", seen{wanted: "l", applied: true}},
	{"of two that want it and do not own it the first by name", func(c *claims) {
		c.live(books, "l")
		c.decide(books, "c2", want(moved))
		c.live(shopRepo, "f")
		c.decide(shopRepo, "c2", want(moved))
	}, "", seen{wanted: "f"}},
}

func TestHandovers(t *testing.T) {
	for _, h := range handovers {
		t.Run(h.reason, func(t *testing.T) {
			c := newClaims()
			c.live(cart, "c")
			c.decide(cart, "c2", want())
			h.before(c)
			p := plan.Picture{Live: map[object.ID]plan.Live{moved: {Owner: h.owner}}}
			c.picture(cart, &p, []object.ID{moved})
			claim := p.Wanted[moved]
			got := seen{undecided: len(p.Undecided) > 0, wanted: claim.UID, applied: claim.Applied, givenUp: p.GivenUp[moved] != ""}
			if got != h.want {
				t.Errorf("seen %+v, want %+v", got, h.want)
			}
			if p.LivingApps[""] {
				t.Error("an app without an App object counts as living")
			}
		})
	}
}

func TestClaimsTellNews(t *testing.T) {
	c := newClaims()
	c.live(cart, "c")
	for i, step := range []struct {
		reason string
		do     func() bool
		want   bool
	}{
		{"the first word", func() bool { return c.decide(cart, "c1", want(moved)) }, true},
		{"the same again", func() bool { return c.decide(cart, "c1", want(moved)) }, false},
		{"a newer commit", func() bool { return c.decide(cart, "c2", want(moved)) }, true},
		{"other wishes", func() bool { return c.decide(cart, "c2", want()) }, true},
		{"all applied", func() bool { return c.done(cart, true) }, true},
		{"still", func() bool { return c.done(cart, true) }, false},
		{"one that nobody knows", func() bool { return c.decide(books, "c1", want(moved)) }, false},
		{"one that nobody knows has nothing to keep", func() bool { return c.still(books, "c1") }, false},
	} {
		if got := step.do(); got != step.want {
			t.Errorf("%d, %s: news %v", i, step.reason, got)
		}
	}
	c.gone(cart)
	if len(c.want) != 0 || len(c.apps) != 0 {
		t.Errorf("kept after all were gone: %v %v", c.want, c.apps)
	}
}
