package trigger_test

import (
	"bytes"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/source/trigger"
)

func TestVerifyGeneric(t *testing.T) {
	secret, body := []byte("secret"), []byte(`{"ref":"refs/heads/main"}`)
	good := trigger.Sign(secret, body)
	for _, test := range []struct {
		reason string
		secret []byte
		body   []byte
		header string
		want   bool
	}{
		{"the signature", secret, body, good, true},
		{"no signature", secret, body, "", false},
		{"a wrong one", secret, body, strings.Repeat("0", 64), false},
		{"half of it", secret, body, good[:32], false},
		{"upper case", secret, body, strings.ToUpper(good), false},
		{"a prefix of other systems", secret, body, "sha256=" + good, false},
		{"twice", secret, body, good + "," + good, false},
		{"a space", secret, body, good[:63] + " ", false},
		{"of another body", secret, append(bytes.Clone(body), ' '), good, false},
		{"of another secret", []byte("Secret"), body, good, false},
		{"no secret verifies nothing", nil, body, trigger.Sign(nil, body), false},
		{"an empty body can be signed", secret, nil, trigger.Sign(secret, nil), true},
	} {
		if got := trigger.VerifyGeneric(test.secret, test.body, test.header); got != test.want {
			t.Errorf("%s: %v, want %v", test.reason, got, test.want)
		}
	}
}
