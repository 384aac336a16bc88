package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// A status stays far below 64 kB whatever others write into messages (resources.md §9).
const (
	summaryLimit = 512  // characters
	messageLimit = 1024 // characters
)

// sentence gives a fault without its next step: place, then message.
func sentence(f *fault.Fault) string {
	s := f.Message
	if f.Code != "" {
		s += " [" + f.Code + "]"
	}
	if place := f.Place.String(); place != "" {
		s = place + ": " + s
	}
	return s
}

// tell gives "Deployment/web-dev/web: message", or says it in other words where there is no message.
func tell(id object.ID, message, otherwise string) string {
	if message == "" {
		return id.String() + " " + otherwise
	}
	return id.String() + ": " + message
}

// name gives the seven characters by which people know a commit.
func name(revision string) string { return revision[:min(len(revision), 7)] }

// clock gives a moment in a form that does not change as time goes by: "Nov 22 14:02 UTC".
func clock(t time.Time) string { return t.UTC().Format("Jan 2 15:04 UTC") }

// span gives a duration without the units that are zero: "10m", not "10m0s".
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// count gives "1 deletion waits" or "3 deletions wait".
func count(n int, noun, one, many string) string {
	if n == 1 {
		return strings.TrimSpace("1 " + noun + " " + one)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %ss %s", n, noun, many))
}

// limit cuts a text to n characters, and makes one line of it.
func limit(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

func sortedIDs(m map[object.ID]string) []object.ID {
	return slices.SortedFunc(maps.Keys(m), object.ID.Compare)
}

func orSomebody(who string) string {
	if who == "" {
		return "somebody"
	}
	return who
}
