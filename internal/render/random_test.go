package render_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"regexp"
	"slices"
	"testing"
	"time"

	"plumb.dev/plumb/internal/render"
)

// draws is a chart that uses everything that upstream draws anew in each render.
const draws = `apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  alphanum: {{ randAlphaNum 32 | quote }}
  alphanum2: {{ randAlphaNum 32 | quote }}
  alpha: {{ randAlpha 10 | quote }}
  ascii: {{ randAscii 10 | b64enc | quote }}
  numeric: {{ randNumeric 10 | quote }}
  bytes: {{ randBytes 16 | quote }}
  int: {{ randInt 10 20 | quote }}
  shuffle: {{ shuffle "abcdefgh" | quote }}
  uuid: {{ uuidv4 | quote }}
  bcrypt: {{ bcrypt "word" | quote }}
  htpasswd: {{ htpasswd "user" "word" | quote }}
  aes: {{ encryptAES "password" "text" | quote }}
  now: {{ now | date "2006-01-02T15:04:05" | quote }}
  ago: {{ ago (toDate "2006-01-02" "2025-12-31") | quote }}
  date: {{ date "2006" "nonsense" | quote }}
  zone: {{ dateInZone "15:04" (now) "Europe/Berlin" | quote }}
  html: {{ htmlDate (now) | quote }}
  keys: {{ keys (dict "b" 1 "a" 2 "c" 3) | join "," | quote }}
  values: {{ values (dict "b" 1 "a" 2 "c" 3) | join "," | quote }}
  ecdsa: {{ genPrivateKey "ecdsa" | quote }}
  ed25519: {{ genPrivateKey "ed25519" | quote }}
{{- $ca := genCA "authority" 10 }}
{{- $cert := genSignedCert "web" (list "10.0.0.1") (list "web.example.com") 10 $ca }}
{{- $self := genSelfSignedCertWithKey "self" nil (list "self") 10 (genPrivateKey "ecdsa") }}
  ca: {{ $ca.Cert | quote }}
  cert: {{ $cert.Cert | quote }}
  key: {{ $cert.Key | quote }}
  self: {{ $self.Cert | quote }}
  selfKey: {{ $self.Key | quote }}
`

func drawn(t *testing.T, options render.Options, req render.Request) map[string]any {
	t.Helper()
	m, err := newRenderer(t, options).Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.Warnings, func(w render.Warning) bool { return w.Code == render.WarnRandom }) {
		t.Errorf("it is not said: %v", m.Warnings)
	}
	return m.Objects[0].Fields["data"].(map[string]any)
}

// TestRandomIsSteady renders in different processes: the same inputs give the same objects.
func TestRandomIsSteady(t *testing.T) {
	one, two := drawn(t, render.Options{}, request(chart(draws))), drawn(t, render.Options{}, request(chart(draws)))
	for key := range one {
		if one[key] != two[key] {
			t.Errorf("%s: %v, then %v", key, one[key], two[key])
		}
	}
	other := request(chart(draws))
	other.Namespace = "other"
	elsewhere, secret := drawn(t, render.Options{}, other), drawn(t, render.Options{Secret: []byte("x")}, request(chart(draws)))
	for _, key := range []string{"alphanum", "uuid", "bcrypt", "key", "ed25519", "bytes"} {
		if one[key] == elsewhere[key] || one[key] == secret[key] {
			t.Errorf("%s is the same in another namespace, or with another secret", key)
		}
	}
	if one["alphanum"] == one["alphanum2"] {
		t.Error("two passwords are one")
	}
}

// TestRandomHasItsShape checks that what was drawn is what it should be.
func TestRandomHasItsShape(t *testing.T) {
	data := drawn(t, render.Options{}, request(chart(draws)))
	for key, shape := range map[string]string{
		"alphanum": `^[A-Za-z0-9]{32}$`, "alpha": `^[A-Za-z]{10}$`, "numeric": `^[0-9]{10}$`, "bytes": `^[A-Za-z0-9+/]{22}==$`, "int": `^1[0-9]$`,
		"shuffle": `^[a-h]{8}$`, "uuid": `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, "bcrypt": `^\$2a\$10\$.{53}$`,
		"htpasswd": `^user:\$2a\$10\$.{53}$`, "now": `^2026-01-01T00:00:00$`, "ago": `^24h0m0s$`, "date": `^2026$`, "zone": `^01:00$`, "html": `^2026-01-01$`,
		"keys": `^a,b,c$`, "values": `^2,1,3$`, "ecdsa": `^-----BEGIN EC PRIVATE KEY-----`, "ed25519": `^-----BEGIN PRIVATE KEY-----`,
	} {
		if text, _ := data[key].(string); !regexp.MustCompile(shape).MatchString(text) {
			t.Errorf("%s: %v", key, data[key])
		}
	}
	text := func(key string) []byte { return []byte(data[key].(string)) }
	if _, err := tls.X509KeyPair(text("cert"), text("key")); err != nil {
		t.Error(err)
	}
	if _, err := tls.X509KeyPair(text("self"), text("selfKey")); err != nil {
		t.Error(err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(text("ca"))
	block, _ := pem.Decode(text("cert"))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	when := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: authorities, DNSName: "web.example.com", CurrentTime: when}); err != nil {
		t.Error(err)
	}
}
