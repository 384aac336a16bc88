package server

import (
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
)

// written is the record of an app: two revisions, drift that was undone, and a revision that failed, in no order.
func written() []v1alpha1.Entry {
	revision := func(name, commit, subject, author string, result v1alpha1.Result) v1alpha1.Entry {
		return v1alpha1.Entry{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Result: result,
			Revision: &v1alpha1.RevisionEntry{Commit: v1alpha1.CommitLine{ID: commit, Subject: subject, Author: author}},
		}
	}
	failed := revision("cart-20260104", "dddd4444", "cart: 3.0", "Lena", v1alpha1.ResultFailed)
	failed.Revision.Reason = "NotHealthy"
	failed.Revision.Pulls = []v1alpha1.PullLine{{Number: 77, Title: "the big one"}}
	return []v1alpha1.Entry{
		revision("cart-20260102", "bbbb2222", "cart: 2.0", "Omar", v1alpha1.ResultOK),
		failed,
		{
			ObjectMeta: metav1.ObjectMeta{Name: "cart-20260103"}, Result: v1alpha1.ResultHealed,
			Corrections: []v1alpha1.Correction{{Drift: v1alpha1.Drift{Object: "Deployment/shop/cart", Field: "spec.replicas", Manager: "kubectl-edit"}}},
		},
		revision("cart-20260101", "aaaa1111", "cart: 1.0", "Lena", v1alpha1.ResultOK),
	}
}

func TestHistoryIsSearchedChosenAndOrdered(t *testing.T) {
	c := config(fleet())
	c.Visitors = visitors{"lena": {name: "lena", sight: board.Sight{All: true}, rights: []string{"list entries plumb-system"}, record: written()}}
	handler := New(c)
	ask := func(query string) (page HistoryPage, days string) {
		r := do(t, handler, call{method: "GET", path: apiPath + "/apps/plumb-system/cart-dev/history?" + query, header: as("lena")})
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", query, r.StatusCode)
		}
		decode(t, r, &page)
		var names []string
		for _, e := range page.Items {
			names = append(names, strings.TrimPrefix(e.Name, "cart-2026010"))
		}
		return page, strings.Join(names, " ")
	}
	for _, tt := range []struct{ reason, query, want string }{
		{"all, the newest first", "", "4 3 2 1"},
		{"the oldest first", "sort=oldest", "1 2 3 4"},
		{"by commit", "q=bbbb22", "2"},
		{"by author, and a word of the subject", "q=lena+3.0", "4"},
		{"by pull request", "q=%2377", "4"},
		{"by what went wrong", "q=nothealthy", "4"},
		{"by the field that drifted, and who wrote it", "q=replicas+kubectl", "3"},
		{"what nobody wrote", "q=nowhere", ""},
		{"by result", "result=ok", "2 1"},
		{"by kind", "kind=drift", "3"},
		{"by author, which is no author's drift", "author=Lena", "4 1"},
		{"choices add up", "author=Lena&result=ok", "1"},
	} {
		if _, got := ask(tt.query); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
		}
	}
	page, _ := ask("author=Lena")
	if want := []board.Facet{{Value: "failed", Count: 1}, {Value: "ok", Count: 1}}; page.Total != 2 || !slices.Equal(page.Facets["result"], want) {
		t.Errorf("%d, counted as %v", page.Total, page.Facets)
	}
	for _, order := range []string{"newest", "oldest"} {
		_, want := ask("sort=" + order)
		var got []string
		for cursor := ""; ; {
			page, days := ask("limit=1&sort=" + order + "&cursor=" + cursor)
			got = append(got, days)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("page by page the %s are %v", order, got)
		}
	}
	for _, query := range []string{"sort=best", "cursor=x", "limit=0", "kind=a,b,c"} {
		r := do(t, handler, call{method: "GET", path: apiPath + "/apps/plumb-system/cart-dev/history?" + query, header: as("lena")})
		if r.StatusCode/100 != 4 {
			t.Errorf("%s: %d", query, r.StatusCode)
		}
	}
}

func TestBackwards(t *testing.T) {
	names := []string{"", "a", "a-1", "a-10", "a-2", "ab", "b", "ü"}
	turned := slices.Clone(names)
	sort.Slice(turned, func(i, j int) bool { return backwards(turned[i]) < backwards(turned[j]) })
	slices.Reverse(turned)
	if !slices.Equal(turned, names) {
		t.Errorf("%q", turned)
	}
}
