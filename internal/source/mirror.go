package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"plumb.dev/plumb/internal/fault"
)

// Options are the bounds of a Mirror. The zero value of each field means its default.
type Options struct {
	// Scope separates copies that must not be shared though the address is the same: give it the namespace of the tenant.
	// Whoever may use a Mirror may read every commit in it, with whichever credential it was fetched.
	Scope string

	Git          string        // the git program; default "git", found in PATH
	AskTimeout   time.Duration // hard deadline of Resolve, 30 s
	FetchTimeout time.Duration // hard deadline of one transfer, 10 min

	WholeLimit int64 // bytes of a first transfer up to which a repository is copied whole, 64 MiB; negative: never; see Mirror.Fetch
	MaxPack    int64 // bytes of any transfer, 2 GiB

	MaxFile    int64         // bytes of one file, 10 MiB
	MaxDepth   int           // folders above a file, 64
	CacheBytes int64         // parsed trees and small blobs kept in memory, 16 MiB
	Idle       time.Duration // after this long without reads the reading git is ended, 30 s
}

func (o Options) withDefaults() Options {
	return Options{
		Scope: o.Scope, Git: or(o.Git, "git"),
		AskTimeout: or(o.AskTimeout, 30*time.Second), FetchTimeout: or(o.FetchTimeout, 10*time.Minute),
		WholeLimit: or(o.WholeLimit, 64<<20), MaxPack: or(o.MaxPack, 2<<30),
		MaxFile: or(o.MaxFile, 10<<20), MaxDepth: or(o.MaxDepth, 64),
		CacheBytes: or(o.CacheBytes, 16<<20), Idle: or(o.Idle, 30*time.Second),
	}
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Mirror is the one local copy of a repository. It is safe for concurrent use: reads run beside a fetch, and writers wait
// for each other, those of other processes too.
//
// It survives being killed at any instruction. What a dead git left behind is removed before the next write; refs name
// complete commits only, because git moves them last; a damaged copy is replaced by a fresh one, and stays readable, as far
// as it is, until then.
type Mirror struct {
	url     string // canonical
	options Options
	path    string // of the bare repository
	lock    *folderLock

	statePath string // of the file that remembers the good heads

	mu     sync.Mutex // guards the fields below
	remote Remote
	seen   map[string]string   // local ref → commit; nil: not read yet
	state  map[string]*tracked // by revision

	complete map[string]bool // folders of a filtered copy, by tree id, of which every blob is here

	life       context.Context // of work that no caller waits for
	end        context.CancelFunc
	background sync.WaitGroup
	closed     bool

	merging int // merges that somebody reads

	broken   atomic.Bool // the copy is damaged: the next Fetch makes it anew
	manyRefs atomic.Bool // the server's list of refs is long

	objects *objects // reading
	cache   *cache

	cacheDir string // where the mirrors of submodules are made too
	depth    int    // of submodules above this one
	modules  modules
}

// Open makes or opens the mirror of a repository under dir, the root of the cache. No server is asked. Close it after use.
//
// Errors: those of CheckURL; InvalidSettings for a CA that is no PEM bundle; FetchFailed if there is no git or the folder
// cannot be used.
func Open(dir string, r Remote, options Options) (*Mirror, error) {
	address, err := canonical(r.URL, r.AllowLocal)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	if options.Git, err = findGit(options.Git); err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fault.New(fault.FetchFailed, "the cache folder cannot be used: %w", err)
	}
	name := filepath.Join(dir, folderName(address, options.Scope))
	m := &Mirror{url: address, options: options, path: name + ".git", statePath: name + ".json", lock: newFolderLock(name + ".lock"), cache: newCache(options.CacheBytes), cacheDir: dir}
	m.life, m.end = context.WithCancel(context.Background())
	m.objects = newObjects(m)
	m.loadState()
	if err := m.Renew(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(m.life, options.FetchTimeout)
	defer cancel()
	if err := m.writing(ctx, func(repo) error { return nil }); err != nil {
		return nil, err
	}
	_, err = os.Lstat(filepath.Join(m.path, damagedFile))
	m.broken.Store(err == nil)
	return m, nil
}

// Usable tells whether git is there and new enough, as Open needs it. The error is a fault that says what to install.
func Usable() error {
	_, err := findGit("git")
	return err
}

// GitVersion gives what the git on this machine says of itself, if it is new enough.
func GitVersion(ctx context.Context) (string, error) {
	path, err := findGit("git")
	if err != nil {
		return "", err
	}
	said, err := repo{dir: "/", git: path}.exec(ctx, run{args: []string{"version"}, maxStdout: maxStderr})
	return clip(clean(strings.TrimSpace(string(said)))), err
}

// findGit gives the full path of git, if it is new enough. Each is asked for its version once in the life of the process.
func findGit(name string) (string, error) {
	const next = "install git 2.39 or newer"
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fault.New(fault.FetchFailed, "git is not installed: %w", err).WithNext(next)
	}
	if _, ok := goodGits.Load(path); ok {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readDeadline)
	defer cancel()
	said, err := repo{dir: "/", git: path}.exec(ctx, run{args: []string{"version"}, maxStdout: maxStderr})
	if err != nil {
		return "", fault.New(fault.FetchFailed, "git does not run: %w", err).WithNext(next)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(said), "git version %d.%d", &major, &minor); err != nil || major < 2 || major == 2 && minor < 39 {
		return "", fault.New(fault.FetchFailed, "%s is %q, which is too old", path, clip(clean(string(said)))).WithNext(next)
	}
	goodGits.Store(path, true)
	return path, nil
}

var goodGits sync.Map // path → true

// Renew takes new credentials and CA for the same repository, as when a Secret changed. Work under way keeps the old ones.
//
// Errors: UnsafeURL if the address is another; InvalidSettings for a CA that is no PEM bundle.
func (m *Mirror) Renew(r Remote) error {
	address, err := canonical(r.URL, r.AllowLocal)
	if err != nil {
		return err
	}
	if address != m.url {
		return fault.New(fault.UnsafeURL, "a mirror of %s cannot become one of %s", m.url, address)
	}
	if len(r.CA) > 0 && !x509.NewCertPool().AppendCertsFromPEM(r.CA) {
		return fault.New(fault.InvalidSettings, "the CA bundle for %s holds no certificate in PEM form", m.url).WithNext("put the authority's certificate into the Secret as ca.crt")
	}
	r.URL = address
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remote = r
	return nil
}

// URL gives the canonical address.
func (m *Mirror) URL() string { return m.url }

// Close ends the children of the mirror. Snapshots of it cannot be read any more.
func (m *Mirror) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.end()
	m.modules.close()
	m.objects.close()
	m.background.Wait()
	return nil
}

// rest is called when nobody has read for a while.
func (m *Mirror) rest() {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.background.Add(1)
	m.mu.Unlock()
	defer m.background.Done()
	m.objects.restart()
	m.tidy(m.life)
}

func (m *Mirror) repo() repo {
	m.mu.Lock()
	defer m.mu.Unlock()
	return repo{dir: m.path, git: m.options.Git, remote: m.remote}
}

// Files in the mirror's folder that are marks, a folder that stays empty, and the end of the name of the folder that will replace a damaged one.
const (
	damagedFile  = "plumb-damaged"  // some object cannot be read
	filteredFile = "plumb-filtered" // blobs were left on the server
	emptyFolder  = "plumb-empty"
	freshSuffix  = ".fresh"
)

// writing runs a function that changes the mirror, alone among all goroutines and processes, on a folder that is sound in
// form: made if absent, and swept of what a killed git left.
func (m *Mirror) writing(ctx context.Context, change func(repo) error) error {
	unlock, err := m.lock.acquire(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	r := m.repo()
	if err := prepare(r); err != nil {
		return fault.New(fault.FetchFailed, "the local copy of %s cannot be written: %w", m.url, err)
	}
	return change(r)
}

// prepare makes the folder if it is absent or no repository, and takes away and puts right what a killed git or a crashed
// machine left.
func prepare(r repo) error {
	for _, half := range []string{r.dir + ".new", r.dir + ".old", r.dir + freshSuffix, r.dir + freshSuffix + ".new"} {
		if err := os.RemoveAll(half); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.mergesDir(), 0o700); err != nil {
		return err
	}
	for _, folder := range folders {
		if info, err := os.Lstat(filepath.Join(r.dir, folder)); err == nil && info.IsDir() {
			continue
		}
		if err := os.RemoveAll(r.dir); err != nil {
			return err
		}
		return create(r.dir)
	}
	for name, text := range constant {
		if have, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil && string(have) == text {
			continue
		}
		if err := replaceFile(filepath.Join(r.dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return sweep(r.dir)
}

// folders and constant files are what makes a folder a repository of this package. Everything else is objects and refs.
var (
	folders  = []string{"", emptyFolder, "objects", "objects/pack", "objects/info", "refs", "refs/plumb", seenPrefix, guardPrefix}
	constant = map[string]string{
		"HEAD":   "ref: refs/heads/none\n",
		"config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
	}
)

// create makes an empty bare repository in one step: it appears whole, or not at all. Nothing of the machine's git templates
// comes in.
func create(dir string) error {
	temporary := dir + ".new"
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.Mkdir(filepath.Join(temporary, folder), 0o700); err != nil {
			return err
		}
	}
	for name, text := range constant {
		if err := os.WriteFile(filepath.Join(temporary, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return os.Rename(temporary, dir)
}

// isFiltered tells whether a repository may lack blobs, which are fetched by Complete.
func isFiltered(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, filteredFile))
	return err == nil
}

// sweep removes what a killed git leaves behind: locks, and halves of packs and objects. The caller holds the folder's lock,
// so that none of them is in use.
func sweep(dir string) error {
	for _, folder := range folders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if !isLeftOver(entry.Name()) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(dir, folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func isLeftOver(name string) bool {
	return strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, "tmp_") || strings.HasPrefix(name, ".tmp-") || strings.HasPrefix(name, "incoming-")
}

// replaceFile writes a file whole or not at all.
func replaceFile(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".tmp-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails after the rename, and that is right
	if _, err = file.Write(content); err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// folderLock is a lock among goroutines (a channel) and processes (flock on a file that nobody removes). The kernel lets go
// of it when a process dies.
type folderLock struct {
	file string
	turn chan struct{}
}

func newFolderLock(file string) *folderLock {
	return &folderLock{file: file, turn: make(chan struct{}, 1)}
}

// acquire waits for the lock until the context ends.
func (l *folderLock) acquire(ctx context.Context) (unlock func(), err error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another fetch of the same repository: %w", context.Cause(ctx))
	}
	file, err := os.OpenFile(l.file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		<-l.turn
		return nil, fault.New(fault.FetchFailed, "the cache folder cannot be used: %w", err)
	}
	unlock = func() {
		file.Close()
		<-l.turn
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return unlock, nil
		} else if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			unlock()
			return nil, fault.New(fault.FetchFailed, "the cache folder cannot be locked: %w", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			unlock()
			return nil, fmt.Errorf("waiting for another process that fetches the same repository: %w", context.Cause(ctx))
		}
	}
}
