// Package githost serves Git repositories over smart HTTP with the git command: what a forge does for clone, fetch and push,
// and nothing else.
//
// Protocol version 2, partial clones (filters) and wants of any commit are allowed. A repository can be read-only, the host
// can ask for a user and password, and after every push that changed something a callback tells which refs moved.
//
// It never speaks the dumb protocol, never serves a path that was not added by name, never lets git start a background
// process, and never reads the git configuration of the user. It keeps no state but the repositories themselves.
//
// Start reading at Host.ServeHTTP.
package githost

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Host is an http.Handler that serves repositories at /<name>.git. The zero value serves none; it is ready to use.
type Host struct {
	// User and Password, if User is not empty, are asked for by HTTP basic authentication, for reading and writing.
	User, Password string

	// Pushed, if set, is called after each push that changed a ref, before the client sees the end of its push. It must
	// return soon. Calls for one repository come one after the other, in the order of the pushes.
	Pushed func(Push)

	mu           sync.RWMutex
	repositories map[string]*repository
}

// Push is what one push changed.
type Push struct {
	Repository string // the name it was added by
	User       string // as authenticated; empty if the host asks for none
	Updates    []Update
}

// Update is the move of one ref.
type Update struct {
	Ref string // full name: refs/heads/main
	Old string // commit id; zeros if the ref was created
	New string // commit id; zeros if the ref was deleted
}

// Mode says what clients may do with a repository.
type Mode int

// The modes.
const (
	ReadOnly  Mode = iota // clone and fetch
	ReadWrite             // and push
)

// repository is one served repository.
type repository struct {
	name string
	dir  string
	mode Mode
	push sync.Mutex // one push at a time, so that Pushed is called in order
}

// Add serves the Git directory dir (a bare repository, or the .git of a working tree) at /<name>.git.
func (h *Host) Add(name, dir string, mode Mode) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.repositories == nil {
		h.repositories = map[string]*repository{}
	}
	h.repositories[name] = &repository{name: name, dir: dir, mode: mode}
}

// Remove stops serving name; requests under way are finished.
func (h *Host) Remove(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.repositories, name)
}

// ServeHTTP serves the three requests of smart HTTP: the advertisement of refs, upload-pack and receive-pack.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, ok := h.authenticate(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "user and password are needed", http.StatusUnauthorized)
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	h.mu.RLock()
	repo := h.repositories[name]
	h.mu.RUnlock()
	if repo == nil {
		http.Error(w, fmt.Sprintf("there is no repository %q here", name), http.StatusNotFound)
		return
	}
	switch {
	case r.Method == http.MethodGet && rest == "info/refs":
		repo.advertise(w, r)
	case r.Method == http.MethodPost && rest == uploadPack:
		repo.answer(w, r, uploadPack)
	case r.Method == http.MethodPost && rest == receivePack:
		h.receive(w, r, repo, user)
	default:
		http.Error(w, "only Git's smart HTTP is served here", http.StatusNotFound)
	}
}

// authenticate compares hashes, so that the time taken says nothing about the password, not even its length.
func (h *Host) authenticate(r *http.Request) (user string, ok bool) {
	if h.User == "" {
		return "", true
	}
	user, password, _ := r.BasicAuth()
	same := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return user, same(user, h.User)&same(password, h.Password) == 1
}

// receive takes a push and reports the refs that moved.
func (h *Host) receive(w http.ResponseWriter, r *http.Request, repo *repository, user string) {
	if repo.mode != ReadWrite {
		http.Error(w, "this repository is read-only", http.StatusForbidden)
		return
	}
	repo.push.Lock()
	defer repo.push.Unlock()
	asked := repo.answer(w, r, receivePack)
	if h.Pushed == nil || len(asked) == 0 {
		return
	}
	if done := repo.happened(asked); len(done) > 0 {
		h.Pushed(Push{Repository: repo.name, User: user, Updates: done})
	}
}
