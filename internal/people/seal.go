package people

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
)

// newSeal makes a seal that ends with the process.
func newSeal() (cipher.AEAD, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealed gives a login under way as the browser keeps it. Where it would be too long for a cookie, it goes on at the first page.
func (p *provider) sealed(waiting pending) (string, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // an address has many &
	if err := enc.Encode(waiting); err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(p.seal.Seal(nil, nil, plain.Bytes(), nil))
	if len(text) > maxPending && waiting.Next != "/" {
		waiting.Next = "/"
		return p.sealed(waiting)
	}
	return text, nil
}

// opened gives the login under way that a browser has kept; false if this process has not sealed it.
func (p *provider) opened(text string) (waiting pending, ok bool) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return pending{}, false
	}
	plain, err := p.seal.Open(nil, nil, data, nil)
	if err != nil {
		return pending{}, false
	}
	return waiting, json.Unmarshal(plain, &waiting) == nil
}
