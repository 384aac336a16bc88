package source

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"plumb.dev/plumb/internal/fault"
)

// IsSSH tells whether an address is one of ssh, in either spelling.
func IsSSH(address string) bool {
	return strings.HasPrefix(address, "ssh://") || scpLike.MatchString(address)
}

// scpLike matches user@host:path, the second spelling of ssh. Its path is relative to the user's home.
var scpLike = regexp.MustCompile(`^([A-Za-z0-9_.-]+)@([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([^/].*)$`)

// sshUser is a name that a program takes for nothing else.
var sshUser = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// canonicalSSH gives the one spelling of an ssh:// address. Without a user it is git's, as at every forge.
func canonicalSSH(u *url.URL) (string, error) {
	user := "git"
	if u.User != nil {
		if _, has := u.User.Password(); has {
			return "", unsafeURL("the address of the repository holds a password").WithNext("remove it; ssh is let in by the key in the Secret that `secret` names")
		}
		user = u.User.Username()
	}
	if !sshUser.MatchString(user) {
		return "", unsafeURL("the user in the repository's address is not a name")
	}
	host, err := canonicalHost(u, "22")
	if err != nil {
		return "", err
	}
	clean, err := canonicalPath(u)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(clean, "/-") {
		return "", unsafeURL("the path of the repository's address begins with '-', which programs take for an option")
	}
	return "ssh://" + user + "@" + host + clean, nil
}

// canonicalSCP gives the one spelling of user@host:path. It stays in this form: as a URL it would name another folder where
// the path is not read by a forge.
func canonicalSCP(address string) (string, error) {
	parts := scpLike.FindStringSubmatch(address)
	user, host, path := parts[1], strings.ToLower(parts[2]), parts[3]
	if !sshUser.MatchString(user) || strings.HasPrefix(path, "-") || strings.ContainsAny(path, "%?#") {
		return "", unsafeURL("the address of the repository holds a character that it cannot have in the form user@host:path").WithNext("write ssh://user@host/path")
	}
	u, err := url.Parse("ssh://" + user + "@" + host + "/" + path)
	if err != nil {
		return "", unsafeURL("the address of the repository cannot be read")
	}
	if host, err = canonicalHost(u, ""); err != nil {
		return "", err
	}
	clean, err := canonicalPath(u)
	if err != nil {
		return "", err
	}
	return user + "@" + host + ":" + strings.TrimPrefix(clean, "/"), nil
}

// Finer codes of what is wrong with a key, on either side.
const (
	CodeIdentity       = "SSH_IDENTITY"         // CredentialsRefused: our key cannot be used
	CodeKnownHosts     = "SSH_KNOWN_HOSTS"      // CredentialsRefused: there are no pinned host keys, or no readable ones
	CodeHostKeyUnknown = "SSH_HOST_KEY"         // FetchFailed: the server's key is not among the pinned ones
	CodeHostKeyChanged = "SSH_HOST_KEY_CHANGED" // FetchFailed: it is another than the pinned one
)

// sshCommand gives the line by which git starts ssh, and the files that it names, which are to be closed after the run.
//
// The files are in memory, and ssh reads them by the name that they have in this process, since it closes every descriptor
// that it inherits. Only processes of the same user may open them. The line is constant but for the two descriptors: no configuration of machine or user, no agent, no other key than the
// Secret's, no question to anybody, no host whose key is not pinned, nothing forwarded and nothing shared with another run.
func (r repo) sshCommand() (line string, files []*os.File, err error) {
	if err := r.remote.checkSSH(); err != nil {
		return "", nil, err
	}
	var paths []string
	for _, content := range []string{ending(r.remote.Identity), ending(r.remote.KnownHosts)} {
		file, err := memoryFile(content)
		if err == nil {
			files = append(files, file)
			err = file.Chmod(0o600) // ssh refuses a key that others could read
		}
		if err != nil {
			closeAll(files)
			return "", nil, err
		}
		paths = append(paths, "/proc/"+strconv.Itoa(os.Getpid())+"/fd/"+strconv.Itoa(int(file.Fd())))
	}
	options := []string{
		"IdentityFile=" + paths[0], "UserKnownHostsFile=" + paths[1], "GlobalKnownHostsFile=/dev/null",
		"StrictHostKeyChecking=yes", "CheckHostIP=no", "VerifyHostKeyDNS=no", "UpdateHostKeys=no",
		"BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "AddKeysToAgent=no", "PreferredAuthentications=publickey",
		"PasswordAuthentication=no", "KbdInteractiveAuthentication=no", "HostbasedAuthentication=no", "GSSAPIAuthentication=no",
		"ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "ProxyCommand=none", "ControlMaster=no", "ControlPath=none",
		"CanonicalizeHostname=no", "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=2", "LogLevel=ERROR",
	}
	return "ssh -F /dev/null -T -o " + strings.Join(options, " -o "), files, nil
}

// ending gives a text with the line break that a Secret's value may have lost and without which ssh reads no key.
func ending(text string) string { return strings.TrimRight(text, "\r\n") + "\n" }

// checkSSH says what is missing for ssh, before anybody is asked.
func (r Remote) checkSSH() error {
	if strings.TrimSpace(r.Identity) == "" {
		return fault.New(fault.CredentialsRefused, "%s is read over ssh, and there is no key for it", r.URL).WithCode(CodeIdentity).
			WithNext("put a private key without passphrase into the Secret that `secret` names, as `identity`, beside `known_hosts`")
	}
	_, err := ssh.ParseRawPrivateKey([]byte(ending(r.Identity)))
	switch {
	case errors.As(err, new(*ssh.PassphraseMissingError)):
		return fault.New(fault.CredentialsRefused, "the key in `identity` of the Secret for %s is locked with a passphrase", r.URL).WithCode(CodeIdentity).
			WithNext("make one without, for this repository alone: ssh-keygen -t ed25519 -N '' -f identity; register identity.pub at the server as a deploy key that may only read")
	case err != nil:
		return fault.New(fault.CredentialsRefused, "`identity` of the Secret for %s is no private key that can be read", r.URL).WithCode(CodeIdentity).
			WithNext("put the whole file there that ssh-keygen wrote, from BEGIN to END; not the one that ends in .pub")
	}
	if !hasHostKey(r.KnownHosts) {
		return fault.New(fault.CredentialsRefused, "%s is read over ssh, and the Secret pins no host key", r.URL).WithCode(CodeKnownHosts).
			WithNext("run `%s`, compare the fingerprints (ssh-keygen -lf known_hosts) with those that the server's operator publishes, and put the file into the Secret as known_hosts", r.scan())
	}
	if line, err := badHostKey(r.KnownHosts); err != nil {
		return fault.New(fault.CredentialsRefused, "line %d of `known_hosts` of the Secret for %s is not a host key: %w", line, r.URL, err).WithCode(CodeKnownHosts).
			WithNext("make it anew: %s", r.scan())
	}
	return nil
}

// scan gives the command that asks a server for its host keys.
func (r Remote) scan() string {
	host, port := "", ""
	if parts := scpLike.FindStringSubmatch(r.URL); parts != nil {
		host = strings.Trim(parts[2], "[]")
	} else if u, err := url.Parse(r.URL); err == nil {
		host = u.Hostname()
		if u.Port() != "" {
			port = "-p " + u.Port() + " "
		}
	}
	return "ssh-keyscan " + port + host + " > known_hosts"
}

// hasHostKey tells whether a known_hosts file has any line that is more than a comment.
func hasHostKey(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}

// badHostKey gives the number of the first line of a known_hosts file that ssh would pass over, and why.
func badHostKey(text string) (line int, err error) {
	for one := range strings.Lines(text) {
		line++
		trimmed := bytes.TrimSpace([]byte(one))
		if len(trimmed) == 0 || trimmed[0] == '#' {
			continue
		}
		if _, _, _, _, _, err := ssh.ParseKnownHosts(append(trimmed, '\n')); err != nil {
			return line, err
		}
	}
	return 0, nil
}
