package redact

import (
	"fmt"
	"log/slog"
)

// Secret is a value that does not print itself: by fmt with any verb, by encoding/json and other text encoders, or by
// log/slog it is Marker. Reveal is the one way to it, so that a search for Reveal finds every use.
type Secret struct{ value string }

// Hide makes a Secret.
func Hide(value string) Secret { return Secret{value} }

// Reveal gives the value.
func (s Secret) Reveal() string { return s.value }

// IsZero tells whether there is no value.
func (s Secret) IsZero() bool { return s.value == "" }

// String gives Marker.
func (s Secret) String() string { return Marker }

// GoString gives Marker.
func (s Secret) GoString() string { return Marker }

// Format writes Marker for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Marker)) }

// MarshalText gives Marker, to JSON, YAML and others.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Marker), nil }

// LogValue gives Marker.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Marker) }
