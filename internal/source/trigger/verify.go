package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// SignatureHeader is the header of a generic webhook.
const SignatureHeader = "X-Plumb-Signature-256"

// VerifyGeneric tells whether a header is the HMAC-SHA256 of a body under a secret, as exactly 64 lower-case hex digits: one
// signature has one spelling, so upper case, a prefix such as "sha256=", spaces, and several values joined by a comma are
// refused. An empty secret verifies nothing. The time it takes does not depend on where two signatures differ.
func VerifyGeneric(secret, body []byte, header string) bool {
	if len(secret) == 0 || len(header) != hex.EncodedLen(sha256.Size) {
		return false
	}
	return hmac.Equal([]byte(Sign(secret, body)), []byte(header))
}

// Sign gives the header that VerifyGeneric accepts.
func Sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
