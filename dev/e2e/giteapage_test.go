package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// planned is an app with everything that a pull request may put at risk: pods, a volume, rights, settings that a rule is about.
func planned(image, mode, verbs string, more ...string) string {
	return documentsOf(append([]string{
		deployment("web", 1, "registry.example/web:"+image), configMap("settings", "mode", mode),
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader}\nrules: [{apiGroups: [\"\"], resources: [secrets], verbs: [" + verbs + "]}]\n",
	}, more...)...)
}

const volumeOfWeb = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"

// The page of a pull request shows the agent's real plan in full: what it changes and what merging does, its risks, what the
// repository's rules find, and apart from that what waits already and what has drifted. It changes when the branch does, and is
// accessible in both themes.
func TestGiteaPageOfAPull(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pageplan")
	s.administrator("pageplan-staff")
	first := s.commitQuietly("one", files{
		"plumb.yaml": "policies: [policies/*.yaml]\n", "policies/rules.yaml": lawful,
		"apps/pageplan-web/plumb.yaml": "heal: false\n", "apps/pageplan-web/web.yaml": planned("1", "normal", "get", volumeOfWeb),
		"apps/pageplan-asked/plumb.yaml": "sync: manual\n", "apps/pageplan-asked/a.yaml": configMap("settings", "a", "1"),
		"apps/pageplan-other/a.yaml": configMap("settings", "a", "1"),
	})
	s.makeRepo()
	s.ok("pageplan-web", first)
	s.is("pageplan-asked", "waiting", "NeedsSync")
	s.scale("Deployment/pageplan-web/web", "kubectl", 4)
	s.is("pageplan-web", "drifted", "Drifted")
	number, head := s.opened(g, "risky", files{
		"apps/pageplan-web/web.yaml": planned("2", "debug", "get, list"), "apps/pageplan-asked/a.yaml": configMap("settings", "a", "2"),
	})
	s.told(g, head, "plumb/plan", "failure", "denied by no-debug")

	b := newBrowser(t, "http://"+s.listen)
	b.signIn(s.tokenOf("pageplan-staff", "admin"), "/pulls")
	b.says(".change-row", "change risky", "2 apps", "risk")
	b.run(chromedp.Evaluate(`[...document.querySelectorAll(".change-subject")].find(e => e.innerText.includes("change risky")).click()`, nil))
	b.says("h1", "change risky", fmt.Sprintf("#%d", number))
	b.says(".pill", "not to be merged")
	b.says(".pull > header", head[:7], first[:7], "1 app not affected")
	b.says(".lead", "Worth a second look", "deletes data", "PersistentVolumeClaim/pageplan-web/data", "widens rights", "Role/pageplan-web/reader")
	b.says("main", "The repository's rules", "no-debug", "ConfigMap settings of pageplan-web is in debug mode", "apps/pageplan-web/web.yaml:")
	b.says("section[aria-labelledby=does]", "What merging does", "pageplan-web", "registry.example/web:1", "registry.example/web:2", "data.mode", "normal", "debug", "pageplan-asked")
	b.says("section[aria-labelledby=does]", "Deletions are held until a commit consents with", "Plumb-Allow")
	for title, words := range map[string][]string{
		"Already waiting, not part of this": {"pageplan-asked", "ConfigMap/pageplan-asked/settings"},
		"Drift, not part of this":           {"pageplan-web", "Deployment/pageplan-web/web", "spec.replicas", "4", "1"},
	} {
		b.run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll("main section")].find(e => e.querySelector("h2")?.innerText === %q).querySelector("summary").click()`, title), nil))
		b.says("main section", append(words, title)...)
	}
	for _, theme := range []string{"light", "dark"} {
		b.window(1440, 1200, theme)
		b.isAccessible("the page of a pull request, " + theme)
		if theme == "light" {
			b.pictured("pull")
		}
	}
	b.window(390, 780, "light")
	b.isAccessible("the page of a pull request on a phone")
	b.window(1440, 900, "light")

	b.run(chromedp.Evaluate("window.neverLoadedAnew = true", nil))
	again := s.branched(g, "risky", files{"apps/pageplan-web/web.yaml": planned("2", "normal", "get", volumeOfWeb)})
	s.told(g, again, "plumb/plan", "success", "2 apps")
	b.says(".pill", "may be merged")
	b.says(".pull > header", again[:7])
	b.until(`!/deletes data|widens rights/.test(document.querySelector(".lead")?.innerText)`, "what is no risk any more is not told as one")
	b.notLoadedAnew()
}

// The revert button opens a pull request at the forge, which takes back this app's part and no other, and the page leads there.
func TestGiteaPageReverts(t *testing.T) {
	t.Parallel()
	g := forgeOf(t)
	s := newForgeScenario(t, shared(t), g, "pageback")
	s.administrator("pageback-staff")
	good := s.commitQuietly("one", files{"apps/pageback-a/web.yaml": deployment("web", 1, "registry.example/web:1"), "apps/pageback-b/b.yaml": configMap("b", "a", "1")})
	s.makeRepo()
	s.ok("pageback-a", good)
	bad := s.merged(g, "broken", files{"apps/pageback-a/web.yaml": failing("web", "image-pull"), "apps/pageback-b/b.yaml": configMap("b", "a", "2")})
	s.ok("pageback-b", bad)

	b := newBrowser(t, "http://"+s.listen)
	b.signIn(s.tokenOf("pageback-staff", "admin"), "/app/plumb-system/pageback-a")
	b.shows("failed")
	b.says(".cause", "Deployment/web", "ImagePull")
	b.until(`document.querySelector("main [data-action=revert]").getAttribute("aria-disabled") === "false"`, "it may be reverted")
	b.click("main [data-action=revert]")
	b.says("dialog[open]", "pageback-a", bad[:7], "Nothing changes in the cluster before somebody merges it")
	b.isAccessible("the dialog of a revert")
	b.click("dialog[open] footer .first")
	b.says(".toast", "the pull request is open", "/acme/pageback/pulls/")
	if n := s.openPulls(g); n != 1 {
		t.Errorf("%d pull requests are open", n)
	}
	pull, _ := s.proposedRevert(g, "pageback-a")
	s.says(pull["title"].(string), "Revert of pageback-a", bad[:7], good[:7])
	s.says(fmt.Sprint(pull["body"]), "asked for by system:serviceaccount:pageback-staff:admin", "apps/pageback-a/web.yaml")
	if strings.Contains(fmt.Sprint(pull["body"]), "pageback-b") {
		t.Errorf("it takes back what is of another app: %v", pull["body"])
	}
	number, _ := pull["number"].(float64)
	b.says(".cause", fmt.Sprintf("pull request #%d", int(number)))
	back := s.merge(g, int(number))
	b.shows("ok")
	s.ok("pageback-a", back)
	s.has("ConfigMap/pageback-b/b", "data.a", "2")
}

// A forge that says hostile things is shown as what it is: text, and no link that is not one of the web.
func TestGiteaPageOfAHostileForge(t *testing.T) {
	t.Parallel()
	g := forgeOf(t).withOwnDoor(t)
	s := newForgeScenario(t, shared(t), g, "pagefoe")
	s.administrator("pagefoe-staff")
	g.twist = func(answer string) string {
		return strings.NewReplacer(`"html_url":"`, `"html_url":"javascript:window.__xss=1//`, "change foe", "change foe <x-hostile onclick=window.__xss=1>").Replace(answer)
	}
	first := s.commitQuietly("one", files{"apps/pagefoe/a.yaml": configMap("settings", "a", "1")})
	s.makeRepo()
	s.ok("pagefoe", first)
	number, head := s.opened(g, "foe", files{"apps/pagefoe/a.yaml": configMap("settings", "a", hostile)})
	s.told(g, head, "plumb/plan", "success", "1 changed")

	b := newBrowser(t, "http://"+s.listen)
	b.signIn(s.tokenOf("pagefoe-staff", "admin"), "/pulls")
	b.says(".change-row", "change foe <x-hostile")
	b.untaken("/pulls")
	b.visit(fmt.Sprintf("/pr/plumb-system/pagefoe/%d", number))
	b.says("h1", "change foe <x-hostile")
	b.says(".change-field ins", "<x-hostile")
	b.untaken("the page of a pull request")
	commit := s.merge(g, number)
	s.ok("pagefoe", commit)
	b.visit("/c/plumb-system/pagefoe/" + commit)
	b.says(".steps", fmt.Sprintf("#%d", number))
	b.untaken("the page of a commit")
}
