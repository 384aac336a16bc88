// Package fault holds the one vocabulary of reasons and the one error type that people read.
//
// A Fault is a sentence, a place in the user's files, a cause and a next step. Its Reason is a word of a closed list
// (docs/reference/resources.md §8) that stands unchanged in conditions, events, metrics and exit messages.
//
// The package never does I/O, never formats with colour and never carries a secret value: whoever builds a Fault from
// a server's answer passes the text through package redact first.
//
// Start at Fault; Of finds the Fault in a chain of wrapped errors.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Place is a position in a file of the user's repository. Line and Column start at 1; 0 means not known.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String gives "file", "file:line" or "file:line:column", as compilers do; "" for the zero Place.
func (p Place) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Fault is an error that a person must understand in seconds.
type Fault struct {
	Reason  Reason `json:"reason"`         // one word of the closed list
	Code    string `json:"code,omitempty"` // a finer code, for example YAML_DEPTH
	Message string `json:"message"`        // one sentence, without the place and without a full stop
	Place   Place  `json:"place,omitzero"` // where in the user's files; zero if there is none
	Next    string `json:"next,omitempty"` // what to do now
	Cause   error  `json:"-"`              // the wrapped error, for errors.Is and errors.As
}

// New makes a Fault from a reason and a formatted sentence. A %w verb sets Cause.
func New(reason Reason, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Reason: reason, Message: err.Error(), Cause: errors.Unwrap(err)}
}

// At returns a copy that names a place.
func (f Fault) At(p Place) *Fault {
	f.Place = p
	return &f
}

// WithNext returns a copy that names the next step.
func (f Fault) WithNext(format string, args ...any) *Fault {
	f.Next = fmt.Sprintf(format, args...)
	return &f
}

// WithCode returns a copy with a finer code.
func (f Fault) WithCode(code string) *Fault {
	f.Code = code
	return &f
}

// Error gives "place: message (next)", on one line.
func (f *Fault) Error() string {
	var b strings.Builder
	if p := f.Place.String(); p != "" {
		b.WriteString(p)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Code != "" {
		fmt.Fprintf(&b, " [%s]", f.Code)
	}
	if f.Next != "" {
		fmt.Fprintf(&b, "; %s", f.Next)
	}
	return b.String()
}

// Unwrap gives the cause, for errors.Is and errors.As.
func (f *Fault) Unwrap() error { return f.Cause }

// Of finds the first Fault in the chain of err. An error without one becomes a Fault of the given reason,
// so that no error reaches a person without a reason. Of(nil, …) is nil.
func Of(err error, otherwise Reason) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Reason: otherwise, Message: err.Error(), Cause: err}
}

// Is tells whether the chain of err holds a Fault of this reason.
func Is(err error, reason Reason) bool {
	var f *Fault
	return errors.As(err, &f) && f.Reason == reason
}
