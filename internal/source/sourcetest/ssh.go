package sourcetest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
)

// SSHServer is a real OpenSSH server on loopback. Its host key and the one key that it lets in are made for the test.
type SSHServer struct {
	Address    string // host:port
	User       string // who logs in: the user that the test runs as
	Identity   string // the private key that is let in
	KnownHosts string // its host key, as known_hosts has it

	dir         string
	connections atomic.Int64
	work        sync.WaitGroup
	said        lockedBuffer
}

// ServeSSH serves repositories by sshd until the test ends: each connection has an sshd of its own, a child of the test,
// that runs nothing but git. It fails the test where there is no sshd.
func ServeSSH(t testing.TB) *SSHServer {
	t.Helper()
	program, err := exec.LookPath("sshd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			t.Fatal("there is no sshd: install openssh-server (scripts/need does)")
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // sshd insists on its folder, which only a system that started it has
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &SSHServer{User: me.Username, dir: t.TempDir()}
	hostKey, hostPublic := NewKey(t)
	identity, public := NewKey(t)
	s.Identity = identity
	s.write(t, "host", hostKey, 0o600)
	s.write(t, "authorized", public, 0o600)
	shell := `git shell -c "$SSH_ORIGINAL_COMMAND"`
	s.write(t, "config", strings.Join([]string{
		"HostKey " + filepath.Join(s.dir, "host"), "AuthorizedKeysFile " + filepath.Join(s.dir, "authorized"), "AuthenticationMethods publickey",
		"StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin yes", "AcceptEnv GIT_PROTOCOL", "ForceCommand " + shell, "LogLevel ERROR",
	}, "\n")+"\n", 0o600)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = listener.Addr().String()
	host, port, _ := net.SplitHostPort(s.Address)
	s.KnownHosts = "[" + host + "]:" + port + " " + hostPublic
	s.work.Go(func() { s.accept(listener, program) })
	t.Cleanup(func() {
		listener.Close()
		s.work.Wait()
		if t.Failed() && s.said.String() != "" {
			t.Logf("sshd said:\n%s", s.said.String())
		}
	})
	return s
}

// URL gives the address of a repository.
func (s *SSHServer) URL(repo *Repo) string { return "ssh://" + s.User + "@" + s.Address + repo.Dir }

// Connections gives how many connections came so far.
func (s *SSHServer) Connections() int { return int(s.connections.Load()) }

func (s *SSHServer) accept(listener net.Listener, program string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		s.connections.Add(1)
		s.work.Go(func() {
			defer conn.Close()
			socket, err := conn.(*net.TCPConn).File()
			if err != nil {
				return
			}
			defer socket.Close()
			cmd := exec.Command(program, "-i", "-e", "-f", filepath.Join(s.dir, "config"))
			cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, &s.said
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
			_ = cmd.Run() // it ends with an error when a client is refused
		})
	}
}

func (s *SSHServer) write(t testing.TB, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// NewKey makes a key pair: the private half as OpenSSH writes it, the public one as a line of authorized_keys.
func NewKey(t testing.TB) (private, public string) {
	t.Helper()
	open, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(open)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(line))
}

// lockedBuffer may be written by many.
type lockedBuffer struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.String()
}
