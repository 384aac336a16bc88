package forge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/redact"
)

// Finer codes of this package's faults.
const (
	CodeToken        = "FORGE_TOKEN"         // CredentialsRefused: the token is not believed
	CodeRight        = "FORGE_RIGHT"         // CredentialsRefused: it may not do that
	CodeMissing      = "FORGE_MISSING"       // ForgeFailed: there is no such thing, or it is hidden from the token
	CodeInvalid      = "FORGE_INVALID"       // ForgeFailed: the forge refuses what was sent
	CodeRateLimit    = "FORGE_RATE_LIMIT"    // ForgeFailed: it was asked too often; RetryAt says when to come again
	CodeHeadMoved    = "FORGE_HEAD_MOVED"    // ForgeFailed: the pull request has another head than was named
	CodeNotMergeable = "FORGE_NOT_MERGEABLE" // ForgeFailed: it is a draft, has conflicts, is closed, or a rule of the forge is not kept
	CodeDown         = "FORGE_DOWN"          // ForgeFailed: no answer, or one that says that the forge is broken
	CodeShared       = "FORGE_SHARED"        // ForgeFailed: another Repo writes the same statuses
	CodeTooMany      = "FORGE_TOO_MANY"      // ForgeFailed: more than is listed
)

// maxSaid bounds how much of a forge's own words stands in a message, in bytes.
const maxSaid = 300

// Limited is the cause of a Fault with CodeRateLimit.
type Limited struct{ Until time.Time }

func (l *Limited) Error() string { return "not before " + l.Until.UTC().Format(time.RFC3339) }

// RetryAt gives when a forge wants to be asked again, if it said so.
func RetryAt(err error) (time.Time, bool) {
	var l *Limited
	if errors.As(err, &l) {
		return l.Until, true
	}
	return time.Time{}, false
}

// Answer is what a client library says of a call that failed.
type Answer struct {
	Doing  string // what was wanted, after "the forge at git.example.com cannot": "set the status of 9f31c2a"
	Status int    // HTTP; 0: there was no answer
	Said   string // the forge's own words
	Err    error
}

// Trouble makes a Fault of a call that failed. Faults pass as they are, and so does the end of the caller's context.
func (a Access) Trouble(answer Answer) error {
	var known *fault.Fault
	var limited *Limited
	if errors.As(answer.Err, &known) {
		return known
	}
	said := a.plain(answer.Said)
	if said == "" && answer.Status == 0 && answer.Err != nil {
		said = a.plain(answer.Err.Error())
	}
	f := fault.Fault{Reason: fault.ForgeFailed, Cause: answer.Err, Message: fmt.Sprintf("%s cannot %s", a.URL, answer.Doing)}
	if said != "" {
		f.Message += ": " + said
	}
	switch {
	case errors.As(answer.Err, &limited):
		f.Message = fmt.Sprintf("%s cannot %s: it was asked too often", a.URL, answer.Doing)
		return f.WithCode(CodeRateLimit).WithNext("it is asked again at %s", limited.Until.UTC().Format(time.RFC3339))
	case answer.Status == http.StatusUnauthorized:
		f.Reason = fault.CredentialsRefused
		return f.WithCode(CodeToken).WithNext("write a token that is valid into the Secret that spec.forge names")
	case answer.Status == http.StatusForbidden:
		f.Reason = fault.CredentialsRefused
		return f.WithCode(CodeRight).WithNext("give the token the rights that docs/reference/forges.md lists")
	case answer.Status == http.StatusNotFound, answer.Status == http.StatusGone:
		return f.WithCode(CodeMissing).WithNext("check that %s is there and that the token may see it", a.Repository)
	case answer.Status >= 500 || answer.Status == 0:
		return f.WithCode(CodeDown).WithNext("it is tried again; nothing else waits for it")
	}
	return f.WithCode(CodeInvalid).WithNext("see what the forge says about it")
}

// Refused makes the Fault of a merge that a forge refused, from what the pull request is like now.
func (a Access) Refused(number int, wanted string, now Pull, answer Answer) error {
	f := fault.Fault{Reason: fault.ForgeFailed, Cause: answer.Err}
	if now.Head.Commit != wanted {
		f.Message = fmt.Sprintf("the pull request %d of %s is at %s, not at %s for which its merge was decided", number, a.Repository, short(now.Head.Commit), short(wanted))
		return f.WithCode(CodeHeadMoved).WithNext("look at what came, and decide anew")
	}
	f.Message = fmt.Sprintf("the pull request %d of %s cannot be merged now", number, a.Repository)
	if said := a.plain(answer.Said); said != "" {
		f.Message += ": " + said
	}
	return f.WithCode(CodeNotMergeable).WithNext("open %s and see what it lacks: approvals, checks, or conflicts that are to be resolved", now.URL)
}

// TooMany is the Fault of a list that does not end.
func (a Access) TooMany(what string, n int) error {
	return fault.New(fault.ForgeFailed, "%s lists more than %d %s of %s", a.URL, n, what, a.Repository).WithCode(CodeTooMany).
		WithNext("close what is not needed")
}

func short(commit string) string { return commit[:min(len(commit), 7)] }

// plain makes one bounded line of a forge's words, without secrets.
func (a Access) plain(s string) string {
	line := strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".")
	return Cut(redact.Text(line, a.Token, a.App.Key), maxSaid)
}
