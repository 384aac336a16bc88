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
	next    string
}

// patterns are tried in order. The texts are those of git 2.39 to 2.50 and libcurl, in the C locale.
var patterns = []pattern{
	{regexp.MustCompile(`(?i)could not read (Username|Password)|Authentication failed|HTTP Basic: Access denied|returned error: 40[17]`),
		fault.CredentialsRefused, "refuses the credentials", "check the Secret that `secret` names: keys token, or username and password"},
	{regexp.MustCompile(`returned error: 403`),
		fault.CredentialsRefused, "forbids access with these credentials", "give the token the right to read this repository"},
	{regexp.MustCompile(`(?i)returned error: 404|repository '[^']*' not found|does not appear to be a git repository`),
		fault.FetchFailed, "has no such repository, or does not show it to these credentials", "check the address; a private repository needs `secret`"},
	{regexp.MustCompile(`returned error: 30\d|unable to update url base from redirection`),
		fault.FetchFailed, "answers with a redirect, which is not followed", "write the address that it redirects to, often the same with .git at its end"},
	{regexp.MustCompile(`returned error: 429`),
		fault.FetchFailed, "says that it is asked too often", "use a webhook and a longer `poll`"},
	{regexp.MustCompile(`(?i)SSL certificate problem|server certificate verification failed|unable to get local issuer`),
		fault.FetchFailed, "has a certificate that is not trusted", "put the authority's certificate into the Secret as ca.crt"},
	{regexp.MustCompile(`(?i)info/refs not valid|invalid (server|upload-pack) response|bad line length|protocol error|unexpected .*(line|packet|data)`),
		fault.FetchFailed, "did not answer as a Git server does", "check that the address is that of the repository, not of its page"},
	{regexp.MustCompile(`(?i)mismatched algorithms|object[- ]format`),
		fault.Unsupported, "holds a repository of SHA-256 objects, which is not supported yet", ""},
	{regexp.MustCompile(`(?i)dubious ownership`),
		fault.FetchFailed, "belongs to another user of this machine, and git refuses to read it", "run as the owner of the folder"},
}

// classify turns a failed run of git into a Fault with the server's own words.
func (m *Mirror) classify(failed *gitError) *fault.Fault {
	if failed.deadline > 0 {
		return fault.New(fault.FetchFailed, "%s gave no complete answer within %s: %w", m.url, failed.deadline, failed.err).WithCode(CodeDeadline)
	}
	for _, p := range patterns {
		if p.text.MatchString(failed.said) {
			f := fault.New(p.reason, "%s %s: %s%w", m.url, p.message, bounded(failed.said), quiet{failed})
			return f.WithNext("%s", p.next)
		}
	}
	return fault.New(fault.FetchFailed, "%s cannot be read: %s%w", m.url, bounded(failed.Error()), quiet{failed})
}

// quiet wraps an error whose text already stands in the message.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// bounded gives the part of a server's text that says most: the lines that git marks as fatal or as the server's, on one
// line, at most maxSaid bytes.
func bounded(said string) string {
	var telling []string
	lines := strings.Split(said, "\n")
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal:") || strings.HasPrefix(line, "error:") || strings.HasPrefix(line, "remote:") || strings.HasPrefix(line, "ERR ") {
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
