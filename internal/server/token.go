package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"plumb.dev/plumb/internal/board"
)

// tokenPeople knows one person: whoever has the page's token, or the cookie that it leaves.
type tokenPeople struct{ token string }

// ByPageToken gives the people of a server without others: whoever has the page's token. Nobody may do anything beyond reading.
func ByPageToken(token string) People { return tokenPeople{token} }

func (p tokenPeople) Of(r *http.Request) (Person, bool) {
	if p.hasBearer(r) {
		return tokenPerson{}, true
	}
	cookie, err := r.Cookie(p.cookieName())
	return tokenPerson{}, err == nil && p.token != "" && equal(cookie.Value, p.derived("cookie"))
}

func (p tokenPeople) Admit(w http.ResponseWriter, r *http.Request, token string) bool {
	if !p.isToken(token) {
		return false
	}
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(), Value: p.derived("cookie"), Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	return true
}

func (p tokenPeople) hasBearer(r *http.Request) bool {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return false
	}
	token, ok := strings.CutPrefix(values[0], "Bearer ")
	return ok && p.isToken(token)
}

func (p tokenPeople) isToken(t string) bool { return p.token != "" && equal(t, p.token) }

// equal compares in a time that tells neither the place nor the length of a difference.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// cookieName differs from agent to agent: browsers keep one jar for all ports of a host.
func (p tokenPeople) cookieName() string { return "plumb-" + p.derived("name")[:8] }

// derived gives a value that only the token's owner can know and that does not give the token away.
func (p tokenPeople) derived(purpose string) string {
	mac := hmac.New(sha256.New, []byte(p.token))
	mac.Write([]byte("plumb page " + purpose))
	return hex.EncodeToString(mac.Sum(nil))
}

// tokenPerson is who has the page's token: they see all that the agent knows, and nobody has asked Kubernetes about more.
type tokenPerson struct{}

func (tokenPerson) Who() Who { return Who{Name: "the page's token", How: ByToken} }

func (tokenPerson) May(_ context.Context, rights []Right) ([]Verdict, error) {
	out := make([]Verdict, len(rights))
	for i := range out {
		out[i].Why = "this agent does not ask Kubernetes what the page's token may do"
	}
	return out, nil
}

func (tokenPerson) Sees(context.Context) (board.Sight, error) { return board.Sight{All: true}, nil }
