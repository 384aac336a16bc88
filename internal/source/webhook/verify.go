package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind says who delivers; the words are those of Repo spec.webhook.kind.
type Kind string

// The kinds.
const (
	Generic Kind = "generic" // anybody who can compute an HMAC
	GitHub  Kind = "github"
	GitLab  Kind = "gitlab"
	Gitea   Kind = "gitea" // Forgejo too
)

// Headers that bear a proof.
const (
	headerGeneric   = "X-Plumb-Signature-256"
	headerGitHub    = "X-Hub-Signature-256"
	headerGitea     = "X-Gitea-Signature"
	headerForgejo   = "X-Forgejo-Signature"
	headerToken     = "X-Gitlab-Token"
	headerSignature = "Webhook-Signature"
	headerTimestamp = "Webhook-Timestamp"
	headerID        = "Webhook-Id"
)

// signingToken is how a signing token of GitLab begins; what follows is its key in base64.
const signingToken = "whsec_"

// maxSkew is how far the time of a signed delivery may be from ours: five minutes, as the Standard Webhooks specification
// recommends.
const maxSkew = 5 * time.Minute

// Verify tells whether a delivery was made by somebody who knows the secret. An empty secret and an unknown kind verify
// nothing. What counts as a proof:
//
//   - generic: X-Plumb-Signature-256 is the HMAC-SHA256 of the body, 64 lower-case hex digits
//   - github: X-Hub-Signature-256 is the same after "sha256="; the older header with SHA-1 is no proof
//   - gitea: X-Gitea-Signature, X-Forgejo-Signature or both are the HMAC; a wrong one beside a right one is refused
//   - gitlab: of a secret token, X-Gitlab-Token is the token; of a signing token (whsec_…), Webhook-Signature holds the
//     HMAC of id, time and body, and the time is within five minutes of now
func Verify(kind Kind, secret string, header http.Header, body []byte, now time.Time) bool {
	if secret == "" {
		return false
	}
	switch kind {
	case Generic:
		return isMAC(secret, body, once(header, headerGeneric))
	case GitHub:
		digits, ok := strings.CutPrefix(once(header, headerGitHub), "sha256=")
		return ok && isMAC(secret, body, digits)
	case Gitea:
		return verifyGitea(secret, header, body)
	case GitLab:
		if key, ok := strings.CutPrefix(secret, signingToken); ok {
			return verifySigned(key, header, body, now)
		}
		return equal(once(header, headerToken), secret)
	}
	return false
}

// Claims tells whether a delivery bears a header that may be a proof. One that does not need not be verified.
func Claims(kind Kind, header http.Header) bool {
	names := map[Kind][]string{
		Generic: {headerGeneric}, GitHub: {headerGitHub}, Gitea: {headerGitea, headerForgejo}, GitLab: {headerToken, headerSignature},
	}
	return first(header, names[kind]...) != ""
}

// Sign gives what a sender of the kind generic or gitea puts into its header; github's is the same after "sha256=".
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// SignGitLab gives the Webhook-Signature of a delivery under a signing token; "" if the token is none.
func SignGitLab(token, id string, at time.Time, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(token, signingToken))
	if err != nil || len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// isMAC tells whether digits are the one spelling of an HMAC: upper case, spaces and lists are refused.
func isMAC(secret string, body []byte, digits string) bool {
	return len(digits) == hex.EncodedLen(sha256.Size) && hmac.Equal([]byte(Sign(secret, body)), []byte(digits))
}

// verifyGitea accepts Gitea's header, Forgejo's, or both if both are right: Forgejo sends both.
func verifyGitea(secret string, header http.Header, body []byte) bool {
	found := false
	for _, name := range []string{headerForgejo, headerGitea} {
		if len(header.Values(name)) == 0 {
			continue
		}
		if !isMAC(secret, body, once(header, name)) {
			return false
		}
		found = true
	}
	return found
}

// verifySigned checks a delivery by the Standard Webhooks specification, which GitLab follows: the header lists one
// signature per valid key, separated by spaces.
func verifySigned(key string, header http.Header, body []byte, now time.Time) bool {
	id, sent := once(header, headerID), once(header, headerTimestamp)
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || id == "" || now.Sub(time.Unix(seconds, 0)).Abs() > maxSkew {
		return false
	}
	want := SignGitLab(key, id, time.Unix(seconds, 0), body)
	if want == "" || sent != strconv.FormatInt(seconds, 10) {
		return false
	}
	right := false
	for signature := range strings.SplitSeq(once(header, headerSignature), " ") {
		right = equal(signature, want) || right
	}
	return right
}

// once gives a header that comes exactly once; "" otherwise.
func once(header http.Header, name string) string {
	values := header.Values(name)
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// equal compares in a time that tells neither the place nor the length of a difference.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return hmac.Equal(x[:], y[:])
}
