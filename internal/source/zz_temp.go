package source

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

func VerifyGeneric(secret, body []byte, header string) bool {
	m := hmac.New(sha256.New, secret)
	m.Write(body)
	return len(secret) > 0 && hmac.Equal([]byte(hex.EncodeToString(m.Sum(nil))), []byte(header))
}
