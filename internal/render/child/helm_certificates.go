package child

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"reflect"
	"time"
)

// A certificate of a template is the same in each render, so nobody renews it: it is valid from a fixed day, for the days
// that the template says, but at least until a day that is far.
var (
	notBefore = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	notEarly  = time.Date(2099, time.December, 31, 0, 0, 0, 0, time.UTC)
)

// serialBits is the length of a serial number.
const serialBits = 127

// certificate is what the functions give to templates: both as PEM.
type certificate struct{ Cert, Key string }

func (r *random) authority(name string, days int) (certificate, error) {
	key, err := r.key("rsa", 2048)
	if err != nil {
		return certificate{}, err
	}
	return r.selfIssue("genCA", request{name: name, days: days, authority: true}, key)
}

func (r *random) authorityWithKey(name string, days int, key string) (certificate, error) {
	signer, err := parseKey(key)
	if err != nil {
		return certificate{}, err
	}
	return r.selfIssue("genCAWithKey", request{name: name, days: days, authority: true}, signer)
}

func (r *random) selfSigned(name string, ips, names []any, days int) (certificate, error) {
	key, err := r.key("rsa", 2048)
	if err != nil {
		return certificate{}, err
	}
	return r.selfIssue("genSelfSignedCert", request{name: name, ips: ips, names: names, days: days}, key)
}

func (r *random) selfSignedWithKey(name string, ips, names []any, days int, key string) (certificate, error) {
	signer, err := parseKey(key)
	if err != nil {
		return certificate{}, err
	}
	return r.selfIssue("genSelfSignedCertWithKey", request{name: name, ips: ips, names: names, days: days}, signer)
}

func (r *random) signed(name string, ips, names []any, days int, authority any) (certificate, error) {
	key, err := r.key("rsa", 2048)
	if err != nil {
		return certificate{}, err
	}
	return r.issue("genSignedCert", request{name: name, ips: ips, names: names, days: days}, key, authority)
}

func (r *random) signedWithKey(name string, ips, names []any, days int, authority any, key string) (certificate, error) {
	signer, err := parseKey(key)
	if err != nil {
		return certificate{}, err
	}
	return r.issue("genSignedCertWithKey", request{name: name, ips: ips, names: names, days: days}, signer, authority)
}

// request is what a certificate is for.
type request struct {
	name       string
	ips, names []any
	days       int
	authority  bool
}

func (r *random) selfIssue(function string, req request, key crypto.Signer) (certificate, error) {
	template, err := r.template(function, req)
	if err != nil {
		return certificate{}, err
	}
	return sign(template, template, key, key)
}

// issue signs with the certificate and key of an authority: a value of genCA, or of upstream's buildCustomCert.
func (r *random) issue(function string, req request, key crypto.Signer, authority any) (certificate, error) {
	text, secret := fieldOf(authority, "Cert"), fieldOf(authority, "Key")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return certificate{}, errors.New("the authority's certificate is not PEM")
	}
	parent, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificate{}, fmt.Errorf("the authority's certificate cannot be read: %w", err)
	}
	signer, err := parseKey(secret)
	if err != nil {
		return certificate{}, err
	}
	template, err := r.template(function, req)
	if err != nil {
		return certificate{}, err
	}
	return sign(template, parent, key, signer)
}

func fieldOf(v any, name string) string {
	value := reflect.Indirect(reflect.ValueOf(v))
	if value.Kind() != reflect.Struct {
		return ""
	}
	field := value.FieldByName(name)
	if field.Kind() != reflect.String {
		return ""
	}
	return field.String()
}

// template gives a certificate to be signed, with the uses that upstream gives it.
func (r *random) template(function string, req request) (*x509.Certificate, error) {
	stream := r.stream(function, req.name, req.ips, req.names, req.days)
	serial := make([]byte, serialBits/8+1)
	_, _ = io.ReadFull(stream, serial)
	serial[0] &= 1<<(serialBits%8) - 1
	c := &x509.Certificate{
		SerialNumber:          new(big.Int).Add(new(big.Int).SetBytes(serial), big.NewInt(1)),
		Subject:               pkix.Name{CommonName: req.name},
		NotBefore:             notBefore,
		NotAfter:              notBefore.AddDate(0, 0, req.days),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if c.NotAfter.Before(notEarly) {
		c.NotAfter = notEarly
	}
	if req.authority {
		c.KeyUsage |= x509.KeyUsageCertSign
		c.IsCA = true
	}
	for _, ip := range req.ips {
		text, ok := ip.(string)
		parsed := net.ParseIP(text)
		if !ok || parsed == nil {
			return nil, fmt.Errorf("%s: not an IP address: %v", function, ip)
		}
		c.IPAddresses = append(c.IPAddresses, parsed)
	}
	for _, name := range req.names {
		text, ok := name.(string)
		if !ok {
			return nil, fmt.Errorf("%s: not a name: %v", function, name)
		}
		c.DNSNames = append(c.DNSNames, text)
	}
	return c, nil
}

// sign makes the certificate. Signatures of RSA (PKCS #1 v1.5) and Ed25519 do not vary, and ECDSA's do not without a source
// of randomness (RFC 6979).
func sign(template, parent *x509.Certificate, key, signer crypto.Signer) (certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), steady{signer})
	if err != nil {
		return certificate{}, fmt.Errorf("the certificate cannot be made: %w", err)
	}
	block, err := keyBlock(key)
	if err != nil {
		return certificate{}, err
	}
	return certificate{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(block)),
	}, nil
}

// steady is a signer whose signature of the same text is always the same.
type steady struct{ crypto.Signer }

// Sign signs without randomness where the kind of key would use it.
func (s steady) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, isRSA := s.Signer.(*rsa.PrivateKey); isRSA {
		return s.Signer.Sign(random, digest, opts)
	}
	return s.Signer.Sign(nil, digest, opts)
}
