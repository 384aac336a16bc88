package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
)

// maxCache bounds what a Cache keeps on disk, in bytes: some 10,000 apps of 10 objects.
const maxCache = 512 << 20

// Cache keeps one Recorded per app on disk, so that a restart neither renders nor reads an app whose inputs did not change.
// It holds rendered Secrets as the repository does: the folder and its files are readable by their owner only. It is safe
// for concurrent use by one process; whatever is wrong with a file only costs a render.
type Cache struct {
	dir string
	max int64

	mu   sync.Mutex
	size int64
}

// OpenCache makes or opens a cache in a folder of its own.
func OpenCache(dir string) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the cache of renders: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the cache of renders: %w", err)
	}
	c := &Cache{dir: dir, max: maxCache}
	for _, f := range c.files() {
		c.size += f.size
	}
	return c, nil
}

// Load gives what was stored for an app. A file that is damaged, of another version or of another app counts as absent.
func (c *Cache) Load(app string) (*Recorded, bool) { return load(c.file(app), app) }

// LoadKept gives what Keep has kept.
func (c *Cache) LoadKept(app string) (*Recorded, bool) { return load(c.file(app)+kept, app) }

// kept ends the name of a file that Keep made.
const kept = ".kept"

// Keep keeps what is stored for an app also when another Recorded takes its place. What was kept before is forgotten. It
// costs no copy: the file gets a second name.
func (c *Cache) Keep(app string) error {
	_ = os.Remove(c.file(app) + kept)
	if err := os.Link(c.file(app), c.file(app)+kept); err != nil {
		return fmt.Errorf("keep a render: %w", err)
	}
	return nil
}

func load(name, app string) (*Recorded, bool) {
	data, err := os.ReadFile(name)
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
	now := time.Now()
	_ = os.Chtimes(name, now, now) // the oldest go first
	return rec, true
}

// Store keeps the Recorded of an app in place of the one before.
func (c *Cache) Store(app string, rec *Recorded) error {
	body, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("store a render: %w", err)
	}
	data := append([]byte(checksum(app, body)+"\n"), body...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.write(c.file(app), data); err != nil {
		return fmt.Errorf("store a render: %w", err)
	}
	if c.size += int64(len(data)); c.size > c.max {
		c.shrink()
	}
	return nil
}

// Delete forgets what is stored for an app, and not what is kept.
func (c *Cache) Delete(app string) { _ = os.Remove(c.file(app)) }

// Forget forgets all of an app.
func (c *Cache) Forget(app string) {
	c.Delete(app)
	_ = os.Remove(c.file(app) + kept)
}

// write puts a whole file in place at once. A crash leaves the old one, or a temporary file that shrink removes. It is not
// forced to disk: a file that a power cut damaged fails its checksum.
func (c *Cache) write(name string, data []byte) error {
	f, err := os.CreateTemp(c.dir, "new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// shrink removes the files that were not used for longest until three quarters of the bound are left. c.mu is held.
func (c *Cache) shrink() {
	files := c.files()
	c.size = 0
	for _, f := range files {
		c.size += f.size
	}
	for _, f := range files {
		if c.size <= c.max/4*3 {
			return
		}
		if os.Remove(filepath.Join(c.dir, f.name)) == nil {
			c.size -= f.size
		}
	}
}

type cacheFile struct {
	name string
	size int64
	used time.Time
}

// files lists the cache, least recently used first.
func (c *Cache) files() []cacheFile {
	entries, _ := os.ReadDir(c.dir)
	files := make([]cacheFile, 0, len(entries))
	for _, e := range entries {
		var info fs.FileInfo
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() {
			files = append(files, cacheFile{e.Name(), info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b cacheFile) int { return a.used.Compare(b.used) })
	return files
}

// file names the file of an app; an app's name may hold anything.
func (c *Cache) file(app string) string {
	sum := sha256.Sum256([]byte(app))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:])+".json")
}

// checksum binds the bytes to the app.
func checksum(app string, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q\n", Version, app)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}
