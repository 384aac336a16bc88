package child

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"text/template"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
)

// now is the time in all templates: one that changed would change objects without a commit.
var now = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// maxRandom bounds the length of one random text; a larger one is a mistake or an attack.
const maxRandom = 1 << 20

// random makes the random functions of templates a function of the seed: each call has a stream of its own, named by the
// function, its arguments, and how often it was called with them. So a chart that adds a password keeps the others.
type random struct {
	h     *helm
	calls map[string]int
}

func newRandom(h *helm) *random { return &random{h: h, calls: map[string]int{}} }

// stream gives the bytes for one call.
func (r *random) stream(function string, args ...any) io.Reader {
	r.warn(function)
	return r.quietly(function, args...)
}

func (r *random) warn(function string) {
	r.h.s.warn(render.WarnRandom, "the chart uses "+function+": its value is made from a seed and is the same in each render", fault.Place{File: r.h.s.req.Path})
}

func (r *random) quietly(function string, args ...any) io.Reader {
	label := fmt.Sprintf("%s %q", function, args)
	r.calls[label]++
	mac := hmac.New(sha256.New, []byte(r.h.s.req.Seed))
	fmt.Fprintf(mac, "%s #%d", label, r.calls[label])
	return mathrand.NewChaCha8([32]byte(mac.Sum(nil)))
}

// functions gives the template functions. Upstream is its own library, of which the functions that only need another
// source of randomness are kept.
func (r *random) functions(upstream template.FuncMap) template.FuncMap {
	bcrypt := upstream["bcrypt"].(func(string) string)
	htpasswd := upstream["htpasswd"].(func(string, string) string)
	encryptAES := upstream["encryptAES"].(func(string, string) (string, error))
	const lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	const letters = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	functions := template.FuncMap{
		"randAlphaNum": r.text("randAlphaNum", letters+digits),
		"randAlpha":    r.text("randAlpha", letters),
		"randNumeric":  r.text("randNumeric", digits),
		"randAscii":    r.text("randAscii", printable()),
		"randBytes":    r.bytes,
		"randInt":      r.integer,
		"shuffle":      r.shuffle,
		"uuidv4":       r.uuid,
		"bcrypt": func(text string) (out string) {
			r.lend(r.stream("bcrypt", text), func() { out = bcrypt(text) })
			return out
		},
		"htpasswd": func(user, password string) (out string) {
			r.lend(r.stream("htpasswd", user, password), func() { out = htpasswd(user, password) })
			return out
		},
		"encryptAES": func(password, text string) (out string, err error) {
			r.lend(r.stream("encryptAES", password, text), func() { out, err = encryptAES(password, text) })
			return out, err
		},
		"genPrivateKey":            r.privateKey,
		"genCA":                    r.authority,
		"genCAWithKey":             r.authorityWithKey,
		"genSelfSignedCert":        r.selfSigned,
		"genSelfSignedCertWithKey": r.selfSignedWithKey,
		"genSignedCert":            r.signed,
		"genSignedCertWithKey":     r.signedWithKey,
	}
	for name, function := range r.clock(upstream) {
		functions[name] = function
	}
	return functions
}

// lend replaces the system's source of randomness for one call.
func (r *random) lend(stream io.Reader, call func()) {
	system := rand.Reader
	rand.Reader = stream
	defer func() { rand.Reader = system }()
	call()
}

// text gives a function that makes texts of an alphabet.
func (r *random) text(function, alphabet string) func(int) (string, error) {
	return func(length int) (string, error) {
		if length < 0 || length > maxRandom {
			return "", fmt.Errorf("%s: a length of %d", function, length)
		}
		stream := r.stream(function, length)
		out := make([]byte, length)
		for i := range out {
			out[i] = alphabet[below(stream, len(alphabet))]
		}
		return string(out), nil
	}
}

// below gives a number from 0 to n-1, each equally likely; n is at most 256.
func below(stream io.Reader, n int) int {
	var b [1]byte
	for {
		_, _ = io.ReadFull(stream, b[:]) // a stream has no end
		if int(b[0]) < 256/n*n {
			return int(b[0]) % n
		}
	}
}

func printable() string {
	out := make([]byte, 0, 95)
	for c := byte(' '); c < 127; c++ {
		out = append(out, c)
	}
	return string(out)
}

func (r *random) bytes(count int) (string, error) {
	if count < 0 || count > maxRandom {
		return "", fmt.Errorf("randBytes: a length of %d", count)
	}
	out := make([]byte, count)
	_, _ = io.ReadFull(r.stream("randBytes", count), out)
	return base64.StdEncoding.EncodeToString(out), nil
}

func (r *random) integer(low, high int) (int, error) {
	if high <= low {
		return 0, fmt.Errorf("randInt: %d is not below %d", low, high)
	}
	n, err := rand.Int(r.stream("randInt", low, high), new(big.Int).Sub(big.NewInt(int64(high)), big.NewInt(int64(low))))
	if err != nil {
		return 0, err
	}
	return low + int(n.Int64()), nil
}

func (r *random) shuffle(text string) string {
	letters := []rune(text)
	generator := mathrand.New(r.stream("shuffle", text).(*mathrand.ChaCha8))
	generator.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	return string(letters)
}

func (r *random) uuid() string {
	var b [16]byte
	_, _ = io.ReadFull(r.stream("uuidv4"), b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// clock gives the functions that upstream asks the clock for.
func (r *random) clock(upstream template.FuncMap) template.FuncMap {
	dateInZone := upstream["dateInZone"].(func(string, any, string) string)
	durationRound := upstream["durationRound"].(func(any) string)
	date := func(layout string, date any) string { return dateInZone(layout, moment(date), "UTC") }
	inZone := func(layout string, date any, zone string) string { return dateInZone(layout, moment(date), zone) }
	return template.FuncMap{
		"now":            func() time.Time { return now },
		"date":           date,
		"dateInZone":     inZone,
		"date_in_zone":   inZone,
		"htmlDate":       func(d any) string { return date("2006-01-02", d) },
		"htmlDateInZone": func(d any, zone string) string { return inZone("2006-01-02", d, zone) },
		"ago":            func(d any) string { return now.Sub(moment(d)).Round(time.Second).String() },
		"durationRound": func(d any) string {
			if t, ok := d.(time.Time); ok {
				d = int64(now.Sub(t))
			}
			return durationRound(d)
		},
	}
}

// moment gives the time that upstream's functions understand an argument as; what they do not understand is now.
func moment(date any) time.Time {
	switch date := date.(type) {
	case time.Time:
		return date
	case *time.Time:
		return *date
	case int64:
		return time.Unix(date, 0)
	case int:
		return time.Unix(int64(date), 0)
	case int32:
		return time.Unix(int64(date), 0)
	}
	return now
}

// privateKey makes a key as PEM, of the kinds that upstream makes but DSA, which is broken.
func (r *random) privateKey(kind string) (string, error) {
	r.warn("genPrivateKey")
	key, err := r.key(kind, 4096)
	if err != nil {
		return "", err
	}
	block, err := keyBlock(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(block)), nil
}

func (r *random) key(kind string, bits int) (crypto.Signer, error) {
	stream := r.quietly("genPrivateKey", kind, bits)
	switch kind {
	case "", "rsa":
		return rsaKey(stream, bits)
	case "ecdsa":
		for {
			var secret [32]byte
			_, _ = io.ReadFull(stream, secret[:])
			if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:]); err == nil {
				return key, nil
			}
		}
	case "ed25519":
		var seed [ed25519.SeedSize]byte
		_, _ = io.ReadFull(stream, seed[:])
		return ed25519.NewKeyFromSeed(seed[:]), nil
	}
	return nil, fmt.Errorf("genPrivateKey: unknown kind %q", kind)
}

// rsaKey makes an RSA key from a stream. The standard library's own generator cannot be made to repeat itself.
// FIPS 186-5, A.1.3: probable primes, with the two top bits set so that the product has all its bits.
func rsaKey(stream io.Reader, bits int) (*rsa.PrivateKey, error) {
	e := big.NewInt(65537)
	one := big.NewInt(1)
	for {
		p, q := prime(stream, bits/2), prime(stream, bits/2)
		if p.Cmp(q) == 0 {
			continue
		}
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		return key, key.Validate()
	}
}

// prime gives a prime of the given number of bits: the first at or after a random odd number.
func prime(stream io.Reader, bits int) *big.Int {
	raw := make([]byte, bits/8)
	for {
		_, _ = io.ReadFull(stream, raw)
		raw[0] |= 0xc0
		raw[len(raw)-1] |= 1
		candidate := new(big.Int).SetBytes(raw)
		for range bits * 8 {
			if candidate.ProbablyPrime(10) {
				return candidate
			}
			candidate.Add(candidate, big.NewInt(2))
		}
	}
}

// keyBlock writes a key as upstream does.
func keyBlock(key crypto.PrivateKey) (*pem.Block, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}, nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, err
}

// parseKey reads a key as PEM.
func parseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the private key is not PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key cannot sign")
	}
	return signer, nil
}
