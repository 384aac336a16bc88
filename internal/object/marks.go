package object

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
)

// Marks is what an object says in Git about its own delivery (resources.md §7.2).
type Marks struct {
	Phases     []string // PreSync, Sync, PostSync, SyncFail; none if it is not a hook
	Ends       []string // PreDelete, PostDelete: it runs when its app goes; with no phase beside them it is skipped until then
	Hook       bool     // it runs once per revision of the app
	Skip       bool     // it is not applied at all
	Wave       int      // smallest first
	HookDelete []string // BeforeHookCreation (default of a hook), HookSucceeded, HookFailed
	// Helm's hooks know whether an app is installed or upgraded: the phases in which it does not run at an install, and at
	// an upgrade.
	NotInstall, NotUpgrade []string

	Prune            string // "", PruneNever or PruneConsent
	CreateOnly       bool   // created if missing, then left alone
	LeaveAlone       bool   // neither applied nor deleted
	IgnoreHealth     bool   // its health does not count
	ReplaceAllowed   bool   // it may be deleted and created when a field is immutable
	IgnoreExtraneous bool   // it is not toDelete when Git no longer has it

	// Source is the annotation that makes it a hook, skipped, or of another wave than 0, for messages.
	Source Mark
}

// Mark is one annotation.
type Mark struct{ Key, Value string }

// String gives "key: value", as it stands in the manifest.
func (m Mark) String() string {
	if m.Key == "" {
		return ""
	}
	return m.Key + ": " + m.Value
}

// Values of Marks.Prune.
const (
	PruneNever   = "never"
	PruneConsent = "consent"
)

// The annotations of each tool that say how an object is delivered. If there is one of a tool, those of the tools after
// it do not count; Flux's add to any.
var (
	ourMarks  = []string{v1alpha1.AnnotationHook, hookDelete, v1alpha1.AnnotationWave, v1alpha1.AnnotationPrune, v1alpha1.AnnotationHealth, v1alpha1.AnnotationApply}
	argoMarks = []string{argo + "hook", argo + "hook-delete-policy", argo + "sync-wave", argo + "sync-options", argo + "compare-options", argo + "ignore-healthcheck"}
	helmMarks = []string{helm + "hook", helm + "hook-weight", helm + "hook-delete-policy", helm + "resource-policy"}
)

const (
	hookDelete = "plumb.dev/hook-delete"
	argo       = "argocd.argoproj.io/"
	helm       = "helm.sh/"
	flux       = "kustomize.toolkit.fluxcd.io/"
)

// PhasesAt gives the phases in which a hook runs when its app is installed, or upgraded.
func (m Marks) PhasesAt(install bool) []string {
	not := m.NotUpgrade
	if install {
		not = m.NotInstall
	}
	return slices.DeleteFunc(slices.Clone(m.Phases), func(phase string) bool { return slices.Contains(not, phase) })
}

// MarksOf reads the marks of an object. A word that is not known is InvalidObject with the code MARK_INVALID; a mark that
// is understood and has no effect is a Warning with the code MARK_IGNORED.
func MarksOf(o Object) (Marks, []Warning, error) {
	r := markReader{o: o, annotations: o.Annotations()}
	if len(r.annotations) == 0 {
		return Marks{}, nil, nil
	}
	for _, tool := range []struct {
		marks []string
		read  func() error
	}{{ourMarks, r.ours}, {argoMarks, r.argo}, {helmMarks, r.helm}} {
		if !r.hasAny(tool.marks) {
			continue
		}
		if err := tool.read(); err != nil {
			return Marks{}, nil, err
		}
		break
	}
	r.setAside()
	r.flux()
	r.source()
	return r.marks, r.warnings, nil
}

type markReader struct {
	o           Object
	annotations map[string]string
	marks       Marks
	hook, wave  Mark
	warnings    []Warning
}

func (r *markReader) hasAny(keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { _, ok := r.annotations[k]; return ok })
}

func (r *markReader) refuse(m Mark, want string) error {
	return invalid("MARK_INVALID", r.o.Place, "%s has the annotation %s: %s", r.o.ID(), m.Key, shorten(m.Value)).WithNext("write %s", want)
}

func (r *markReader) ignored(m Mark, why string) {
	r.warnings = append(r.warnings, warning("MARK_IGNORED", r.o.Place, "%s has the annotation %s: %s, which %s", r.o.ID(), m.Key, shorten(m.Value), why))
}

// each calls read with every word of a comma list.
func (r *markReader) each(key string, read func(m Mark) error) error {
	for _, word := range strings.Split(r.annotations[key], ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		if err := read(Mark{key, word}); err != nil {
			return err
		}
	}
	return nil
}

func (r *markReader) ours() error {
	if err := r.each(v1alpha1.AnnotationHook, r.phase); err != nil {
		return err
	}
	if err := r.each(hookDelete, r.deletePolicy); err != nil {
		return err
	}
	if err := r.number(v1alpha1.AnnotationWave); err != nil {
		return err
	}
	for _, word := range []struct {
		key   string
		words string
		set   func(string)
	}{
		{v1alpha1.AnnotationPrune, "never or consent", func(s string) { r.marks.Prune = s }},
		{v1alpha1.AnnotationHealth, "ignore", func(string) { r.marks.IgnoreHealth = true }},
		{v1alpha1.AnnotationApply, "create-only", func(string) { r.marks.CreateOnly = true }},
	} {
		v, ok := r.annotations[word.key]
		if !ok {
			continue
		}
		if !slices.Contains(strings.Split(word.words, " or "), v) {
			return r.refuse(Mark{word.key, v}, word.words)
		}
		word.set(v)
	}
	return nil
}

// phase reads one word of plumb.dev/hook or of Argo CD's hook.
func (r *markReader) phase(m Mark) error {
	switch m.Value {
	case "PreSync", "Sync", "PostSync", "SyncFail":
		r.addPhase(m, m.Value)
	case "Skip":
		r.marks.Skip, r.hook = true, m
	case "PreDelete", "PostDelete":
		r.addEnd(m, m.Value)
	default:
		return r.refuse(m, "PreSync, Sync, PostSync, SyncFail, PreDelete, PostDelete or Skip")
	}
	return nil
}

// addEnd adds a phase around the deletion of the app.
func (r *markReader) addEnd(m Mark, phase string) {
	if r.hook.Key == "" {
		r.hook = m
	}
	r.marks.Hook = true
	if !slices.Contains(r.marks.Ends, phase) {
		r.marks.Ends = append(r.marks.Ends, phase)
	}
}

func (r *markReader) addPhase(m Mark, phase string) {
	r.marks.Hook, r.hook = true, m
	if !slices.Contains(r.marks.Phases, phase) {
		r.marks.Phases = append(r.marks.Phases, phase)
	}
}

func (r *markReader) number(key string) error {
	v, ok := r.annotations[key]
	if !ok {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return r.refuse(Mark{key, v}, `a whole number in quotes, for example "5"`)
	}
	r.marks.Wave, r.wave = n, Mark{key, v}
	return nil
}

func (r *markReader) argo() error {
	if err := r.each(argo+"hook", r.phase); err != nil {
		return err
	}
	if err := r.each(argo+"hook-delete-policy", r.deletePolicy); err != nil {
		return err
	}
	if err := r.number(argo + "sync-wave"); err != nil {
		return err
	}
	_ = r.each(argo+"sync-options", r.syncOption)
	_ = r.each(argo+"compare-options", func(m Mark) error {
		if m.Value == "IgnoreExtraneous" {
			r.marks.IgnoreExtraneous = true
		}
		return nil // the others say how Argo CD compares
	})
	if r.annotations[argo+"ignore-healthcheck"] == "true" {
		r.marks.IgnoreHealth = true
	}
	return nil
}

func (r *markReader) syncOption(m Mark) error {
	switch m.Value {
	case "Prune=false", "Delete=false":
		r.marks.Prune = PruneNever
	case "Prune=confirm", "Delete=confirm":
		if r.marks.Prune == "" {
			r.marks.Prune = PruneConsent
		}
	case "Replace=true":
		r.marks.ReplaceAllowed = true
	case "Prune=true", "Delete=true", "Replace=false", "Force=false", "ServerSideApply=true", "SkipDryRunOnMissingResource=true", "Validate=true":
		// what happens anyway
	default:
		r.ignored(m, "has no effect")
	}
	return nil
}

// helmPhases maps Helm's hooks; "" means that the object is not applied, as with helm install.
var helmPhases = map[string]string{
	"pre-install": "PreSync", "pre-upgrade": "PreSync", "post-install": "PostSync", "post-upgrade": "PostSync",
	"test": "", "test-success": "", "test-failure": "", "pre-rollback": "", "post-rollback": "",
}

func (r *markReader) helm() error {
	skipped, words := Mark{}, map[string]bool{}
	err := r.each(helm+"hook", func(m Mark) error {
		phase, known := helmPhases[m.Value]
		words[m.Value] = true
		switch {
		case phase != "":
			r.addPhase(m, phase)
		case known:
			skipped = m
		case m.Value == "pre-delete":
			r.addEnd(m, "PreDelete")
		case m.Value == "post-delete":
			r.addEnd(m, "PostDelete")
		case m.Value == "crd-install":
			// of Helm 2: an ordinary object since
		default:
			return r.refuse(m, "a hook of Helm, for example pre-install")
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.marks.NotInstall, r.marks.NotUpgrade = lacking(words, "install"), lacking(words, "upgrade")
	if skipped.Key != "" && len(r.marks.Phases)+len(r.marks.Ends) == 0 {
		r.marks.Skip, r.hook = true, skipped
	}
	if err := r.each(helm+"hook-delete-policy", r.deletePolicy); err != nil {
		return err
	}
	if r.marks.Hook {
		if err := r.number(helm + "hook-weight"); err != nil {
			return err
		}
	}
	if r.annotations[helm+"resource-policy"] == "keep" {
		r.marks.Prune = PruneNever
	}
	return nil
}

// lacking lists the phases of which there is one of Helm's words, but not that for an event (install or upgrade).
func lacking(words map[string]bool, event string) []string {
	var phases []string
	for _, when := range []struct{ word, phase string }{{"pre-", "PreSync"}, {"post-", "PostSync"}} {
		if (words[when.word+"install"] || words[when.word+"upgrade"]) && !words[when.word+event] {
			phases = append(phases, when.phase)
		}
	}
	return phases
}

func (r *markReader) deletePolicy(m Mark) error {
	policies := map[string]string{
		"BeforeHookCreation": "BeforeHookCreation", "HookSucceeded": "HookSucceeded", "HookFailed": "HookFailed",
		"before-hook-creation": "BeforeHookCreation", "hook-succeeded": "HookSucceeded", "hook-failed": "HookFailed",
	}
	policy, ok := policies[m.Value]
	if !ok || strings.HasPrefix(m.Key, helm) != strings.Contains(m.Value, "-") {
		return r.refuse(m, "BeforeHookCreation, HookSucceeded or HookFailed, for Helm before-hook-creation, hook-succeeded or hook-failed")
	}
	if !slices.Contains(r.marks.HookDelete, policy) {
		r.marks.HookDelete = append(r.marks.HookDelete, policy)
	}
	return nil
}

// flux reads Flux's marks, which add to any. Flux compares their values without regard to case.
func (r *markReader) flux() {
	for key, values := range map[string]map[string]func(){
		flux + "prune":     {"disabled": func() { r.marks.Prune = PruneNever }},
		flux + "reconcile": {"disabled": func() { r.marks.LeaveAlone = true }},
		flux + "ssa":       {"ifnotpresent": func() { r.marks.CreateOnly = true }, "ignore": func() { r.marks.LeaveAlone = true }},
	} {
		if set := values[strings.ToLower(r.annotations[key])]; set != nil {
			set()
		}
	}
	for _, key := range []string{flux + "force", flux + "ssa"} {
		m := Mark{key, r.annotations[key]}
		if v := strings.ToLower(m.Value); v == "enabled" || v == "merge" {
			r.ignored(m, "has no effect")
		}
	}
}

// setAside names the marks that change nothing because those of another tool count: the object is no hook, of no wave,
// or not protected, though it says so.
func (r *markReader) setAside() {
	m := r.marks
	for _, mark := range []struct {
		key   string
		heard bool
	}{
		{argo + "hook", m.Hook || m.Skip}, {argo + "sync-wave", m.Wave != 0},
		{helm + "hook", m.Hook || m.Skip}, {helm + "resource-policy", m.Prune != ""},
	} {
		if v, ok := r.annotations[mark.key]; ok && !mark.heard && v != "0" && r.overruled(mark.key) {
			r.ignored(Mark{mark.key, v}, "does not count beside the marks of another tool")
		}
	}
}

// overruled tells whether a tool that comes before the tool of this key has marks on the object.
func (r *markReader) overruled(key string) bool {
	return r.hasAny(ourMarks) || strings.HasPrefix(key, helm) && r.hasAny(argoMarks)
}

func (r *markReader) source() {
	m := &r.marks
	if m.Skip {
		m.Ends = nil
	}
	if m.Hook && len(m.Phases) == 0 {
		m.Skip = true // it has its turn when the app goes
	}
	if m.Skip {
		m.Hook, m.Phases, m.NotInstall, m.NotUpgrade = false, nil, nil, nil
	}
	if (m.Hook || len(m.Ends) > 0) && len(m.HookDelete) == 0 {
		m.HookDelete = []string{"BeforeHookCreation"}
	}
	switch {
	case m.Hook || m.Skip:
		m.Source = Mark{r.hook.Key, r.annotations[r.hook.Key]}
	case m.Wave != 0:
		m.Source = r.wave
	}
}
