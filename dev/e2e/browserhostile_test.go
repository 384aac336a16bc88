package e2e

// hostilePath is what a text asks for that has become an element. No tab may ask for it.
const hostilePath = "/asked-for-by-a-text"

// hostile is a text that is an element, an image that fails, a script and a link to whoever takes it for HTML; in an attribute it
// ends the attribute. hostileName is the same for names that are short.
const (
	hostile = `"'><x-hostile onclick=window.__xss=1><img src=` + hostilePath + ` onerror=window.__xss=1>` +
		`<script>window.__xss=1</script><a href="javascript:window.__xss=1">{{7*7}}${7*7}</a>`
	hostileName = `<x-hostile onclick=window.__xss=1><img src=` + hostilePath + `>`
)

// untaken fails the test if a text of others has become part of the page: an element, a handler, a script, a link that is none.
func (b *browser) untaken(at string) {
	b.Helper()
	taken := b.text(`[
		...document.querySelectorAll("x-hostile, img, iframe, object, embed, script:not([src^='/'])"),
		...[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on"))),
		...[...document.querySelectorAll("a[href]")].filter(a => !["http:", "https:"].includes(a.protocol)),
	].map(e => e.outerHTML.slice(0, 200)).join("\n") + (window.__xss === undefined ? "" : "a script ran")`)
	for _, rung := range b.alarms.take() {
		taken += "\n" + rung
	}
	if taken != "" {
		b.Errorf("%s: %s", at, taken)
	}
}
