package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"k8s.io/apimachinery/pkg/util/json"

	"plumb.dev/plumb/internal/shelf"
)

// maxCache bounds what a Cache keeps on disk, in bytes: some 10,000 apps of 10 objects.
const maxCache = 512 << 20

// Cache keeps one Recorded per app on disk, so that a restart neither renders nor reads an app whose inputs did not change.
// It holds rendered Secrets as the repository does: the folder and its files are readable by their owner only. It is safe
// for concurrent use by one process; whatever is wrong with a file only costs a render.
type Cache struct{ files *shelf.Shelf }

// OpenCache makes or opens a cache in a folder of its own.
func OpenCache(dir string) (*Cache, error) {
	files, err := shelf.Open(dir, maxCache)
	if err != nil {
		return nil, fmt.Errorf("open the cache of renders: %w", err)
	}
	return &Cache{files}, nil
}

// Load gives what was stored for an app. A file that is damaged, of another version or of another app counts as absent.
func (c *Cache) Load(app string) (*Recorded, bool) { return c.load(fileOf(app), app) }

// LoadKept gives what Keep has kept.
func (c *Cache) LoadKept(app string) (*Recorded, bool) { return c.load(fileOf(app)+kept, app) }

// kept ends the name of a file that Keep made.
const kept = ".kept"

// Keep keeps what is stored for an app also when another Recorded takes its place. What was kept before is forgotten. It
// costs no copy.
func (c *Cache) Keep(app string) error {
	if err := c.files.Link(fileOf(app), fileOf(app)+kept); err != nil {
		return fmt.Errorf("keep a render: %w", err)
	}
	return nil
}

func (c *Cache) load(name, app string) (*Recorded, bool) {
	data, err := c.files.Read(name)
	if err != nil {
		return nil, false
	}
	sum, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok || string(sum) != checksum(app, body) {
		return nil, false
	}
	rec := new(Recorded)
	if err := json.Unmarshal(body, rec); err != nil || rec.Version != Version { // keeps integers as int64
		return nil, false
	}
	return rec, true
}

// Store keeps the Recorded of an app in place of the one before.
func (c *Cache) Store(app string, rec *Recorded) error {
	body, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("store a render: %w", err)
	}
	data := append([]byte(checksum(app, body)+"\n"), body...)
	if err := c.files.Put(fileOf(app), data); err != nil {
		return fmt.Errorf("store a render: %w", err)
	}
	return nil
}

// Delete forgets what is stored for an app, and not what is kept.
func (c *Cache) Delete(app string) { c.files.Remove(fileOf(app)) }

// Forget forgets all of an app.
func (c *Cache) Forget(app string) {
	c.Delete(app)
	c.files.Remove(fileOf(app) + kept)
}

// fileOf names the file of an app, whose name may hold anything.
func fileOf(app string) string {
	sum := sha256.Sum256([]byte(app))
	return hex.EncodeToString(sum[:]) + ".json"
}

// checksum binds the bytes to the app.
func checksum(app string, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q\n", Version, app)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}
