package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of one run of git. The memory bound is per process; packs are mapped, not loaded, and do not count.
const (
	maxGitMemory = 1 << 30   // bytes of private memory
	maxAskMemory = 256 << 20 // the same, to list refs: git keeps all of them before it prints one
	maxStderr    = 8 << 10   // bytes of what git says, the end of it
	killGrace    = 2 * time.Second
)

// repo is one bare repository on disk and how git is run in it. It has no state of its own but the path.
type repo struct {
	dir    string // absolute
	git    string // the git program
	remote Remote
}

// run is one command of git.
type run struct {
	args      []string
	stdin     io.Reader     // nil: nothing
	maxStdout int           // bytes; more kills the command. 0: nothing is expected
	stdout    io.Writer     // instead of the result of exec; not bounded
	deadline  time.Duration // hard; 0: that of the context
	memory    uint64        // bytes of private memory; 0: maxGitMemory
	trace     string        // file that git writes its packets to; "": none
	settings  []setting     // besides those of every run
	env       []string      // likewise, variables
	network   bool          // give it the credential and the CA bundle
	merges    mergeUse      // whether it sees the objects of merges
	promises  bool          // tell it that the server has the blobs that a filtered copy lacks; a git that does not know stops at none
}

// mergeUse says what a run of git has to do with the objects of merges, which lie apart. What brings objects here sees none: it
// would leave out what it takes to be here already.
type mergeUse int

const (
	noMerges   mergeUse = iota
	withMerges          // it reads them
	toMerges            // it writes there, and nowhere else
)

// environment gives the folders of objects, in git's variables.
func (u mergeUse) environment(r repo) []string {
	switch u {
	case withMerges:
		return []string{"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + r.mergesDir()}
	case toMerges:
		return []string{"GIT_OBJECT_DIRECTORY=" + r.mergesDir(), "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(r.dir, "objects")}
	}
	return nil
}

// errTooMuch says that a command wrote more than it may.
var errTooMuch = errors.New("git wrote more than is allowed")

// gitError is a failed run of git: what it said on stderr, without credentials, and why it ended.
type gitError struct {
	command  string        // the first argument only: arguments may hold names that users wrote
	said     string        // stderr, scrubbed, bounded
	deadline time.Duration // the hard deadline that was missed; 0 if it was not
	err      error
}

func (e *gitError) Error() string {
	if e.said != "" {
		return fmt.Sprintf("git %s: %s", e.command, e.said)
	}
	return fmt.Sprintf("git %s: %v", e.command, e.err)
}

func (e *gitError) Unwrap() error { return e.err }

// exec runs git to its end and gives its standard output. When the context or the deadline ends, the whole process group is
// killed. The error is a *gitError, or the context's own if the caller gave up.
func (r repo) exec(ctx context.Context, do run) ([]byte, error) {
	parent := ctx
	if do.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, do.deadline)
		defer cancel()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	stdout := &limitedBuffer{limit: do.maxStdout, over: stop}
	stderr := &tailBuffer{limit: maxStderr}
	cmd, release, err := r.command(ctx, do)
	if err != nil {
		return nil, &gitError{command: do.args[0], err: err}
	}
	defer release()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = do.stdin, stdout, stderr
	if do.stdout != nil {
		cmd.Stdout = do.stdout
	}
	if err = cmd.Start(); err == nil {
		limitMemory(cmd.Process.Pid, or(do.memory, maxGitMemory))
		err = cmd.Wait()
	}
	switch {
	case stdout.exceeded:
		err = errTooMuch
	case err == nil:
		return stdout.Bytes(), nil
	case parent.Err() != nil && context.Cause(parent) != nil:
		return nil, fmt.Errorf("git %s was stopped: %w", do.args[0], context.Cause(parent))
	}
	failed := &gitError{command: do.args[0], said: r.remote.scrub(clean(stderr.String())), err: err}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		failed.deadline = do.deadline
	}
	return nil, failed
}

// command prepares one run of git: clean environment, own session, killed as a group, dead when this process dies.
// release closes what was opened for it.
func (r repo) command(ctx context.Context, do run) (cmd *exec.Cmd, release func(), err error) {
	cmd = exec.CommandContext(ctx, r.git, do.args...)
	cmd.Dir = r.dir
	// A session of its own has no terminal to ask on. Pdeathsig follows the thread that forked; a thread of the Go runtime
	// ends early only if a goroutine ends while locked to it, and then the caller sees a dead git and starts another.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killGrace
	var held []*os.File
	var shell string
	if do.network && IsSSH(r.remote.URL) {
		if shell, held, err = r.sshCommand(); err != nil {
			return nil, nil, err
		}
	}
	settings := append(r.settings(), do.settings...)
	if do.promises && isFiltered(r.dir) {
		settings = append(settings, setting{"remote.origin.promisor", "true"}, setting{"remote.origin.partialCloneFilter", "blob:none"})
	}
	if do.network {
		more, err := r.inherit(cmd)
		if err != nil {
			closeAll(held)
			return nil, nil, err
		}
		settings = append(settings, more...)
	}
	cmd.Env = append(append(r.environment(settings), do.merges.environment(r)...), do.env...)
	if do.trace != "" {
		cmd.Env = append(cmd.Env, "GIT_TRACE_PACKET="+do.trace)
	}
	if shell != "" {
		cmd.Env = append(cmd.Env, "GIT_SSH_COMMAND="+shell, "GIT_SSH_VARIANT=ssh")
	}
	return cmd, func() { closeAll(append(held, cmd.ExtraFiles...)) }, nil
}

// inherit hands the credential and the CA bundle to a git that talks to the server, and to the transport that it starts, as
// descriptors 3 and 4.
func (r repo) inherit(cmd *exec.Cmd) (settings []setting, err error) {
	settings = r.authorities()
	for _, part := range []struct{ key, content string }{
		{"include.path", r.secretConfig()},
		{"http.sslCAInfo", string(r.remote.CA)},
	} {
		if part.content == "" {
			continue
		}
		file, err := memoryFile(part.content)
		if err != nil {
			closeAll(cmd.ExtraFiles)
			return nil, err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		settings = append(settings, setting{part.key, "/proc/self/fd/" + strconv.Itoa(2+len(cmd.ExtraFiles))})
	}
	return settings, nil
}

// authorities says whom to trust: the repository's own bundle alone, if it has one, else the bundle of the system. Debian's
// curl would also read every file of its folder of certificates, in each new process: 25 ms, and a second set of authorities
// beside the repository's own. An empty folder in its place ends both.
func (r repo) authorities() []setting {
	none := setting{"http.sslCAPath", filepath.Join(r.dir, emptyFolder)}
	folder, isSet := os.LookupEnv("SSL_CERT_DIR")
	bundle := systemBundle()
	switch {
	case r.scheme() != "https":
		return nil
	case len(r.remote.CA) > 0:
		return []setting{none}
	case bundle != "":
		return []setting{{"http.sslCAInfo", bundle}, none}
	case isSet:
		return []setting{{"http.sslCAPath", folder}}
	}
	return nil // what curl was built with
}

// systemBundle gives the file of the system's authorities, by the same places as Go's crypto/x509; "" if there is none.
var systemBundle = sync.OnceValue(func() string {
	for _, file := range []string{
		os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
	} {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
})

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

// setting is one line of git's configuration.
type setting struct{ key, value string }

// settings is the whole configuration of git: nothing else is read but the mirror's own file, which this package writes.
func (r repo) settings() []setting {
	s := []setting{
		{"remote.origin.url", r.remote.URL},
		{"protocol.allow", "never"}, {"protocol.ext.allow", "never"},
		{"protocol." + r.scheme() + ".allow", "always"},
		{"http.followRedirects", "false"},                           // a credential goes to no other place, and neither does the trust in what comes back
		{"http.lowSpeedLimit", "1000"}, {"http.lowSpeedTime", "30"}, // bytes a second, seconds
		{"http.userAgent", "plumb"},
		{"credential.helper", ""}, {"core.askPass", ""},
		{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"},
		{"gc.auto", "0"}, {"maintenance.auto", "false"}, {"fetch.writeCommitGraph", "false"},
		{"fetch.fsckObjects", "true"}, {"transfer.fsckObjects", "true"},
		{"submodule.recurse", "false"}, {"fetch.recurseSubmodules", "false"},
		{"core.bigFileThreshold", "16m"}, // larger blobs are streamed, not loaded: no app may read them anyway
		{"pack.threads", "2"}, {"pack.windowMemory", "64m"},
		{"advice.detachedHead", "false"}, {"core.logAllRefUpdates", "false"},
		{"i18n.logOutputEncoding", "UTF-8"},
	}
	// Old defects that git itself once wrote and that harm nobody who reads as this package does.
	for _, defect := range []string{"zeroPaddedFilemode", "missingSpaceBeforeDate", "badTimezone", "zeroPaddedDate", "missingEmail", "missingNameBeforeEmail"} {
		s = append(s, setting{"fetch.fsck." + defect, "ignore"})
	}
	return s
}

func (r repo) scheme() string {
	if IsSSH(r.remote.URL) {
		return "ssh"
	}
	scheme, _, _ := strings.Cut(r.remote.URL, "://")
	return scheme
}

// environment is all that git sees of this process: PATH to find its parts, and the proxies of the machine, which are the
// operator's. None is used for http without TLS, which is loopback.
func (r repo) environment(settings []setting) []string {
	env := []string{
		"HOME=" + r.dir, "GIT_DIR=" + r.dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH"),
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_PROTOCOL_FROM_USER=0",
		"GIT_ALLOW_PROTOCOL=" + r.scheme(),
		"GIT_CONFIG_COUNT=" + strconv.Itoa(len(settings)),
	}
	for i, s := range settings {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+s.key, "GIT_CONFIG_VALUE_"+n+"="+s.value)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok && r.scheme() == "https" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// secretConfig is the credential as configuration of git, bound to scheme, host, port and path of the address; "" if there
// is none. The header goes out with the first request, so that no request is lost to a 401.
func (r repo) secretConfig() string {
	header := r.remote.authorization()
	if header == "" || !strings.HasPrefix(r.scheme(), "http") {
		return ""
	}
	return fmt.Sprintf("[http %q]\n\textraHeader = \"Authorization: %s\"\n", r.remote.URL, header)
}

// memoryFile holds a text for a child: an anonymous file in memory, inherited as a descriptor. It has no name on any disk,
// and unlike an argument (readable by every user) or a variable (inherited by every further child and found in dumps of the
// environment) it is gone with the processes that hold it. git opens it anew by /proc/self/fd as often as it likes, and
// only processes of the same user may open /proc/<pid>/fd.
func memoryFile(content string) (*os.File, error) {
	fd, err := unix.MemfdCreate("plumb", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("making a file in memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "plumb")
	if _, err := file.WriteString(content); err != nil {
		file.Close()
		return nil, fmt.Errorf("writing a file in memory: %w", err)
	}
	const sealed = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sealed); err != nil {
		file.Close()
		return nil, fmt.Errorf("sealing a file in memory: %w", err)
	}
	return file, nil
}

// limitMemory bounds a git that was just started, and all that it starts: an object of a few bytes can unfold to gigabytes.
// It comes after exec, microseconds before git has read its configuration. A kernel that refuses leaves git unbounded.
func limitMemory(pid int, bytes uint64) {
	bound := unix.Rlimit{Cur: bytes, Max: bytes}
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &bound, nil)
	none := unix.Rlimit{}
	_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &none, nil) // a core would hold the credential
}

// limitedBuffer keeps what is written until there is more than allowed; then it calls over, once.
type limitedBuffer struct {
	bytes.Buffer
	limit    int
	exceeded bool
	over     func()
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		if !b.exceeded {
			b.exceeded = true
			b.over()
		}
		return 0, errTooMuch
	}
	return b.Buffer.Write(p)
}

// tailBuffer keeps the end of what is written.
type tailBuffer struct {
	kept  []byte
	limit int
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if extra := len(b.kept) - b.limit; extra > 0 {
		b.kept = append(b.kept[:0], b.kept[extra:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string { return string(b.kept) }

// clean takes out of a foreign text what could forge a line or drive a terminal: control characters become spaces, and
// bytes that are not UTF-8 question marks.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return ' '
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}
