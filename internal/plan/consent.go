package plan

import (
	"regexp"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// consentKey begins a line of a commit message that allows deletions (resources.md §7.3).
const consentKey = "Plumb-Allow-Delete:"

const dnsName = `([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)`

var (
	// consentStart finds a line that means to be a consent: indented, or a bullet of a squashed message, in any case.
	consentStart = regexp.MustCompile(`^[ \t]*(?:[*-][ \t]+)?(?i:Plumb-Allow-Delete)[ \t]*:(.*)$`)
	// consentForm is the whole of what may follow: app[/env][@cluster], then perhaps Kind/name or Kind/namespace/name.
	// No part ends in punctuation: the full stop of a sentence is not guessed away.
	consentForm = regexp.MustCompile(`^` + dnsName + `(?:/` + dnsName + `)?(?:@` + dnsName + `)?` +
		`(?:[ \t]+([A-Za-z][A-Za-z0-9]*)(?:/` + dnsName + `)?/([^\s/]*[^\s/.,;]))?$`)
)

// ParseConsents finds the consents in a commit message, in the order in which they stand. A line with anything before or
// after its form is not a consent: what a line allows is never guessed (RefusedConsents lists such lines).
func ParseConsents(commit, body string) []Consent {
	consents, _ := parseConsents(commit, body)
	return consents
}

// RefusedConsents lists the lines of a commit message that begin like a consent and are none, for a warning.
func RefusedConsents(body string) []string {
	_, refused := parseConsents("", body)
	return refused
}

func parseConsents(commit, body string) (consents []Consent, refused []string) {
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimRight(line, "\r")
		start := consentStart.FindStringSubmatch(line)
		if start == nil {
			continue
		}
		form := consentForm.FindStringSubmatch(strings.Trim(start[1], " \t"))
		if form == nil {
			refused = append(refused, strings.TrimSpace(line))
			continue
		}
		consents = append(consents, Consent{
			Commit: commit, App: form[1], Env: form[2], Cluster: form[3],
			Kind: form[4], Namespace: form[5], Name: form[6],
		})
	}
	return consents, refused
}

// String gives the line as it is written in a commit message.
func (c Consent) String() string {
	s := consentKey + " " + App{App: c.App, Env: c.Env}.Address()
	if c.Cluster != "" {
		s += "@" + c.Cluster
	}
	if c.Kind != "" {
		s += " " + object.ID{Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}.String()
	}
	return s
}

// coverage is what a consent means for one object.
type coverage int

const (
	notCovered coverage = iota
	covered
	ambiguous // the line names one object, and fits several
)

// covers tells whether the consent allows the deletion of an object of the app. candidates are all deletions of the plan:
// a line that names an object names exactly one of them. A Namespace is allowed only by a line that names it.
func (c Consent) covers(app App, id object.ID, candidates []object.ID) coverage {
	if !c.addresses(app) || !c.fits(id) {
		return notCovered
	}
	if c.Kind == "" {
		return covered
	}
	fitting := 0
	for _, other := range candidates {
		if c.fits(other) {
			fitting++
		}
	}
	if fitting > 1 {
		return ambiguous
	}
	return covered
}

// addresses tells whether the line is about this app: an environment or a cluster that is not written fits all.
func (c Consent) addresses(app App) bool {
	cluster := app.Cluster
	if cluster == "" {
		cluster = "local"
	}
	return c.App == app.App && (c.Env == "" || c.Env == app.Env) && (c.Cluster == "" || c.Cluster == cluster)
}

// fits tells whether the line's second half fits the object; a line without one fits everything but Namespaces.
func (c Consent) fits(id object.ID) bool {
	if c.Kind == "" {
		return !isNamespace(id)
	}
	return c.Kind == id.Kind && c.Name == id.Name && (c.Namespace == "" || c.Namespace == id.Namespace)
}

// AllowLine gives the line that allows the deletion of one held object.
func AllowLine(app App, id object.ID) string {
	return consentKey + " " + app.Address() + " " + id.String()
}

// AllowLines gives the lines that allow everything that the plan holds and that can be allowed: one for the app where all
// its deletions are held together, else one per object. A Namespace always has its own.
func AllowLines(p Plan) []string {
	wide := false
	for _, s := range p.Steps {
		wide = wide || s.Action == Hold && s.Hold.wide()
	}
	var lines []string
	if wide {
		lines = append(lines, consentKey+" "+p.App.Address())
	}
	for _, s := range p.Steps {
		own := !wide || isNamespace(s.ID) || s.Hold == InUse
		if s.Action == Hold && s.Hold.Lifted() && own {
			lines = append(lines, AllowLine(p.App, s.ID))
		}
	}
	return lines
}
