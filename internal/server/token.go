package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
)

// SessionFor is how long a login lasts at most: a shift.
const SessionFor = 12 * time.Hour

// tokenPeople knows one person: whoever has the agent's token, or a session that it has begun. Such a session stands in its cookie,
// signed with the token, and so outlives the agent's process: a playground that starts anew shows the open page again.
type tokenPeople struct {
	token   string
	cookies Cookies
	now     func() time.Time
}

// Of gives who sent a request.
func (p tokenPeople) Of(r *http.Request) (Person, bool) {
	until, ok := p.session(r)
	return tokenPerson{until: until, now: p.now}, ok
}

// Doors are the ways in and out.
func (p tokenPeople) Doors() Doors {
	return Doors{Login: func(_ context.Context, token string) (Login, error) {
		if !p.isToken(token) {
			return Login{}, fault.New(fault.CredentialsRefused, "this is not the agent's token").WithNext("it stands in the file that --token-file names")
		}
		return p.login(tokenPerson{}.Who().Name), nil
	}}
}

// login lets a browser in as who has the token.
func (p tokenPeople) login(name string) Login {
	return Login{Name: name, Good: tokenCodeFor, Enter: func(w http.ResponseWriter, r *http.Request) {
		p.cookies.Set(w, r, SessionCookie, p.signed(p.now().Add(SessionFor)), SessionFor)
	}}
}

// session tells whether a request comes from who has the token, and when that ends; the zero time is never.
func (p tokenPeople) session(r *http.Request) (until time.Time, ok bool) {
	if p.hasBearer(r) {
		return time.Time{}, true
	}
	value := p.cookies.Get(r, SessionCookie)
	seconds, err := strconv.ParseInt(strings.SplitN(value, ".", 2)[0], 10, 64)
	until = time.Unix(seconds, 0)
	return until, err == nil && p.token != "" && equal(value, p.signed(until)) && p.now().Before(until)
}

// signed is a session that ends at a time: only the token's owner can make it, and it does not give the token away.
func (p tokenPeople) signed(until time.Time) string {
	seconds := strconv.FormatInt(until.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(p.token))
	mac.Write([]byte("plumb page session until " + seconds))
	return seconds + "." + hex.EncodeToString(mac.Sum(nil))
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

// tokenPerson is who has the agent's token: they see all that the agent knows, and nobody has asked Kubernetes about more.
type tokenPerson struct {
	until time.Time // of the session; zero is never
	now   func() time.Time
}

func (p tokenPerson) Who() Who {
	return Who{Name: "the page's token", How: ByToken, Expires: p.until, Logout: !p.until.IsZero()}
}

func (tokenPerson) May(_ context.Context, rights []Right) ([]Verdict, error) {
	out := make([]Verdict, len(rights))
	for i := range out {
		out[i].Why = "this agent does not ask Kubernetes what the page's token may do"
	}
	return out, nil
}

func (p tokenPerson) Sees(context.Context) (board.Sight, error) {
	if !p.until.IsZero() && !p.now().Before(p.until) {
		return board.Sight{}, SessionOver(p.Who().Name)
	}
	return board.Sight{All: true}, nil
}

// SessionOver is the answer to who was logged in, on a stream that is still open.
func SessionOver(name string) error {
	return fault.New(fault.CredentialsRefused, "the session of %s is over", name).WithNext("log in again")
}
