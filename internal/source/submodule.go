package source

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// Bounds of submodules. Honest repositories are far below them.
const (
	maxModules     = 100     // other repositories that one repository leads to, those of its submodules apart
	maxModuleDepth = 8       // submodules in submodules
	maxModuleFile  = 1 << 20 // bytes of .gitmodules
)

// askModuleAgain is how long a submodule that could not be read is not asked for again.
var askModuleAgain = 5 * time.Second

const modulesFile = ".gitmodules"

// listModules has git config print what parseModules reads.
var listModules = []string{"--no-includes", "--null", "--get-regexp", `^submodule\..*\.(path|url)$`}

// modules are the mirrors of the repositories that a mirror's submodules come from, each opened when something in it is
// read for the first time.
type modules struct {
	mu     sync.Mutex
	byURL  map[string]*Mirror
	failed map[string]failedModule // by address and commit
	closed bool
}

// failedModule is why a submodule could not be read lately: a render that reads many files of it asks once.
type failedModule struct {
	err error
	at  time.Time
}

// enter gives the tree of a submodule: that of the commit that the gitlink pins, from the repository that .gitmodules names.
// at is the gitlink's path in this tree, shown as it was asked for. What is not here is fetched, unless fetch is false.
//
// Errors: those of Fetch, Unsupported for an address that may not be fetched from here; each names path, address and commit.
func (s *Snapshot) enter(at, shown string, gitlink node, fetch bool) (*Snapshot, error) {
	ctx := s.m.life
	address, err := s.moduleURL(ctx, at, shown)
	if err != nil {
		return nil, err
	}
	key := address + " " + gitlink.id
	if err := s.m.modules.lately(key); err != nil {
		return nil, err
	}
	m, err := s.m.module(address)
	if err == nil && fetch {
		err = m.Fetch(ctx, Head{Commit: gitlink.id, Kind: Exact})
	}
	var sub *Snapshot
	if err == nil {
		sub, err = m.Snapshot(ctx, gitlink.id)
	}
	if err == nil {
		return sub, nil
	}
	err = ofModule(shown, address, gitlink.id, err)
	if fetch && !gaveUp(err) {
		s.m.modules.fails(key, err)
	}
	return nil, err
}

// ofModule says of which submodule an error is.
func ofModule(shown, address, commit string, err error) error {
	if gaveUp(err) {
		return err
	}
	f := *fault.Of(err, fault.FetchFailed)
	f.Message = "the submodule " + shown + ", commit " + short(commit) + " of " + address + ", cannot be read: " + f.Message
	f.Place, f.Cause, f.Code = fault.Place{File: shown}, &moduleError{err}, CodeSubmodule
	return &f
}

// isOfModule tells whether an error is that a submodule cannot be read.
func isOfModule(err error) bool {
	var module *moduleError
	return errors.As(err, &module)
}

// moduleError marks the cause of a fault as one of a submodule.
type moduleError struct{ error }

// Unwrap gives the cause.
func (e *moduleError) Unwrap() error { return e.error }

func short(commit string) string { return commit[:min(len(commit), 7)] }

// moduleURL gives the canonical address of the repository of a submodule.
func (s *Snapshot) moduleURL(ctx context.Context, at, shown string) (string, error) {
	declared, err := s.declared(ctx)
	if err != nil {
		return "", err
	}
	written, ok := declared[at]
	if !ok {
		return "", fault.New(fault.Unsupported, "%s is a git submodule, and %s does not say where it comes from", shown, modulesFile).WithCode(CodeSubmodule).
			At(fault.Place{File: shown}).WithNext("commit the entry that git submodule add writes into %s, or take the submodule out", modulesFile)
	}
	s.m.mu.Lock()
	parent := s.m.remote
	s.m.mu.Unlock()
	if local, ok := parent.checkedOut(written.name); ok {
		return local, nil
	}
	address, err := parent.moduleURL(written.url)
	if err != nil {
		return "", fault.New(fault.Unsupported, "the address of the submodule %s cannot be fetched from: %w", shown, err).WithCode(CodeSubmodule).
			At(fault.Place{File: modulesFile}).WithNext("write an https or ssh address, or one relative to the repository's, into %s", modulesFile)
	}
	return address, nil
}

// declared reads .gitmodules: names and addresses as written, by path. Git itself reads it, since its form is that of a configuration;
// no other file is included.
func (s *Snapshot) declared(ctx context.Context) (map[string]declaration, error) {
	nodes, err := s.tree(ctx, ".", s.commit.tree)
	if err != nil {
		return nil, err
	}
	file, ok := find(nodes, modulesFile)
	if !ok || file.mode != modeFile && file.mode != modeExecutable { // git refuses a symlink too
		return nil, nil
	}
	if kept, ok := s.m.cache.get(modulesFile + file.id); ok {
		return kept.(map[string]declaration), nil
	}
	if _, err := s.m.blob(ctx, s, file, modulesFile, maxModuleFile); err != nil {
		return nil, err
	}
	listed, err := s.m.repo().exec(ctx, run{
		args:      append([]string{"config", "--blob=" + file.id}, listModules...),
		maxStdout: 4 * maxModuleFile, deadline: s.m.options.AskTimeout,
	})
	if err != nil && len(listed) == 0 {
		return nil, fault.New(fault.Unsupported, "%s cannot be read as git does: %w", modulesFile, err).WithCode(CodeSubmodule).At(fault.Place{File: modulesFile})
	}
	declared := parseModules(listed)
	s.m.cache.put(modulesFile+file.id, declared, int64(len(listed))+100)
	return declared, nil
}

// declaration is an entry of .gitmodules.
type declaration struct{ name, url string }

// parseModules reads what git config prints: "submodule.<name>.path\n<value>\0". Of a name that comes twice the last counts.
func parseModules(listed []byte) map[string]declaration {
	paths, urls := map[string]string{}, map[string]string{}
	for entry := range bytes.SplitSeq(listed, []byte{0}) {
		key, value, ok := strings.Cut(string(entry), "\n")
		dot := strings.LastIndex(key, ".")
		if !ok || dot < 0 {
			continue
		}
		switch name := strings.TrimPrefix(key[:dot], "submodule."); key[dot:] {
		case ".path":
			paths[name] = path.Clean(value)
		case ".url":
			urls[name] = value
		}
	}
	declared := map[string]declaration{}
	for name, at := range paths {
		if urls[name] != "" {
			declared[at] = declaration{name, urls[name]}
		}
	}
	return declared
}

// module opens the mirror of a submodule's repository, with those of our credentials that are its own too.
func (m *Mirror) module(address string) (*Mirror, error) {
	m.modules.mu.Lock()
	defer m.modules.mu.Unlock()
	m.mu.Lock()
	parent := m.remote
	m.mu.Unlock()
	remote := parent.forModule(address)
	if err := parent.mayEnter(remote); err != nil {
		return nil, err
	}
	if known := m.modules.byURL[address]; known != nil {
		return known, known.Renew(remote)
	}
	switch {
	case m.modules.closed:
		return nil, fault.New(fault.FetchFailed, "the mirror of %s was closed", m.url)
	case m.depth >= maxModuleDepth:
		return nil, fault.New(fault.RenderLimit, "submodules lie in submodules, more than %d deep", maxModuleDepth)
	case len(m.modules.byURL) >= maxModules:
		return nil, fault.New(fault.RenderLimit, "the repository has submodules from more than %d repositories", maxModules)
	}
	options := m.options
	options.CacheBytes = min(options.CacheBytes, 4<<20)
	opened, err := Open(m.cacheDir, remote, options)
	if err != nil {
		return nil, err
	}
	opened.depth = m.depth + 1
	if m.modules.byURL == nil {
		m.modules.byURL = map[string]*Mirror{}
	}
	m.modules.byURL[address] = opened
	return opened, nil
}

func (m *modules) lately(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if failed, ok := m.failed[key]; ok && time.Since(failed.at) < askModuleAgain {
		return failed.err
	}
	return nil
}

func (m *modules) fails(key string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed == nil || len(m.failed) > maxModules {
		m.failed = map[string]failedModule{}
	}
	m.failed[key] = failedModule{err, time.Now()}
}

func (m *modules) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, module := range m.byURL {
		module.Close()
	}
}

// moduleURL gives the canonical address of a submodule, whose own may be relative to the repository's: as git resolves it,
// each ../ takes a segment off. A local repository may lead to local ones, a loopback one to loopback; nothing else may. An
// ssh address on the host of a repository that is read over https is read over https: it is the same repository, and https is
// what there is a credential for.
func (r Remote) moduleURL(written string) (string, error) {
	if strings.HasPrefix(written, "./") || strings.HasPrefix(written, "../") {
		joined, err := joinURL(r.URL, written)
		if err != nil {
			return "", err
		}
		written = joined
	}
	address, err := canonical(written, strings.HasPrefix(r.URL, "file://"))
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(address, "http://") && !strings.HasPrefix(r.URL, "http://") {
		return "", unsafeURL("plain http, though the repository is not read over it")
	}
	if IsSSH(address) && strings.HasPrefix(r.URL, "https://") {
		own, other := placeOf(r.URL), placeOf(address)
		if u, err := url.Parse(r.URL); err == nil && own.host == other.host {
			return canonical("https://"+u.Host+other.path, false)
		}
	}
	return address, nil
}

// checkedOut gives the repository that git keeps of a submodule inside a local clone, if there is one: a clone that was made
// with its submodules needs no server.
func (r Remote) checkedOut(name string) (address string, ok bool) {
	clone, local := strings.CutPrefix(r.URL, "file://")
	if !local || !r.AllowLocal || !filepath.IsLocal(name) {
		return "", false
	}
	if u, err := url.Parse(r.URL); err == nil {
		clone = u.Path
	}
	for _, folder := range []string{".git/modules", "modules"} {
		dir := filepath.Join(clone, folder, name)
		if info, err := os.Stat(filepath.Join(dir, "objects")); err != nil || !info.IsDir() {
			continue
		}
		address, err := canonical((&url.URL{Scheme: "file", Path: dir}).String(), true)
		return address, err == nil
	}
	return "", false
}

var lastSegment = regexp.MustCompile(`(^|[/:])[^/:]+$`)

// joinURL resolves a relative address of a submodule.
func joinURL(base, relative string) (string, error) {
	for {
		rest, ok := strings.CutPrefix(relative, "./")
		if ok {
			relative = rest
			continue
		}
		if rest, ok = strings.CutPrefix(relative, "../"); !ok {
			break
		}
		relative = rest
		at := lastSegment.FindStringSubmatchIndex(base)
		if at == nil || strings.HasSuffix(base[:at[0]+1], "//") || strings.HasSuffix(base[:at[0]], "/") {
			return "", unsafeURL("it leads above the host of the repository")
		}
		if base[at[0]] == ':' && !strings.Contains(base, "://") { // git@host:
			base = base[:at[0]+1]
			continue
		}
		base = base[:at[0]]
	}
	if strings.HasSuffix(base, ":") {
		return base + relative, nil
	}
	return base + "/" + relative, nil
}

// place is what a credential is bound to: who is asked, and for which path.
type place struct {
	scheme, host, port, path string
}

// placeOf takes an address apart. The path of user@host:path counts from the root.
func placeOf(address string) place {
	if parts := scpLike.FindStringSubmatch(address); parts != nil {
		return place{"ssh", strings.ToLower(strings.Trim(parts[2], "[]")), "", "/" + parts[3]}
	}
	u, err := url.Parse(address)
	if err != nil {
		return place{}
	}
	return place{u.Scheme, u.Hostname(), u.Port(), u.Path}
}

// covers tells whether a credential for one repository may be used for another: it is asked for from the same server, and
// lies beside or below it. acme/fleet covers acme/charts and acme/team/charts, and not other/charts.
func (p place) covers(other place) bool {
	folder := strings.TrimSuffix(path.Dir(p.path), "/") + "/"
	return p.sameServer(other) && strings.HasPrefix(other.path, folder)
}

func (p place) sameServer(other place) bool {
	return p.scheme == other.scheme && p.host == other.host && p.port == other.port
}

// forModule gives the Remote of a submodule: ours where our credential covers it, anonymous elsewhere. The authority's
// certificate goes along to the same server, and the pinned host keys everywhere, since they let nobody in.
func (r Remote) forModule(address string) Remote {
	own, other := placeOf(r.URL), placeOf(address)
	module := Remote{URL: address, AllowLocal: r.AllowLocal, KnownHosts: r.KnownHosts}
	if own.sameServer(other) {
		module.CA = r.CA
	}
	if own.covers(other) {
		module.Token, module.Username, module.Password, module.Identity = r.Token, r.Username, r.Password, r.Identity
	}
	return module
}

// mayEnter says why a submodule behind ssh cannot be asked for: there is no anonymous ssh.
func (r Remote) mayEnter(module Remote) error {
	if !IsSSH(module.URL) || module.Identity != "" {
		return nil
	}
	own := placeOf(r.URL)
	return fault.New(fault.CredentialsRefused, "it is read over ssh, and the key in the Secret is bound to %s and what lies beside it", own.host+path.Dir(own.path)).
		WithNext("write its https address into %s, if anybody may read it, or move it beside the repository", modulesFile)
}
