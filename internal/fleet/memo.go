package fleet

import (
	"encoding/json"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// memo is what a Result keeps for the next Discover: the placement of each folder, under the hash of the folder. All
// else that a placement depends on is in context.
type memo struct {
	context string
	tree    string // hash of the root
	folders map[string]remembered
}

type remembered struct {
	hash   string
	placed placement
}

// recall prepares the memo of this run and gives that of the run before, if it is about the same question.
// Without a Hasher, or when it fails, there is no memo and everything is read.
func (d *discovery) recall() *memo {
	hasher, ok := d.in.Tree.(Hasher)
	if !ok {
		return nil
	}
	tree, err := hasher.Hash(".")
	if err != nil {
		return nil
	}
	d.hasher = hasher
	d.result.memo = &memo{context: d.context(), tree: tree, folders: map[string]remembered{}}
	if d.in.Previous == nil || d.in.Previous.memo == nil || d.in.Previous.memo.context != d.result.memo.context {
		return nil
	}
	return d.in.Previous.memo
}

// context gives a digest of everything but the folders that decides what they become.
func (d *discovery) context() string {
	question, err := json.Marshal(struct {
		Apps            []v1alpha1.Pattern
		Clusters        []Cluster
		Offline         bool
		Repo, Namespace string
		Root            []byte
	}{d.in.Apps, d.in.Clusters, d.in.Offline, d.in.Repo, d.in.Namespace, d.root.bytes})
	if err != nil {
		return "" // texts always marshal
	}
	return object.DigestBytes(question)
}

// remember gives the placement of a folder that did not change; look makes it otherwise.
func (d *discovery) remember(before *memo, dir string, look func() (placement, error)) (placement, error) {
	if d.hasher == nil {
		return look()
	}
	hash, err := d.hasher.Hash(dir)
	if err != nil {
		return placement{}, &unreadable{err}
	}
	if before != nil {
		if known, ok := before.folders[dir]; ok && known.hash == hash {
			d.result.memo.folders[dir] = known
			return known.placed, nil
		}
	}
	placed, err := look()
	if err == nil && len(placed.faults) == 0 { // a fault may speak of the folders beside it
		d.result.memo.folders[dir] = remembered{hash: hash, placed: placed}
	}
	return placed, err
}
