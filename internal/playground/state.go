package playground

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// state is the directory of a playground and what is kept in it from one start to the next.
type state struct {
	dir      string // absolute
	cloneDir string // the working clone of a repository of our own
	lock     *os.File
	resumed  bool

	kept
}

// kept is written to state.json, mode 0600.
type kept struct {
	GitPort   int    `json:"git_port"`   // so that the clone's remote stays true
	AgentPort int    `json:"agent_port"` // so that an open page comes back
	Token     string `json:"token"`      // of the page and API
	Secret    string `json:"secret"`     // signs the webhooks
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

// stateDir is where the state lies by default (XDG Base Directory Specification); one directory for each real cluster.
func (o Options) stateDir() (string, error) {
	if o.Dir != "" {
		return filepath.Abs(o.Dir)
	}
	base := o.Getenv("XDG_STATE_HOME")
	if base == "" {
		home := o.Getenv("HOME")
		if home == "" {
			return "", errors.New("neither XDG_STATE_HOME nor HOME is set; name a directory with --dir")
		}
		base = filepath.Join(home, ".local", "state")
	}
	name := "playground"
	if o.Context != "" {
		name = "context-" + strings.Map(fileRune, o.Context)
	}
	return filepath.Join(base, "plumb", name), nil
}

func fileRune(r rune) rune {
	if strings.ContainsRune("/\\: ", r) {
		return '-'
	}
	return r
}

// openState takes the directory for this process, forgets its state if Fresh, and reads or makes what is kept.
func openState(o Options) (*state, error) {
	dir, err := o.stateDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	s := &state{dir: dir, cloneDir: filepath.Join(dir, "repo")}
	if home := o.Getenv("HOME"); o.Dir == "" && home != "" && o.Context == "" {
		s.cloneDir = filepath.Join(home, "plumb-demo")
	}
	if s.lock, err = lock(dir); err != nil {
		return nil, err
	}
	if o.Fresh {
		if err := s.forget(o.Progress); err != nil {
			s.close()
			return nil, fmt.Errorf("--fresh: %w", err)
		}
	}
	if err := s.load(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *state) close() { s.lock.Close() }

func (s *state) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// kubeconfig lies outside the working clone: nobody commits it by mistake.
func (s *state) kubeconfig() string { return s.path("control-plane", "kubeconfig") }
func (s *state) bareDir() string    { return s.path("git", "fleet.git") }
func (s *state) logs() string       { return s.path("logs") }

// lock takes the directory. The kernel releases it when this process dies, so no stale lock can be left.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "up.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(file)
		file.Close()
		if id := strings.TrimSpace(string(owner)); id != "" {
			return nil, fmt.Errorf("%w: %s (process %s); stop it, or name another with --dir", ErrRunning, dir, id)
		}
		return nil, fmt.Errorf("%w: %s; stop it, or name another with --dir", ErrRunning, dir)
	}
	if err := file.Truncate(0); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintln(file, os.Getpid())
	return file, err
}

// forget removes everything that was kept. A working clone in which somebody worked is moved aside, not removed.
func (s *state) forget(progress io.Writer) error {
	if err := s.forgetClone(progress); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "up.lock" || s.path(e.Name()) == s.cloneDir || strings.HasPrefix(e.Name(), "repo.before-") {
			continue
		}
		if err := os.RemoveAll(s.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) load() error {
	text, err := os.ReadFile(s.path("state.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.kept = kept{Token: randomHex(16), Secret: randomHex(32)}
	case err != nil:
		return err
	default:
		s.resumed = true
		if err := json.Unmarshal(text, &s.kept); err != nil {
			return fmt.Errorf("%s is damaged: %w; start over with --fresh", s.path("state.json"), err)
		}
	}
	for _, dir := range []string{s.logs(), s.path("git"), s.path("control-plane")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return s.save()
}

func (s *state) save() error {
	text, err := json.MarshalIndent(s.kept, "", "  ")
	if err != nil {
		return err
	}
	temporary := s.path("state.json.new")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, s.path("state.json"))
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// agentPort is the port asked for, or the one of the last start if it is free, or another.
func (s *state) agentPort(asked int) (int, error) {
	switch {
	case asked != 0 && !free(asked):
		return 0, fmt.Errorf("port %d on 127.0.0.1 is in use; --port 0 takes any", asked)
	case asked != 0:
		s.AgentPort = asked
	case s.AgentPort == 0 || !free(s.AgentPort):
		port, err := freePort()
		if err != nil {
			return 0, err
		}
		s.AgentPort = port
	}
	return s.AgentPort, s.save()
}

// freePort picks below the range from which Linux numbers outgoing connections: none can take it before the agent listens.
func freePort() (int, error) {
	for range 100 {
		if port := 20000 + mathrand.IntN(12000); free(port) {
			return port, nil
		}
	}
	return 0, errors.New("no free TCP port on 127.0.0.1 between 20000 and 32000")
}

func free(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
