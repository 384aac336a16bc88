package agent

import (
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
}

// claimant is what is known of one app's wishes.
type claimant struct {
	uid     string
	decided string // the commit that its wishes are of; "" before the first
	offered string // the newest commit that it was offered
	applied bool   // all its wishes were applied
	ids     map[object.ID]bool
}

func newClaims() *claims {
	return &claims{apps: map[types.NamespacedName]*claimant{}, want: map[object.ID]map[types.NamespacedName]bool{}}
}

// live makes an app known.
func (c *claims) live(key types.NamespacedName, uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.apps[key]; ok && have.uid == uid {
		return
	}
	c.drop(key)
	c.apps[key] = &claimant{uid: uid}
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
		delete(c.want[id], key)
	}
	delete(c.apps, key)
}

// offer notes that an app was offered a commit and has not decided on it.
func (c *claims) offer(key types.NamespacedName, commit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.apps[key]; ok {
		have.offered = commit
	}
}

// decided tells whether an app has given its word on a commit.
func (c *claims) decided(key types.NamespacedName, commit string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	return !ok || have.decided == commit
}

// decide notes what an app wants at a commit. It tells whether that differs from before.
func (c *claims) decide(key types.NamespacedName, commit string, ids map[object.ID]bool) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	if !ok {
		return false
	}
	news = have.decided != commit
	have.decided, have.offered = commit, commit
	for id := range have.ids {
		if !ids[id] {
			delete(c.want[id], key)
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

// still notes that an app wants at a commit what it wanted before. It tells whether that is news.
func (c *claims) still(key types.NamespacedName, commit string) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.apps[key]
	if !ok || have.decided == "" {
		return false
	}
	news = have.decided != commit
	have.decided, have.offered = commit, commit
	return news
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
		p.LivingApps[have.uid] = true
		byUID[have.uid] = have
		if other != key && have.decided != have.offered {
			p.Undecided[have.uid] = other.Namespace + "/" + other.Name
		}
	}
	for _, id := range ids {
		for other := range c.want[id] {
			if other == key {
				continue
			}
			have := c.apps[other]
			p.Wanted[id] = plan.Claim{App: other.Namespace + "/" + other.Name, UID: have.uid, Applied: have.applied}
		}
		owner := plan.OwnerUID(p.Live[id].Owner)
		if have := byUID[owner]; have != nil && have.decided != "" && have.decided == have.offered && !have.ids[id] {
			p.GivenUp[id] = owner
		}
	}
}
