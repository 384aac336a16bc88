package cluster

import (
	"strconv"

	"plumb.dev/plumb/internal/object"
)

// Add takes in an object that came.
func (k *kindFacts) Add(o any) error { return k.put(o) }

// Update takes in an object that changed.
func (k *kindFacts) Update(o any) error { return k.put(o) }

// Delete drops an object that went, or that lost our label.
func (k *kindFacts) Delete(o any) error {
	s, ok := k.reduce(o).(*seen)
	if !ok {
		return nil
	}
	id := k.id(s)
	k.mu.Lock()
	k.told(s.fact.Version)
	old, known := k.byID[id]
	known = known && !after(old.Version, s.fact.Version) // what we applied since then is not gone
	if known {
		delete(k.byID, id)
	}
	k.mu.Unlock()
	if known {
		k.facts.changed(id)
	}
	return nil
}

// Replace takes in a whole list as of a version. What is not in it is gone, but for what we applied after it. A list
// that is older than what the watch has told is of an API server that was restored from a backup: only it counts.
func (k *kindFacts) Replace(list []any, version string) error {
	next := make(map[object.ID]Fact, len(list))
	for _, o := range list {
		if s, ok := k.reduce(o).(*seen); ok {
			next[k.id(s)] = s.fact
		}
	}
	k.mu.Lock()
	restored := after(k.last, version)
	var news []object.ID
	for id, old := range k.byID {
		if !restored && after(old.Version, version) {
			next[id] = old
		}
		if _, ok := next[id]; !ok {
			news = append(news, id)
		}
	}
	for id, fact := range next {
		if old, ok := k.byID[id]; !ok || old != fact {
			news = append(news, id)
		}
	}
	k.byID, k.last = next, version
	clear(k.answered)
	k.mu.Unlock()
	k.once.Do(func() { close(k.synced) })
	for _, id := range news {
		k.facts.changed(id)
	}
	return nil
}

// Resync does nothing: there is nothing to repeat.
func (k *kindFacts) Resync() error { return nil }

func (k *kindFacts) put(o any) error {
	s, ok := k.reduce(o).(*seen)
	if !ok {
		return nil
	}
	id := k.id(s)
	k.mu.Lock()
	k.told(s.fact.Version)
	old, known := k.byID[id]
	if known && after(old.Version, s.fact.Version) {
		k.mu.Unlock()
		return nil // we know better, from the answer to our own apply
	}
	k.byID[id] = s.fact
	k.mu.Unlock()
	if !known || old != s.fact {
		k.facts.changed(id)
	}
	return nil
}

// told notes how far the watch has come. The caller holds the lock.
func (k *kindFacts) told(version string) {
	if !notAfter(version, k.last) {
		k.last = version
	}
}

func (k *kindFacts) id(s *seen) object.ID {
	return object.ID{Group: k.gk.Group, Kind: k.gk.Kind, Namespace: s.Namespace, Name: s.Name}
}

// after tells whether resourceVersion a is later than b. Versions are decimal numbers that only grow (KEP-5504); what is
// no number is not compared: then neither after nor notAfter is true.
func after(a, b string) bool {
	x, y, ok := versions(a, b)
	return ok && x > y
}

func notAfter(a, b string) bool {
	x, y, ok := versions(a, b)
	return ok && x <= y
}

func versions(a, b string) (x, y uint64, ok bool) {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	return x, y, errA == nil && errB == nil
}
