package origin

import "testing"

// What looks like a mark and was there before is none: a line that is not the right one must not be told.
func TestArrived(t *testing.T) {
	for _, c := range []struct {
		why           string
		candidate     candidate
		before, after string
		want          bool
	}{
		{"the number that was set", candidate{sign: "4"}, `3`, `4`, true},
		{"another number, of which it is a part", candidate{sign: "4"}, `3`, `14`, false},
		{"the number stood beside it before, and something else has changed", candidate{sign: "4"}, `{"a":3,"b":4}`, `{"a":7,"b":4}`, false},
		{"the letters behind a text, which JSON writes otherwise", candidate{sign: "zq0qz"}, `"say \"no\""`, `"say \"no\"zq0qz"`, true},
		{"the truth that was set", candidate{boolean: true, sign: "false"}, `true`, `false`, true},
		{"a truth that stayed", candidate{boolean: true, sign: "false"}, `true`, `true`, false},
		{"a truth among others", candidate{boolean: true, sign: "false"}, `{"a":true,"b":false}`, `{"a":false,"b":false}`, true},
	} {
		if got := c.candidate.arrived(c.before, c.after); got != c.want {
			t.Errorf("%s: %v", c.why, got)
		}
	}
}
