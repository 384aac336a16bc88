package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func getenv(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestColour(t *testing.T) {
	cases := map[string]struct {
		mode string
		tty  bool
		env  []string
		want bool
	}{
		"a terminal":                         {"auto", true, nil, true},
		"a pipe":                             {"auto", false, nil, false},
		"a pipe that is told to":             {"auto", false, []string{"CLICOLOR_FORCE", "1"}, true},
		"CLICOLOR_FORCE=0 forces nothing":    {"auto", false, []string{"CLICOLOR_FORCE", "0"}, false},
		"NO_COLOR on a terminal":             {"auto", true, []string{"NO_COLOR", "1"}, false},
		"NO_COLOR beats CLICOLOR_FORCE":      {"auto", true, []string{"NO_COLOR", "1", "CLICOLOR_FORCE", "1"}, false},
		"an empty NO_COLOR is none":          {"auto", true, []string{"NO_COLOR", ""}, true},
		"--color always beats NO_COLOR":      {"always", false, []string{"NO_COLOR", "1"}, true},
		"--color never beats CLICOLOR_FORCE": {"never", true, []string{"CLICOLOR_FORCE", "1"}, false},
		"a terminal that can do nothing":     {"auto", true, []string{"TERM", "dumb"}, false},
	}
	for reason, c := range cases {
		if got := colour(c.mode, Env{IsTTY: c.tty, Getenv: getenv(c.env...)}); got != c.want {
			t.Errorf("%s: %v", reason, got)
		}
	}
}

func TestLocale(t *testing.T) {
	cases := map[string]struct {
		env  []string
		want bool
	}{
		"none is C":             {nil, false},
		"LANG":                  {[]string{"LANG", "en_GB.UTF-8"}, true},
		"without a dash":        {[]string{"LANG", "C.utf8"}, true},
		"LC_ALL beats LANG":     {[]string{"LANG", "en_GB.UTF-8", "LC_ALL", "C"}, false},
		"LC_CTYPE beats LANG":   {[]string{"LANG", "C", "LC_CTYPE", "de_DE.UTF-8"}, true},
		"another character set": {[]string{"LANG", "de_DE.ISO-8859-1"}, false},
	}
	for reason, c := range cases {
		if got := utf8Locale(getenv(c.env...)); got != c.want {
			t.Errorf("%s: %v", reason, got)
		}
	}
}

// A repaint draws over what was there, clears the rest, and never scrolls.
func TestRepaint(t *testing.T) {
	var out bytes.Buffer
	env := Env{Height: 5, Now: func() time.Time { return testNow }}
	screen{out: &out}.repaint(env, []string{"a", "b", "c", "d", "e", "f", "g"})
	got := out.String()
	if want := "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n4 more lines\x1b[K\n14:10:00\x1b[K\x1b[J"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if lines := strings.Count(got, "\n") + 1; lines > env.Height {
		t.Errorf("%d lines on a terminal of %d", lines, env.Height)
	}
}

func TestUntil(t *testing.T) {
	cases := map[string]struct {
		want time.Time
		ok   bool
	}{
		"":                     {time.Time{}, true},
		"2h":                   {testNow.Add(2 * time.Hour), true},
		"90m":                  {testNow.Add(90 * time.Minute), true},
		"3d":                   {testNow.Add(72 * time.Hour), true},
		"2026-11-30T08:00:00Z": {time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC), true},
		"2026-11-20T14:10:00Z": {ok: false}, // now is not to come
		"-1h":                  {ok: false},
		"tomorrow":             {ok: false},
		"3dd":                  {ok: false},
	}
	for in, c := range cases {
		got, err := parseUntil(in, testNow)
		if (err == nil) != c.ok || c.ok && !got.Equal(c.want) {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

func TestExpandAmong(t *testing.T) {
	ids := []string{"", "abc1", "abc2", "def", "def"}
	for prefix, want := range map[string]string{"def": "def", "abc1": "abc1", "abc": "", "zzz": ""} {
		if got, err := expandAmong(prefix, ids); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
}

func TestSameAddress(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"https://git.example.com/acme/fleet.git", "https://git.example.com/acme/fleet"}:  true,
		{"https://git.example.com/acme/fleet/", "https://Git.example.com/acme/fleet.git"}: true,
		{"https://git.example.com/acme/fleet", "https://git.example.com/acme/fleet2"}:     false,
	} {
		if got := sameAddress(pair[0], pair[1]); got != want {
			t.Errorf("%v: %v", pair, got)
		}
	}
}
