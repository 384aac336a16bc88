package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// badPlane stands between an agent and its API server, and fails requests in turn.
type badPlane struct {
	mu  sync.Mutex
	bad bool
	did map[string]int // how often it failed a request, and how

	watches, writes, reads int      // that came in trouble
	open                   []func() // end the watches that came before
}

// The ways in which it fails requests.
const (
	tooMany = "429"              // the server is to be asked again in a second
	broken  = "500"              // nothing was done
	away    = "503"              // nothing was done
	unheard = "answer lost"      // the write was done, and the connection broke before the answer
	cut     = "watch cut"        // a watch ends in its first second
	silent  = "watch left still" // a watch brings nothing and stays open, for some seconds
)

// set has requests fail from now on, and breaks the watches that are open, or lets all pass.
func (b *badPlane) set(bad bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = bad
	if bad {
		for _, end := range b.open {
			end()
		}
		b.open = nil
	}
}

// watched gives a watch a context that ends when trouble begins.
func (b *badPlane) watched(ctx context.Context) context.Context {
	ctx, end := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = append(b.open, end)
	return ctx
}

// next tells how a request fails; "" if it does not.
func (b *badPlane) next(r *http.Request) (how string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.bad || strings.Contains(r.URL.Path, "/leases/") { // who is active is another matter
		return ""
	}
	others := []string{tooMany, broken, away}
	switch watches, writes := r.URL.Query().Get("watch") != "", r.Method != http.MethodGet; {
	case watches:
		how = []string{cut, silent}[b.watches%2]
		b.watches++
	case writes:
		switch b.writes % 6 {
		case 1:
			how = unheard
		case 4:
			how = others[b.writes/6%len(others)]
		}
		b.writes++
	default:
		if b.reads%5 == 2 {
			how = others[b.reads/5%len(others)]
		}
		b.reads++
	}
	if how != "" {
		b.did[how]++
	}
	return how
}

// counts tells how often it failed requests, by how.
func (b *badPlane) counts() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.did)
}

func (b *badPlane) serve(proxy *httputil.ReverseProxy) http.HandlerFunc {
	proxy.FlushInterval = -1
	return func(w http.ResponseWriter, r *http.Request) {
		switch how := b.next(r); how {
		case tooMany:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case broken, away:
			w.WriteHeader(map[string]int{broken: http.StatusInternalServerError, away: http.StatusServiceUnavailable}[how])
		case unheard:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			unreachable(w, r)
		case cut:
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			proxy.ServeHTTP(w, r.WithContext(ctx))
		case silent:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		default:
			if r.URL.Query().Get("watch") != "" {
				r = r.WithContext(b.watched(r.Context()))
			}
			proxy.ServeHTTP(w, r)
		}
	}
}

// An API server that turns requests away, fails, loses its answers and breaks watches delays what Git says and changes nothing of
// it: what it does in the end is what it would have done, each object is made once, and nothing is deleted but what the commit
// deletes. When it is well again, the apps come to their end by themselves.
func TestTroubledAPIServer(t *testing.T) {
	s := newScenario(t, lives(t), "ordeal")
	s.kill()
	plain, proxied := s.agent.account, filepath.Join(t.TempDir(), "kubeconfig")
	if err := s.writeAccountOf("plumb-agent", proxied); err != nil {
		t.Fatal(err)
	}
	b := &badPlane{did: map[string]int{}}
	s.behind(proxied, b.serve)
	s.agent.account = proxied
	t.Cleanup(func() { // the proxy goes, and the next test has an agent without it
		s.agent.account = plain
		b.set(false)
		s.restarted()
	})
	s.restarted()
	const apps = 6
	fleet := func(value string, beside ...string) files {
		f := files{}
		for i := range apps {
			var all []string
			for _, name := range append([]string{"stays", "bystander"}, beside...) {
				all = append(all, configMap(name, "a", value))
			}
			f[fmt.Sprintf("apps/ordeal-%d/a.yaml", i)] = documentsOf(all...)
		}
		return f
	}
	first := s.commit("one", fleet("1", "goes"))
	for i := range apps {
		s.ok(fmt.Sprintf("ordeal-%d", i), first)
	}
	var born []map[string]string
	for i := range apps {
		born = append(born, s.born(fmt.Sprintf("ordeal-%d", i)))
	}

	before := s.now(t)
	b.set(true)
	second := s.commit("two", fleet("2", "new"))
	for i := range apps {
		s.patch(fmt.Sprintf("ConfigMap/ordeal-%d/bystander", i), "kubectl-edit", "data: {a: theirs}")
	}
	err := eventually(limit, func() error {
		did := b.counts()
		for _, how := range []string{tooMany, broken, away, unheard, cut, silent} {
			if did[how] == 0 {
				return errNotYet("no request failed as %q: %v", how, did)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.set(false)
	t.Logf("requests that failed: %v", b.counts())

	made := map[string]int{}
	for i := range apps {
		app := fmt.Sprintf("ordeal-%d", i)
		s.ok(app, second)
		s.has("ConfigMap/"+app+"/stays", "data.a", "2")
		s.has("ConfigMap/"+app+"/bystander", "data.a", "2")
		s.absent("ConfigMap/" + app + "/goes")
		s.inventoried(app, app, "stays", "bystander", "new")
		now := s.born(app)
		for _, name := range []string{"stays", "bystander"} {
			if now[name] != born[i][name] {
				t.Errorf("%s/%s was made anew", app, name)
			}
		}
		for _, r := range s.requests(t, before, func(r request) bool { return r.writes() && r.in(app) }) {
			switch {
			case r.deletes() && r.Object.Name != "goes":
				t.Errorf("the agent deleted %s", r)
			case r.Status.Code == http.StatusCreated:
				made[app+"/"+r.Object.Name]++
			}
		}
		if n := made[app+"/new"]; n != 1 {
			t.Errorf("%s/new was created %d times", app, n)
		}
	}
	s.patch("ConfigMap/ordeal-0/stays", "kubectl-edit", "data: {a: theirs}") // the watches work as ever
	s.has("ConfigMap/ordeal-0/stays", "data.a", "2")
}

// An agent that stands still in the middle of an apply, for longer than the Lease is valid, as one whose machine is frozen, has lost it
// when it goes on. It writes nothing of its older commit any more, neither objects nor books, and stands by.
func TestAgentThatStoodStill(t *testing.T) {
	s := newScenario(t, lives(t), "frozen")
	s.restarted("--slots", "1")
	of := func(value string, from, n int) string {
		return strings.ReplaceAll(settings(from, n), `a: "1"`, `a: "`+value+`"`)
	}
	s.ok("frozen", s.commit("one", files{"apps/frozen/a.yaml": of("1", 0, 6)}))
	gate := s.gateAt("frozen", "UPDATE", 2)
	other := &agent{plumb: s.plumb, kubeconfig: s.kubeconfig, account: s.agent.account, dir: filepath.Join(t.TempDir(), "agent")}
	other.listen = freeAddress(t)
	if err := other.launch("--listen", other.listen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.kill(); s.restarted() })
	if err := other.standing(); err != nil {
		t.Fatal(err)
	}
	const lease = "Lease/plumb-system/plumb-agent"
	was := field(s.live(lease), "spec.holderIdentity")
	before := s.now(t)

	s.commit("two", files{"apps/frozen/a.yaml": of("2", 0, 6)})
	gate.wait()
	if err := s.agent.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	gate.open()
	third := s.pushUnseen("three", files{"apps/frozen/a.yaml": of("3", 0, 5)})
	if err := other.active(); err != nil {
		t.Fatal(err)
	}
	s.ok("frozen", third)
	s.gone("ConfigMap/frozen/settings-5")
	awake := s.now(t)
	if err := s.agent.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := s.agent.standing(); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.requests(t, awake, func(r request) bool {
		return r.writes() && r.in("frozen") || r.Verb == "patch" && r.Object.Resource == "inventories" && r.Object.Name == "frozen-0"
	}) {
		t.Errorf("it wrote of its older commit: %s", r)
	}
	if now := field(s.live(lease), "spec.holderIdentity"); now == was {
		t.Errorf("%v has the Lease again", now)
	}
	for i := range 5 {
		s.has(fmt.Sprintf("ConfigMap/frozen/settings-%d", i), "data.a", "3")
	}
	s.patch("ConfigMap/frozen/settings-0", "kubectl-edit", "data: {a: theirs}")
	s.has("ConfigMap/frozen/settings-0", "data.a", "3")
	s.ok("frozen", third)
	s.gone("ConfigMap/frozen/settings-5")
	for _, r := range s.requests(t, before, func(r request) bool { return r.deletes() && r.writes() && r.in("frozen") }) {
		if r.Object.Name != "settings-5" {
			t.Errorf("an agent deleted %s", r)
		}
	}
}
