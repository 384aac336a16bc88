// Package report turns what the agent knows into what people read: the state table, the answer to why, the one-line
// summaries, the text of an error.
//
// It is pure: resources, the age of the agent's Lease and the time go in, lines come out. It never reads a cluster, never
// writes anywhere, and never shows a state that nobody vouches for: when the agent is not heard from, every state is
// unknown. Text that comes from clusters and commits is cleaned of control characters before it is laid out.
//
// Start at Fleet; Status and Why lay it out; Style says what the terminal can show.
package report

import (
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Style is what the reader's terminal can show. The zero Style is ASCII-less, colourless and never cuts a line.
type Style struct {
	Color bool
	ASCII bool // the locale is not UTF-8
	Width int  // columns; 0 means that no line is cut
}

// stateLook is the glyph, the word and the colour of a state.
type stateLook struct{ glyph, ascii, word, sgr string }

func lookOf(s v1alpha1.State) stateLook {
	switch s {
	case v1alpha1.StateFailed:
		return stateLook{"✕", "x", "failed", "31"}
	case v1alpha1.StateDrifted:
		return stateLook{"≠", "*", "drifted", "33"}
	case v1alpha1.StateRolling:
		return stateLook{"◐", "~", "rolling out", "34"}
	case v1alpha1.StateWaiting:
		return stateLook{"◷", ".", "waiting", "90"}
	case v1alpha1.StatePaused:
		return stateLook{"‖", "=", "paused", "35"}
	case v1alpha1.StateOK:
		return stateLook{"●", "ok", "ok", "32"}
	}
	return stateLook{"?", "?", "unknown", "90"}
}

// Word gives the word that people read for a state: "rolling" is read as "rolling out".
func Word(s v1alpha1.State) string { return lookOf(s).word }

// Glyph gives the sign of a state in the reader's character set, without colour.
func (s Style) Glyph(state v1alpha1.State) string {
	look := lookOf(state)
	if s.ASCII {
		return look.ascii
	}
	return look.glyph
}

// paint colours text as a state.
func (s Style) paint(state v1alpha1.State, text string) string { return s.sgr(lookOf(state).sgr, text) }

func (s Style) bold(text string) string { return s.sgr("1", text) }
func (s Style) dim(text string) string  { return s.sgr("2", text) }

func (s Style) sgr(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Trouble gives the lines of an error: the sentence, the place, the next step.
func (s Style) Trouble(f *fault.Fault) string {
	message := Clean(f.Message)
	if f.Code != "" {
		message += " [" + Clean(f.Code) + "]"
	}
	lines := []string{s.paint(v1alpha1.StateFailed, s.Glyph(v1alpha1.StateFailed)) + " " + message}
	if place := f.Place.String(); place != "" {
		lines = append(lines, "  at    "+Clean(place))
	}
	if f.Next != "" {
		lines = append(lines, "  next  "+Clean(f.Next))
	}
	return strings.Join(lines, "\n")
}

// Sign is how good a finding is.
type Sign int

// The signs.
const (
	SignUnknown Sign = iota
	SignFine
	SignWarning
	SignWrong
)

// Mark gives the sign of a finding, one column wide, in colour where there is some.
func (s Style) Mark(sign Sign) string {
	switch sign {
	case SignFine:
		if s.ASCII {
			return s.paint(v1alpha1.StateOK, "+")
		}
		return s.paint(v1alpha1.StateOK, s.Glyph(v1alpha1.StateOK))
	case SignWarning:
		return s.paint(v1alpha1.StateDrifted, "!")
	case SignWrong:
		return s.paint(v1alpha1.StateFailed, s.Glyph(v1alpha1.StateFailed))
	}
	return s.paint(v1alpha1.StateUnknown, "?")
}
