package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/object"
)

// someSecrets are what an app has: a key of TLS, a Docker configuration, addresses with passwords, a file of variables.
func someSecrets(n int) []object.Object {
	random := rand.New(rand.NewPCG(1, 2))
	drawn := func(n int) string {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		return base64.RawStdEncoding.EncodeToString(raw)
	}
	var all []object.Object
	for i := range n {
		var key strings.Builder
		key.WriteString("-----BEGIN PRIVATE KEY-----\n")
		for range 26 {
			key.WriteString(drawn(48) + "\n")
		}
		key.WriteString("-----END PRIVATE KEY-----\n")
		password := drawn(18)
		docker, _ := json.Marshal(map[string]any{"auths": map[string]any{"registry.example.com": map[string]any{"username": "robot", "password": password, "auth": base64.StdEncoding.EncodeToString([]byte("robot:" + password))}}})
		all = append(all, object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": fmt.Sprint("s", i)}, "stringData": map[string]any{
			"tls.key": key.String(), ".dockerconfigjson": string(docker), "DATABASE_URL": "postgres://app:" + drawn(18) + "@db:5432/app", "env": "LOG_LEVEL=info\nAPI_TOKEN=" + drawn(24) + "\n",
		}}})
	}
	return all
}

const logLine = `{"time":"2026-01-02T03:04:05.678Z","level":"INFO","msg":"request served","method":"GET","path":"/api/v1/carts/4711/items","status":200,"duration_ms":12.7,"trace":"4bf92f3577b34da6a3ce929d0e0e4736"}`

func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{1, 20} {
		needles := Needles(someSecrets(n)...)
		b.Run(fmt.Sprintf("make/secrets=%d", n), func(b *testing.B) {
			for b.Loop() {
				NewFilter(needles...)
			}
		})
		f := NewFilter(needles...)
		b.Run(fmt.Sprintf("line/secrets=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(logLine)))
			for b.Loop() {
				f.Text(logLine)
			}
		})
	}
}

func BenchmarkNeedles(b *testing.B) {
	secrets := someSecrets(20)
	for b.Loop() {
		Needles(secrets...)
	}
}

// BenchmarkHostile has values that were made to be slow to take apart: each may cost some milliseconds, as often as the Secret is read.
func BenchmarkHostile(b *testing.B) {
	for _, s := range []string{"://", "token:", "token=\"", "token=\"\\", "password='", "pass=[", "token:\n- a\n", "x://a:b/", "a:1:b:c:", "token:a ", "{\"auth\":\"", "secret: Bearer "} {
		value := strings.Repeat(s, 2*partsRead/len(s))
		b.Run(s, func(b *testing.B) {
			for b.Loop() {
				parts("auth", value)
			}
		})
	}
}
