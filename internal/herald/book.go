package herald

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/shelf"
)

// toldKept is how many statuses are remembered of a Repo: those of the commits before them are not touched any more.
const toldKept = 1000

// book remembers what was told and how the apps were then, in a file per Repo: after a start the apps come one by one, and
// what is known of only some of them is not how a commit went. What is not remembered is told again, which changes nothing.
type book struct {
	files *shelf.Shelf
	repos map[string]*chapter
}

// chapter is what is remembered of a Repo.
type chapter struct {
	Apps map[string]News `json:"apps"`
	Told map[string]told `json:"told"`
	Last int             `json:"last"` // number of the newest one told
}

// told is what was told of a subject last.
type told struct {
	word
	At     time.Time `json:"at"`
	Number int       `json:"number"`
}

// page is what a subject is called in a chapter.
func (s subject) page() string { return s.Commit + " " + s.Env }

// of gives what is remembered of a Repo, by this life or the one before.
func (b *book) of(repo string) *chapter {
	c := b.repos[repo]
	if c == nil {
		c = &chapter{}
		if data, err := b.files.Read(fileOf(repo)); err == nil && json.Unmarshal(data, c) != nil {
			c = &chapter{} // a broken one is none
		}
		if c.Apps == nil {
			c.Apps = map[string]News{}
		}
		if c.Told == nil {
			c.Told = map[string]told{}
		}
		b.repos[repo] = c
	}
	return c
}

// note keeps what was told.
func (b *book) note(s subject, w word, at time.Time) error {
	c := b.of(s.Repo)
	c.Last++
	c.Told[s.page()] = told{w, at, c.Last}
	if len(c.Told) > toldKept {
		pages := slices.SortedFunc(maps.Keys(c.Told), func(p, q string) int { return cmp.Compare(c.Told[p].Number, c.Told[q].Number) })
		for _, page := range pages[:len(pages)-toldKept] {
			delete(c.Told, page)
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return b.files.Put(fileOf(s.Repo), data)
}

func (b *book) forget(repo string) {
	delete(b.repos, repo)
	b.files.Remove(fileOf(repo))
}

// fileOf is the name of a Repo's file.
func fileOf(repo string) string {
	return object.DigestBytes([]byte(repo))[len("sha256:"):][:32] + ".json"
}
