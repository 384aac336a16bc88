package source_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

func overSSH(t testing.TB, repo *sourcetest.Repo) source.Remote {
	server := sourcetest.ServeSSH(t)
	return source.Remote{URL: server.URL(repo), Identity: server.Identity, KnownHosts: server.KnownHosts}
}

// sshScene is a repository with a commit behind an sshd.
func sshScene(t *testing.T) (*sourcetest.SSHServer, source.Remote) {
	repo := sourcetest.NewRepo(t)
	repo.Commit("main", "x", sourcetest.File("a", "1"))
	server := sourcetest.ServeSSH(t)
	return server, source.Remote{URL: server.URL(repo), Identity: server.Identity, KnownHosts: server.KnownHosts}
}

func resolve(t *testing.T, remote source.Remote) error {
	t.Helper()
	m, err := source.Open(t.TempDir(), remote, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = m.Resolve(t.Context(), "main")
	return err
}

// TestSSHRefused: whatever is wrong with a key on either side is said with what to do, and nobody is let in.
func TestSSHRefused(t *testing.T) {
	t.Parallel()
	server, good := sshScene(t)
	other, otherPublic := sourcetest.NewKey(t)
	host, _, _ := strings.Cut(server.KnownHosts, " ")
	locked := lockedKey(t)
	with := func(change func(*source.Remote)) source.Remote {
		remote := good
		change(&remote)
		return remote
	}
	for _, test := range []struct {
		reason string
		remote source.Remote
		want   fault.Reason
		code   string
		text   string
		asked  bool // the server was talked to
	}{
		{"no key", with(func(r *source.Remote) { r.Identity = "" }), fault.CredentialsRefused, source.CodeIdentity, "`identity`", false},
		{"a key with a passphrase", with(func(r *source.Remote) { r.Identity = locked }), fault.CredentialsRefused, source.CodeIdentity, "ssh-keygen -t ed25519 -N ''", false},
		{"the public half", with(func(r *source.Remote) { r.Identity = otherPublic }), fault.CredentialsRefused, source.CodeIdentity, ".pub", false},
		{"no host keys", with(func(r *source.Remote) { r.KnownHosts = "\n# none\n" }), fault.CredentialsRefused, source.CodeKnownHosts, "ssh-keyscan -p ", false},
		{"host keys that are none", with(func(r *source.Remote) { r.KnownHosts += "github.com\n" }), fault.CredentialsRefused, source.CodeKnownHosts, "line 2", false},
		{"the key of another host", with(func(r *source.Remote) { r.KnownHosts = strings.Replace(r.KnownHosts, host, "git.example.com", 1) }), fault.FetchFailed, source.CodeHostKeyUnknown, "ssh-keyscan -p ", true},
		{"another key of the host", with(func(r *source.Remote) { r.KnownHosts = host + " " + otherPublic }), fault.FetchFailed, source.CodeHostKeyChanged, "stands between", true},
		{"a key that is not let in", with(func(r *source.Remote) { r.Identity = other }), fault.CredentialsRefused, "", "deploy key", true},
		{"no such repository", with(func(r *source.Remote) { r.URL += "x" }), fault.FetchFailed, "", "no such repository", true},
		{"a password in the Secret is of no use", with(func(r *source.Remote) { r.Identity, r.Token = "", token }), fault.CredentialsRefused, source.CodeIdentity, "", false},
	} {
		before := server.Connections()
		err := resolve(t, test.remote)
		if f := fault.Of(err, ""); f == nil || f.Reason != test.want || f.Code != test.code || !strings.Contains(f.Error(), test.text) {
			t.Errorf("%s: the error is %v, want %s %s with %q", test.reason, err, test.want, test.code, test.text)
		}
		if asked := server.Connections() > before; asked != test.asked {
			t.Errorf("%s: the server was asked: %v", test.reason, asked)
		}
		if said := fmt.Sprintf("%v", err); strings.Contains(said, "PRIVATE KEY") || strings.Contains(said, "/proc/") || len(said) > 900 {
			t.Errorf("%s: the error shows too much: %q", test.reason, said)
		}
	}
	if err := resolve(t, with(func(r *source.Remote) { r.Identity = strings.TrimSpace(r.Identity) })); err != nil {
		t.Errorf("a key without its last line break, as a Secret may have it: %v", err)
	}
	if err := resolve(t, with(func(r *source.Remote) { r.URL = "ssh://" + server.User + "@" + closedPort(t) + "/x.git" })); !fault.Is(err, fault.FetchFailed) || !strings.Contains(err.Error(), "Connection refused") {
		t.Errorf("nobody listens: %v", err)
	}
}

// lockedKey makes a private key with a passphrase.
func lockedKey(t *testing.T) string {
	t.Helper()
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(secret, "", []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// TestSSHReadsNothingOfTheUser: a configuration of the user that leads elsewhere, an agent and a command in the environment
// change nothing.
func TestSSHReadsNothingOfTheUser(t *testing.T) {
	server, good := sshScene(t)
	home := t.TempDir()
	marker := filepath.Join(home, "ran")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "Host *\n\tProxyCommand touch " + marker + "\n\tStrictHostKeyChecking no\n"
	if err := os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "GIT_SSH_COMMAND": "touch " + marker, "GIT_SSH": "/bin/false", "SSH_AUTH_SOCK": filepath.Join(home, "agent"), "SSH_ASKPASS": "/bin/false",
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.sshCommand", "GIT_CONFIG_VALUE_0": "touch " + marker,
	} {
		t.Setenv(name, value)
	}
	if err := resolve(t, good); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("a command of the user's was run")
	}
	if server.Connections() != 1 {
		t.Errorf("%d connections, want 1", server.Connections())
	}
}

// TestKeyIsNowhere looks, while ssh talks to a server that says nothing, at all that others can see of it.
func TestKeyIsNowhere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	reached := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		close(reached)
		_, _ = conn.Read(make([]byte, 1)) // the client's greeting
		_, _ = conn.Read(make([]byte, 1<<16))
		<-t.Context().Done()
	}()
	private, public := sourcetest.NewKey(t)
	cache := t.TempDir()
	m, err := source.Open(cache, source.Remote{URL: "ssh://git@" + listener.Addr().String() + "/x.git", Identity: private, KnownHosts: "* " + public}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := m.Resolve(ctx, "main")
		ended <- err
	}()
	<-reached
	secret := []byte(strings.Split(private, "\n")[2])
	pids := descendants(t)
	if len(pids) == 0 {
		t.Error("no git runs")
	}
	for _, pid := range pids {
		for _, file := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)); err == nil && bytes.Contains(text, secret) {
				t.Errorf("the key is in %s of a child", file)
			}
		}
	}
	err = filepath.WalkDir(cache, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, secret) {
			t.Errorf("the key is in %s", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gives up gets %v", err)
	}
}
