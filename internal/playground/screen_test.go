package playground

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func app(name, env, state, summary string) unstructured.Unstructured {
	return unstructured.Unstructured{Object: fields{
		"metadata": fields{"name": name + "-" + env, "labels": fields{"plumb.dev/app": name, "plumb.dev/env": env}},
		"status":   fields{"state": state, "summary": summary},
	}}
}

func held(a unstructured.Unstructured) unstructured.Unstructured {
	_ = unstructured.SetNestedField(a.Object, int64(2), "status", "heldCount")
	return a
}

func TestWhatPeopleAreToldOfApps(t *testing.T) {
	repo := &unstructured.Unstructured{Object: fields{"status": fields{"summary": "no app"}}}
	for _, row := range []struct {
		reason string
		apps   []unstructured.Unstructured
		want   string
	}{
		{"all is well", []unstructured.Unstructured{app("api", "dev", "ok", ""), app("api", "prod", "ok", ""), app("web", "dev", "ok", "")}, "✔ 2 apps healthy in dev and prod"},
		{"one failed", []unstructured.Unstructured{app("api", "dev", "failed", "no such file"), app("web", "dev", "ok", "")}, "✕ api/dev is failed: no such file"},
		{"slow", []unstructured.Unstructured{app("api", "dev", "rolling", "")}, "◐ api/dev is rolling"},
		{"what waits for a person is told, and not waited for", []unstructured.Unstructured{held(app("api", "dev", "waiting", "2 deletions wait for consent"))}, "✕ api/dev is waiting: 2 deletions wait for consent"},
		{"nothing to deliver", nil, "✔ no app in the repository yet: no app"},
	} {
		var out bytes.Buffer
		screen{out: &out}.delivered(describe(repo, row.apps), time.Second)
		if !strings.Contains(out.String(), row.want) {
			t.Errorf("%s: it says %q, not %q", row.reason, out.String(), row.want)
		}
	}
}

func TestSign(t *testing.T) {
	// RFC 4231, test case 2.
	if got := sign("Jefe", []byte("what do ya want for nothing?")); got != "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" {
		t.Errorf("HMAC-SHA256 is %s", got)
	}
}
