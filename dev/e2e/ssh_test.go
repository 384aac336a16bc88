package e2e

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// sshd serves the repositories of the Git server over ssh as well, on loopback, until the test ends. Each connection has an
// sshd of its own that runs nothing but git.
type sshd struct {
	dir, address, user string
}

func newSSHD(t *testing.T) *sshd {
	t.Helper()
	program, err := exec.LookPath("sshd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			t.Fatal("there is no sshd: install openssh-server (scripts/need does)")
		}
	}
	me, err := user.Current()
	if err == nil && os.Geteuid() == 0 {
		err = os.MkdirAll("/run/sshd", 0o755) // sshd insists on its folder, which only a system that started it has
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &sshd{dir: t.TempDir(), user: me.Username}
	d.key(t, "host")
	d.key(t, "identity")
	config := "HostKey " + d.file("host") + "\nAuthorizedKeysFile " + d.file("identity.pub") + "\nAuthenticationMethods publickey\nStrictModes no\nUsePAM no\n" +
		"PermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\nForceCommand git shell -c \"$SSH_ORIGINAL_COMMAND\"\nLogLevel ERROR\n"
	if err := os.WriteFile(d.file("config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = listener.Addr().String()
	var work sync.WaitGroup
	work.Go(func() { d.accept(listener, program, &work) })
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return d
}

func (d *sshd) file(name string) string { return filepath.Join(d.dir, name) }

// key makes a key pair.
func (d *sshd) key(t *testing.T, name string) {
	t.Helper()
	_ = os.Remove(d.file(name))
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", d.file(name)).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
}

// text reads a file of the server's folder.
func (d *sshd) text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(d.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// knownHosts gives the host key as known_hosts has it.
func (d *sshd) knownHosts(t *testing.T) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(d.address)
	return "[" + host + "]:" + port + " " + d.text(t, "host.pub")
}

func (d *sshd) accept(listener net.Listener, program string, work *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		work.Go(func() {
			defer conn.Close()
			socket, err := conn.(*net.TCPConn).File()
			if err != nil {
				return
			}
			defer socket.Close()
			cmd := exec.Command(program, "-i", "-e", "-f", d.file("config"))
			cmd.Stdin, cmd.Stdout, cmd.Env = socket, socket, []string{"PATH=" + os.Getenv("PATH")}
			_ = cmd.Run() // it ends with an error when a client is refused
		})
	}
}

// secret gives the Secret for a Repo as a manifest, with pinned host keys or without.
func (d *sshd) secret(t *testing.T, name, knownHosts string) *unstructured.Unstructured {
	t.Helper()
	data := map[string]any{"identity": d.text(t, "identity")}
	if knownHosts != "" {
		data["known_hosts"] = knownHosts
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": system}, "stringData": data,
	}}
}

// A repository behind ssh is delivered with the key of the Secret, and only if the server shows a host key that the Secret
// pins. What is missing, and a host key that changed, is said with what to do; what runs stays.
func TestSSH(t *testing.T) {
	t.Parallel()
	d := newSSHD(t)
	s := newScenario(t, shared(t), "secure-shell")
	app, repo := s.name, "Repo/plumb-system/"+s.name
	s.spec["url"] = "ssh://" + d.user + "@" + d.address + s.repo.bare
	s.spec["secret"] = "secure-shell"
	s.create(d.secret(t, "secure-shell", ""), "e2e")
	first := s.commitQuietly("one", files{"apps/" + app + "/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.stale(true)
	s.says(field(s.live(repo), "status.summary").(string), "pins no host key", "ssh-keyscan -p ")

	pinned := d.knownHosts(t)
	s.pin(pinned)
	s.tell()
	s.ok(app, first)
	second := s.commit("two", files{"apps/" + app + "/a.yaml": configMap("settings", "a", "2")})
	s.ok(app, second)

	d.key(t, "host") // the server shows another key now
	s.commitQuietly("three", files{"apps/" + app + "/a.yaml": configMap("settings", "a", "3")})
	s.tell()
	s.stale(true)
	s.says(field(s.live(repo), "status.summary").(string), "another host key than the one that the Secret pins", "SSH_HOST_KEY_CHANGED")
	s.has("ConfigMap/"+app+"/settings", "data.a", "2")

	s.pin(d.knownHosts(t)) // somebody compared the fingerprints
	s.tell()
	s.has("ConfigMap/"+app+"/settings", "data.a", "3")
	for _, secret := range strings.Split(strings.TrimSpace(d.text(t, "identity")), "\n")[1:3] {
		if said := s.said(secret, 1); said != "" {
			t.Errorf("the log tells the key: %s", said)
		}
	}
}

// pin writes the host keys into the Secret.
func (s *scenario) pin(knownHosts string) {
	s.Helper()
	s.patch("Secret/plumb-system/"+s.name, "e2e", "stringData: {known_hosts: \""+strings.TrimSpace(knownHosts)+"\"}")
}
