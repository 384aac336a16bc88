package agent

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// claims knows which living app wants which object, so that a move between apps is a handover and never a delete.
type claims struct {
	mu   sync.Mutex
	apps map[types.NamespacedName]*claimant
	want map[object.ID]map[types.NamespacedName]bool
	// folders of a Repo that may be apps, and whose faults hide what they want
	folders map[types.NamespacedName][]*failing
}

// claimant is what is known of one app's wishes.
type claimant struct {
	uid     string               // of its App object; "" while that is only expected
	repo    types.NamespacedName // who is to make the App object, while it is expected
	heard   bool                 // it has said what it wants, for the first time in this life of the agent
	decided string               // the commit that its wishes are of
	offered string               // the newest commit that it was offered
	applied bool                 // all its wishes were applied
	ids     map[object.ID]bool
	failing *failing // nil unless what it wants of the commit cannot be known
}

// undecided tells whether it is not known what the app wants: it may want anything.
func (c *claimant) undecided() bool { return !c.heard || c.decided != c.offered }

func newClaims() *claims {
	return &claims{
		apps: map[types.NamespacedName]*claimant{}, want: map[object.ID]map[types.NamespacedName]bool{},
		folders: map[types.NamespacedName][]*failing{},
	}
}

// live makes an app known. One whose App object was expected keeps what it was offered.
func (c *claims) live(key types.NamespacedName, uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	switch {
	case ok && have.uid == uid:
	case ok && have.uid == "":
		have.uid = uid
	default:
		c.drop(key)
		c.apps[key] = &claimant{uid: uid}
	}
}

// gone forgets an app: what it wanted is free.
func (c *claims) gone(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key)
}

func (c *claims) drop(key types.NamespacedName) {
	have, ok := c.apps[key]
	if !ok {
		return
	}
	for id := range have.ids {
		c.unwant(id, key)
	}
	delete(c.apps, key)
}

func (c *claims) unwant(id object.ID, key types.NamespacedName) {
	delete(c.want[id], key)
	if len(c.want[id]) == 0 {
		delete(c.want, id)
	}
}

// offer notes that an app was offered a commit and has not decided on it.
func (c *claims) offer(key types.NamespacedName, commit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.apps[key]; ok {
		have.offered = commit
	}
}

// expect notes the apps that a Repo has at a commit, before their App objects are made: from then on one that moves an
// object to a new app waits for the word of that app. It tells whether an app is not expected any more that was.
func (c *claims) expect(repo types.NamespacedName, keys []types.NamespacedName, commit string) (fewer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, have := range c.apps {
		if have.uid == "" && have.repo == repo && !slices.Contains(keys, key) {
			c.drop(key)
			fewer = true
		}
	}
	for _, key := range keys {
		have, ok := c.apps[key]
		if !ok {
			have = &claimant{repo: repo}
			c.apps[key] = have
		}
		have.offered = commit
	}
	return fewer
}

// decided tells whether an app has given its word on a commit.
func (c *claims) decided(key types.NamespacedName, commit string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	return !ok || have.heard && have.decided == commit && have.failing == nil
}

// decide notes what an app wants at a commit. It tells whether that differs from before.
func (c *claims) decide(key types.NamespacedName, commit string, ids map[object.ID]bool) (news bool) {
	return c.word(key, commit, ids, nil)
}

// fails notes that what an app wants at a commit cannot be known: it counts with what it has. It tells whether that differs
// from before.
func (c *claims) fails(key types.NamespacedName, commit string, ids map[object.ID]bool, f *failing) (news bool) {
	return c.word(key, commit, ids, f)
}

func (c *claims) word(key types.NamespacedName, commit string, ids map[object.ID]bool, f *failing) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	if !ok {
		return false
	}
	news = have.undecided() || have.decided != commit || (have.failing == nil) != (f == nil)
	have.heard, have.decided, have.offered, have.failing = true, commit, commit, f
	for id := range have.ids {
		if !ids[id] {
			c.unwant(id, key)
			news, have.applied = true, false
		}
	}
	for id := range ids {
		if have.ids[id] {
			continue
		}
		if c.want[id] == nil {
			c.want[id] = map[types.NamespacedName]bool{}
		}
		c.want[id][key] = true
		news, have.applied = true, false
	}
	have.ids = ids
	return news
}

// still notes that an app wants at a commit what it wanted before. It tells whether that is known.
func (c *claims) still(key types.NamespacedName, commit string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	if !ok || !have.heard {
		return false
	}
	have.decided, have.offered, have.failing = commit, commit, nil
	return true
}

// done notes that all of an app's wishes were applied. It tells whether that is news.
func (c *claims) done(key types.NamespacedName, applied bool) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	if !ok {
		return false
	}
	news = have.applied != applied
	have.applied = applied
	return news
}

// picture fills in what the other living apps want.
func (c *claims) picture(key types.NamespacedName, p *plan.Picture, ids []object.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.LivingApps = make(map[string]bool, len(c.apps))
	p.Undecided = map[string]string{}
	p.Wanted = map[object.ID]plan.Claim{}
	p.GivenUp = map[object.ID]string{}
	byUID := make(map[string]*claimant, len(c.apps))
	for other, have := range c.apps {
		name := other.Namespace + "/" + other.Name
		uid := have.uid
		if uid == "" {
			uid = "expected " + name
		} else {
			p.LivingApps[uid] = true
			byUID[uid] = have
		}
		if other != key && have.undecided() {
			p.Undecided[uid] = name
		}
	}
	for _, id := range ids {
		owner := plan.OwnerUID(p.Live[id].Owner)
		if claim, ok := c.wanted(id, key, owner); ok {
			p.Wanted[id] = claim
		}
		if have := byUID[owner]; have != nil && !have.undecided() && !have.ids[id] {
			p.GivenUp[id] = owner
		}
	}
}

// wanted gives the other app that wants an object: the one that owns it, else the first by name.
func (c *claims) wanted(id object.ID, key types.NamespacedName, owner string) (claim plan.Claim, ok bool) {
	others := slices.SortedFunc(maps.Keys(c.want[id]), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	for _, other := range others {
		have := c.apps[other]
		if other == key || ok && have.uid != owner {
			continue
		}
		claim, ok = plan.Claim{App: other.Namespace + "/" + other.Name, UID: have.uid, Applied: have.applied}, true
	}
	return claim, ok
}
