package people

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"
)

// idp is a provider with a key pair of its own. What it puts into the next ID token, and how it signs, is the test's.
type idp struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu       sync.Mutex
	asked    map[string]url.Values
	sign     signing
	claims   map[string]any
	verified int
}

// signing makes an ID token of claims.
type signing func(p *idp, claims map[string]any) string

// startIDP starts a provider; it says that everybody is lena, of the groups shop and oncall. Whoever starts it closes it.
func startIDP() (*idp, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	i := &idp{key: key, asked: map[string]url.Values{}, sign: properly}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	i.Server = httptest.NewServer(mux)
	return i, nil
}

// next has the following ID tokens made so: with claims over the usual ones, of which nil values are left out.
func (i *idp) next(sign signing, claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sign, i.claims = sign, claims
}

// exchanged gives how many codes were exchanged whose PKCE verifier fitted.
func (i *idp) exchanged() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.verified
}

// authorize is a provider at which everybody is logged in.
func (i *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	i.mu.Lock()
	i.asked[code] = q
	i.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
}

func (i *idp) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked, ok := i.asked[r.FormValue("code")]
	delete(i.asked, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	i.verified++
	claims := map[string]any{
		"iss": i.URL, "aud": "plumb", "sub": "lena", "nonce": asked.Get("nonce"), "groups": []string{"shop", "oncall"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, i.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "unused", "token_type": "Bearer", "id_token": i.sign(i, claims)})
}

func part(v any) string {
	data, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(data)
}

// properly signs as a provider does.
func properly(i *idp, claims map[string]any) string { return signedBy(i.key, claims) }

func signedBy(key *rsa.PrivateKey, claims map[string]any) string {
	text := part(map[string]any{"alg": "RS256", "kid": "one"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// unsigned leaves the signature out: alg none.
func unsigned(_ *idp, claims map[string]any) string {
	return part(map[string]any{"alg": "none"}) + "." + part(claims) + "."
}

// withPublicKey signs with HMAC and the public key as the secret, which verifiers once took for a signature.
func withPublicKey(i *idp, claims map[string]any) string {
	text := part(map[string]any{"alg": "HS256", "kid": "one"}) + "." + part(claims)
	mac := hmac.New(sha256.New, i.key.N.Bytes())
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// byAnotherKey signs with a key that is not the provider's, under its name.
func byAnotherKey(_ *idp, claims map[string]any) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return signedBy(key, claims)
}

// changedAfter changes the name after the token was signed.
func changedAfter(i *idp, claims map[string]any) string {
	parts := strings.Split(properly(i, claims), ".")
	claims["sub"] = "admin"
	return parts[0] + "." + part(claims) + "." + parts[2]
}
