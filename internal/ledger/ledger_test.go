package ledger

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/api/v1alpha1"
)

func TestWithoutNulls(t *testing.T) {
	for _, row := range []struct{ reason, in, want string }{
		{"a null is no wish", `{"a":null,"b":1}`, `{"b":1}`},
		{"at any depth", `{"a":{"b":null,"c":[{"d":null,"e":"f"}]}}`, `{"a":{"c":[{"e":"f"}]}}`},
		{"what is empty stays", `{"a":{},"b":[],"c":"","d":false,"e":0}`, `{"a":{},"b":[],"c":"","d":false,"e":0}`},
		{"a time that was never set", `{"metadata":{"creationTimestamp":null,"name":"x"}}`, `{"metadata":{"name":"x"}}`},
	} {
		got, err := withoutNulls([]byte(row.in))
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %s, %v; want %s", row.reason, got, err, row.want)
		}
	}
	if _, err := withoutNulls([]byte(`[`)); err == nil {
		t.Error("what is no JSON went through")
	}
}

// recorded is a ledger on an API server that answers every write in the same way, and what was sent to it.
func recorded(t *testing.T, code int, body string) (*Ledger, *[]string) {
	t.Helper()
	sent := &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		data, _ := io.ReadAll(req.Body)
		*sent = append(*sent, req.Method+" "+req.URL.Path+"?"+req.URL.RawQuery+" "+string(data))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	l, err := New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return l, sent
}

func TestAWriteOfStatusIsBoundToItsObject(t *testing.T) {
	l, sent := recorded(t, 200, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1"}`)
	if err := l.PutAppStatus(t.Context(), "plumb-system", "cart", "u1", &v1alpha1.AppStatus{State: v1alpha1.StateOK}); err != nil {
		t.Fatal(err)
	}
	request := (*sent)[0]
	path, body, _ := strings.Cut(request, "force=true ")
	if want := "PATCH /apis/plumb.dev/v1alpha1/namespaces/plumb-system/apps/cart/status?fieldManager=plumb-agent&"; path != want {
		t.Errorf("sent %s, want %s", path, want)
	}
	var o struct {
		Metadata metav1.ObjectMeta   `json:"metadata"`
		Spec     *v1alpha1.AppSpec   `json:"spec"`
		Status   *v1alpha1.AppStatus `json:"status"`
	}
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	if o.Metadata.UID != "u1" || o.Spec != nil || o.Status == nil || o.Status.State != v1alpha1.StateOK || strings.Contains(body, "null") {
		t.Errorf("sent %s", body)
	}
}

func TestAWriteOfSpecLeavesStatusAlone(t *testing.T) {
	l, sent := recorded(t, 200, `{}`)
	if err := l.PutApp(t.Context(), &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: "plumb-system"}, Spec: v1alpha1.AppSpec{Repo: "fleet"}}); err != nil {
		t.Fatal(err)
	}
	if body := (*sent)[0]; strings.Contains(body, `"status"`) || strings.Contains(body, `"pause"`) {
		t.Errorf("a write of spec says %s", body)
	}
}

// Of Entries only metadata is read, page by page.
func TestEntriesAreListedByTheirMetadata(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.URL.Query().Get("labelSelector")+" "+req.URL.Query().Get("continue")+" "+req.Header.Get("Accept")[:45])
		w.Header().Set("Content-Type", "application/json")
		page := `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"continue":"more"},"items":[{"metadata":{"name":"a","labels":{"plumb.dev/result":"ok"}}}]}`
		if req.URL.Query().Get("continue") != "" {
			page = `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":[{"metadata":{"name":"b"}}]}`
		}
		_, _ = io.WriteString(w, page)
	}))
	defer server.Close()
	l, err := New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	results, err := l.EntryResults(t.Context(), "plumb-system", "plumb.dev/app-uid=u1")
	if err != nil || len(results) != 2 || results["a"] != v1alpha1.ResultOK || results["b"] != "" {
		t.Errorf("%v, %v", results, err)
	}
	const accept = " application/json;as=PartialObjectMetadataList"
	if want := []string{"plumb.dev/app-uid=u1 " + accept[:46], "plumb.dev/app-uid=u1 more" + accept[:46]}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestErrorsSayWhatTheAPIServerSaid(t *testing.T) {
	l, _ := recorded(t, 422, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":422,"reason":"Invalid",
		"message":"Inventory \"cart-0\" is invalid: objects: Too many","details":{"causes":[{"message":"Too many"}]}}`)
	err := l.PutInventory(t.Context(), &v1alpha1.Inventory{ObjectMeta: metav1.ObjectMeta{Name: "cart-0", Namespace: "plumb-system"}})
	if err == nil || !strings.Contains(err.Error(), "objects: Too many") {
		t.Errorf("the error is %v", err)
	}
	if err := l.DeleteInventory(t.Context(), "plumb-system", "cart-0"); err == nil {
		t.Error("a deletion that failed is told as done")
	}
}

func TestWhatIsGoneNeedsNoDeletion(t *testing.T) {
	l, _ := recorded(t, 404, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound","message":"not found"}`)
	if err := l.DeleteInventory(t.Context(), "plumb-system", "cart-0"); err != nil {
		t.Error(err)
	}
	if err := l.DeleteApp(t.Context(), "plumb-system", "cart", "u1"); err != nil {
		t.Error(err)
	}
}

// An API server that is asked for a kind the first time asks for a second's patience. Ready knows better, for all kinds at
// once, and leaves every other answer to the requests that follow.
func TestReadyDoesNotSleepWhileAKindIsPrepared(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[req.URL.Path]++
		if asked[req.URL.Path] < 3 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	l, err := New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	l.Ready(ctx)
	for _, resource := range []string{"clusters", "repos", "apps", "inventories"} {
		if n := asked["/apis/plumb.dev/v1alpha1/"+resource]; n != 3 {
			t.Errorf("%s was asked for %d times, want until the answer came, and not again", resource, n)
		}
	}
}
