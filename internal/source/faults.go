package source

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"plumb.dev/plumb/internal/fault"
)

// Finer codes of this package's faults.
const (
	CodeDeadline        = "DEADLINE"         // FetchFailed: no answer in time
	CodeMirrorDamaged   = "MIRROR_DAMAGED"   // FetchFailed: the local copy is damaged; the next Fetch makes it anew
	CodePackTooLarge    = "PACK_TOO_LARGE"   // FetchFailed: the server sent more than Options.MaxPack
	CodeTreeInvalid     = "TREE_INVALID"     // FetchFailed: a tree object that no honest git writes
	CodeRevisionInvalid = "REVISION_INVALID" // RevisionNotFound: no ref can have this name
	CodeFileTooLarge    = "FILE_TOO_LARGE"   // RenderLimit
	CodeTreeTooLarge    = "TREE_TOO_LARGE"   // RenderLimit: one folder
	CodeTreeTooDeep     = "TREE_DEPTH"       // RenderLimit
	CodeSubmodule       = "SUBMODULE"        // Unsupported
	CodeSymlinkLoop     = "SYMLINK_LOOP"     // PathEscape
)

// maxSaid bounds how much of a server's own words stands in a message, in bytes.
const maxSaid = 300

// failure says in the words of people why talking to the server failed. Errors that are Faults already, and the context's
// own when the caller gave up, pass unchanged.
func (m *Mirror) failure(err error) error {
	var known *fault.Fault
	var failed *gitError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &failed):
		return m.classify(failed)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fault.New(fault.FetchFailed, "%s cannot be read: %w", m.url, err)
}

// pattern says what a text on git's stderr means.
type pattern struct {
	text    *regexp.Regexp
	reason  fault.Reason
	message string // after the address
	next    string // {scan} is the command that asks for a host's keys
	code    string
}

// patterns are tried in order. The texts are those of git 2.39 to 2.50, libcurl and OpenSSH 9, in the C locale.
var patterns = []pattern{
	{text: regexp.MustCompile(`REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed`), code: CodeHostKeyChanged,
		reason: fault.FetchFailed, message: "shows another host key than the one that the Secret pins: somebody stands between, or the server was set up anew",
		next: "ask the server's operator; only if the new fingerprint is theirs, put the new key into known_hosts of the Secret"},
	{text: regexp.MustCompile(`(?i)host key is known for|Host key verification failed|no hostkey alg`), code: CodeHostKeyUnknown,
		reason: fault.FetchFailed, message: "shows a host key that the Secret does not pin",
		next: "run `{scan}`, compare the fingerprints with those that the server's operator publishes, and put the file into the Secret as known_hosts"},
	{text: regexp.MustCompile(`Permission denied \(|Too many authentication failures`),
		reason: fault.CredentialsRefused, message: "refuses the key", next: "register the public half of `identity` at the server as a deploy key that may read this repository"},
	{text: regexp.MustCompile(`(?i)No user exists for uid`),
		reason: fault.FetchFailed, message: "cannot be asked over ssh: the user that the agent runs as has no name", next: "add a line for it to /etc/passwd"},
	{text: regexp.MustCompile(`(?i)ssh: (command )?not found|cannot run ssh`),
		reason: fault.FetchFailed, message: "cannot be asked: there is no ssh client", next: "install openssh-client"},
	{text: regexp.MustCompile(`(?i)could not read (Username|Password)|Authentication failed|HTTP Basic: Access denied|returned error: 40[17]`),
		reason: fault.CredentialsRefused, message: "refuses the credentials", next: "check the Secret that `secret` names: keys token, or username and password"},
	{text: regexp.MustCompile(`returned error: 403`),
		reason: fault.CredentialsRefused, message: "forbids access with these credentials", next: "give the token the right to read this repository"},
	{text: regexp.MustCompile(`(?i)returned error: 404|repository '[^']*' not found|ERROR: Repository not found|could not be found or you don't have permission|does not appear to be a git repository`),
		reason: fault.FetchFailed, message: "has no such repository, or does not show it to these credentials", next: "check the address; a private repository needs `secret`"},
	{text: regexp.MustCompile(`returned error: 30\d|unable to update url base from redirection`),
		reason: fault.FetchFailed, message: "answers with a redirect, which is not followed", next: "write the address that it redirects to, often the same with .git at its end"},
	{text: regexp.MustCompile(`returned error: 429`),
		reason: fault.FetchFailed, message: "says that it is asked too often", next: "use a webhook and a longer `poll`"},
	{text: regexp.MustCompile(`(?i)SSL certificate problem|server certificate verification failed|unable to get local issuer`),
		reason: fault.FetchFailed, message: "has a certificate that is not trusted", next: "put the authority's certificate into the Secret as ca.crt"},
	{text: regexp.MustCompile(`(?i)info/refs not valid|invalid (server|upload-pack) response|bad line length|protocol error|unexpected .*(line|packet|data)`),
		reason: fault.FetchFailed, message: "did not answer as a Git server does", next: "check that the address is that of the repository, not of its page"},
	{text: regexp.MustCompile(`(?i)mismatched algorithms|object[- ]format`),
		reason: fault.Unsupported, message: "holds a repository of SHA-256 objects, which is not supported yet", next: ""},
	{text: regexp.MustCompile(`(?i)dubious ownership`),
		reason: fault.FetchFailed, message: "belongs to another user of this machine, and git refuses to read it", next: "run as the owner of the folder"},
}

// classify turns a failed run of git into a Fault with the server's own words.
func (m *Mirror) classify(failed *gitError) *fault.Fault {
	if failed.deadline > 0 {
		return fault.New(fault.FetchFailed, "%s gave no complete answer within %s: %w", m.url, failed.deadline, failed.err).WithCode(CodeDeadline)
	}
	for _, p := range patterns {
		if p.text.MatchString(failed.said) {
			f := fault.New(p.reason, "%s %s: %s%w", m.url, p.message, bounded(failed.said), quiet{failed})
			return f.WithCode(p.code).WithNext("%s", strings.ReplaceAll(p.next, "{scan}", Remote{URL: m.url}.scan()))
		}
	}
	said := or(failed.said, failed.Error())
	return fault.New(fault.FetchFailed, "%s cannot be read: %s%w", m.url, bounded(said), quiet{failed})
}

// quiet wraps an error whose text already stands in the message.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// ofSSH matches a line of ssh that tells more than git's own, which follows it.
var ofSSH = regexp.MustCompile(`^(ssh: |kex_exchange_identification|Connection |No .* host key is known|Host key |.*Permission denied \()`)

// bounded gives the part of a server's text that says most: the lines that git marks as fatal or as the server's, on one
// line, at most maxSaid bytes.
func bounded(said string) string {
	var telling []string
	lines := strings.Split(said, "\n")
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal:") || strings.HasPrefix(line, "error:") || strings.HasPrefix(line, "remote:") || strings.HasPrefix(line, "ERR ") || ofSSH.MatchString(line) {
			telling = append(telling, line)
		}
	}
	if len(telling) == 0 {
		telling = lines
	}
	text := strings.Join(strings.Fields(strings.Join(telling, " ")), " ")
	if len(text) <= maxSaid {
		return text
	}
	cut := maxSaid
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
