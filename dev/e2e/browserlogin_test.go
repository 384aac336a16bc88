package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A person comes in by the organisation's login, from where they were sent to and back to it, is who the provider says in what
// RBAC lets them see, and is told in words when the provider's word is not taken.
func TestBrowserOIDC(t *testing.T) {
	s := newScenario(t, shared(t), "byidp")
	idp := newIDP(t)
	idp.URL = strings.Replace(idp.URL, "127.0.0.1", "localhost", 1) // another site than the page's
	manifest, err := os.ReadFile("../../deploy/manifests/people.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.make(string(manifest) + `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: byidp}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "oidc:oncall"}]
`)
	address := s.listen
	t.Cleanup(func() { s.restarted() })
	s.restarted("--listen", address, "--page-url", "http://"+address, "--oidc-issuer", idp.URL, "--oidc-client-id", "plumb")
	s.ok("byidp", s.commit("settings", files{"apps/byidp/a.yaml": configMap("settings", "a", "1")}))

	const wanted = "/app/plumb-system/byidp/resources?view=tree"
	first := newBrowser(t, "http://"+address)
	enter := func(b *browser) {
		t.Helper()
		b.run(chromedp.Navigate(b.base + wanted))
		b.click(`.login a.button`)
	}
	enter(first)
	first.until(`location.pathname + location.search === "`+wanted+`" && document.querySelector("[data-pulse=live]")`, "one is back where one was sent from")
	first.says("[role=treegrid]", "settings")
	first.until(`document.querySelector("[data-action=sync]").getAttribute("aria-disabled") === "true"`, "the group that may look may not sync")
	first.click(".who")
	first.says("dialog", "oidc:lena", "oidc:shop, oidc:oncall", "your organisation's login")
	first.run(chromedp.Evaluate(`[...document.querySelectorAll("dialog button")].find(e => e.innerText === "Sign out").click()`, nil))
	first.until(`location.pathname === "/login" && document.querySelector(".login a.button")`, "signed out one is at the login")

	idp.says(map[string]any{"sub": hostileName, "groups": []string{"oncall", hostileName}})
	named := first.another(t)
	enter(named)
	named.until(`document.querySelector("[data-pulse=live]")`, "one is in")
	named.click(".who")
	named.says("dialog", "oidc:"+hostileName)
	named.untaken("a hostile name")

	idp.says(map[string]any{"sub": "lena", "aud": "another client"})
	refused := first.another(t)
	enter(refused)
	refused.says(".login [role=alert]", "was not accepted", "the agent's log says why")
	refused.until(`document.querySelector(".login a.button")`, "one can try again")
}
