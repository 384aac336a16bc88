package source

import (
	"container/list"
	"sync"
)

// cache keeps what was read most recently, bounded in bytes. Objects never change, so nothing in it grows old.
type cache struct {
	mu    sync.Mutex
	limit int64
	used  int64
	order *list.List // of *cached, the most recent first
	byID  map[string]*list.Element
}

type cached struct {
	id    string
	value any
	cost  int64
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, order: list.New(), byID: map[string]*list.Element{}}
}

func (c *cache) get(id string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached).value, true
}

// put keeps a value of about cost bytes, unless it alone would take more than an eighth of the whole.
func (c *cache) put(id string, value any, cost int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cost > c.limit/8 || c.byID[id] != nil {
		return
	}
	c.byID[id] = c.order.PushFront(&cached{id, value, cost})
	for c.used += cost; c.used > c.limit; {
		oldest := c.order.Back()
		c.used -= oldest.Value.(*cached).cost
		delete(c.byID, oldest.Value.(*cached).id)
		c.order.Remove(oldest)
	}
}
