package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/review"
	"plumb.dev/plumb/internal/source"
)

// logLimit is how many commits between two heads are looked at one by one for whose changes an app got, and for consent.
const logLimit = 200

// sourceName is the name of the one source of an app in what renders record.
const sourceName = "repo"

// render makes sure that the recorded render is of the offered commit. An app whose inputs did not change costs a few
// lookups and no render.
func (t *turn) render(ctx context.Context) error {
	a := t.app
	if a.rendered == t.offer {
		return nil
	}
	defer t.showOutline()
	if t.offer.removed {
		return t.renderNothing()
	}
	if a.broken != nil && time.Now().Before(a.retryAt) {
		return a.broken
	}
	answers := t.agent.cluster.Mapper().Answers(ctx)
	request := t.request(answers)
	if a.recorded == nil {
		if recorded, ok := t.agent.cache.Load(t.cacheKey()); ok {
			a.record(recorded)
			a.renderWarnings = warningTexts(recorded.Manifest.Warnings)
		}
	}
	if a.recorded != nil && a.recorded.Unchanged(request) {
		return t.unchanged(ctx)
	}
	station := t.newsStage(stageRender)
	manifest, err := t.agent.renderer.Render(ctx, request)
	station.end(err, "render", manifest.Render, "objects", len(manifest.Objects))
	t.agent.metrics.renders.Inc()
	if unknown := answers.Failure(); unknown != nil {
		err, manifest = fault.New(fault.Unreachable, "the render asked what the cluster serves: %w", unknown), render.Manifest{}
	}
	if err != nil {
		return t.renderFailed(ctx, request, manifest, err)
	}
	recorded := render.Record(request, manifest)
	t.keepRender()
	if err := t.agent.cache.Store(t.cacheKey(), recorded); err != nil {
		t.agent.cache.Delete(t.cacheKey()) // an older one must not be taken for it
		t.log.Warn("a render cannot be kept: it is done again when it is needed again", "error", err)
	}
	t.changes(ctx, recorded)
	t.fresh, a.used = recorded, t.offer.sourceRevisions(t.object)
	a.record(recorded)
	a.rendered, a.wishes, a.refused, a.broken, a.partial = t.offer, nil, nil, nil, nil
	a.renderWarnings = warningTexts(manifest.Warnings)
	return nil
}

// unchanged takes up a commit at which the render is as recorded.
func (t *turn) unchanged(ctx context.Context) error {
	a := t.app
	switch {
	case a.target == "":
		a.target = t.offer.commit
	case t.hold == nil && a.status.Held != nil:
		t.changes(ctx, a.recorded) // the branch has undone what the Hold kept away: those commits are told
		a.wishes = nil             // and gone through, though nothing may differ
	case a.broken != nil && a.status.Revision != "":
		a.target = a.status.Revision // nobody could tell what the commits brought; now it shows
		t.changes(ctx, a.recorded)
	case a.rendered == nil && a.status.Verified != a.verified:
		t.changes(ctx, a.recorded) // the life before rendered it, and ended before it said so
	case a.target != a.status.Revision && a.wishes == nil:
		t.changes(ctx, a.recorded) // the target may have been of a commit that was undone meanwhile
	}
	a.broken, a.partial = nil, nil
	if a.recorded.Failure != nil {
		return a.recorded.Failure
	}
	a.rendered = t.offer
	return nil
}

// record keeps what a render read and asked, without its objects.
func (a *app) record(recorded *render.Recorded) {
	a.recorded, a.verified = recorded.Outline(), verified(recorded)
}

// showOutline lets reviews know which commit the render was found good for, and what it read: without it the first plan of a pull
// request after a start would read the recorded renders of all apps.
func (t *turn) showOutline() {
	a := t.app
	if a.rendered == t.offer && a.recorded != nil {
		a.outline.Store(&review.Outline{Commit: t.offer.commit, Place: t.offer.placement, Recorded: a.recorded})
		return
	}
	a.outline.Store(nil)
}

// requireLocal refuses an app that is meant for another cluster: it must never be applied to this one.
func (t *turn) requireLocal() error {
	name := orDefault(t.offer.placement.Cluster, fleet.Local)
	if name == fleet.Local {
		return nil
	}
	for _, c := range t.agent.clusterList() {
		if c.Name == name {
			return fault.New(fault.Unsupported, "cluster %s is not the one that this agent runs in, and other clusters are not supported yet", name)
		}
	}
	return fault.New(fault.ClusterUnknown, "there is no Cluster %s", name).WithNext("create it, or correct spec.cluster")
}

// renderFailed keeps what a failed render read, so that it is not tried again before one of its inputs changes. A failure
// that the inputs did not cause is tried again soon.
func (t *turn) renderFailed(ctx context.Context, request render.Request, manifest render.Manifest, err error) error {
	a := t.app
	t.keepRender()
	recorded := render.RecordFailure(request, manifest, err)
	t.changes(ctx, recorded)
	if recorded == nil {
		a.broken, a.partial = fault.Of(err, fault.RenderFailed), manifest.Reads
		t.later()
		return err
	}
	a.broken, a.partial = nil, nil
	a.record(recorded)
	return err
}

// renderNothing is the render of a folder that is gone from Git.
func (t *turn) renderNothing() error {
	a := t.app
	if a.recorded != nil || len(a.wishes) > 0 || a.target == "" {
		t.keepRender()
		a.recorded, a.wishes, a.refused = nil, nil, nil
		t.agent.cache.Delete(t.cacheKey()) // should the folder come back, that is a change
		a.target, a.changedBy = t.offer.commit, []string{t.offer.commit}
	}
	a.rendered = t.offer
	return nil
}

// request says what a render may depend on. An app whose Inventory has objects is an upgrade, to a Helm chart.
func (t *turn) request(answers render.Capabilities) render.Request {
	request := requestOf(t.offer.snapshot, t.offer.placement)
	request.Upgrade, request.Capabilities = t.app.status.Revision != "", answers
	t.offer.useCharts(&request)
	t.offer.useSources(&request)
	return request
}

// requestOf says what of a tree the render of an app depends on.
func requestOf(tree fs.FS, p fleet.App) render.Request {
	request := render.Request{
		Sources:   map[string]render.Source{sourceName: {FS: tree}},
		Source:    sourceName,
		Path:      p.Path,
		Render:    orDefault(p.Settings.Render, p.Kind),
		Plain:     plainSettings(p),
		Helm:      p.Settings.Helm,
		Kustomize: p.Settings.Kustomize,
		Release:   p.App,
		Namespace: p.Namespace,
	}
	for _, file := range p.Values {
		request.Values = append(request.Values, render.File{Path: join(p.Path, file)})
	}
	return request
}

// plainSettings adds the folders that belong to other apps to what a plain render leaves out.
func plainSettings(p fleet.App) *v1alpha1.PlainSettings {
	if len(p.Outside) == 0 {
		return p.Settings.Plain
	}
	settings := v1alpha1.PlainSettings{}
	if p.Settings.Plain != nil {
		settings = *p.Settings.Plain
	}
	settings.Exclude = slices.Clone(settings.Exclude)
	for _, folder := range p.Outside {
		settings.Exclude = append(settings.Exclude, folder+"/**")
	}
	return &settings
}

func (t *turn) cacheKey() string { return cacheKey(t.object) }

// cacheKey is the name of an App's render in the cache: another App of the same name has another.
func cacheKey(o *v1alpha1.App) string { return o.Namespace + "/" + o.Name + ":" + string(o.UID) }

// changes finds which commits changed the app's inputs since the one that is applied, and which is the newest: the
// target. Where that cannot be told, as after a force-push, it is the offered commit.
func (t *turn) changes(ctx context.Context, recorded *render.Recorded) {
	a := t.app
	from, before := a.status.Revision, a.target
	a.target, a.changedBy = t.offer.commit, []string{t.offer.commit}
	if from == "" || recorded == nil {
		return
	}
	elsewhere := t.changesElsewhere(ctx, recorded)
	if from == t.offer.commit {
		if len(elsewhere) > 0 {
			a.changedBy = elsewhere[:min(len(elsewhere), 10)]
		}
		return
	}
	if forward, err := t.offer.mirror.IsAncestor(ctx, from, t.offer.commit); err != nil || !forward {
		return
	}
	log, err := t.offer.mirror.Log(ctx, from, t.offer.commit, logLimit)
	if err != nil || len(log) == logLimit {
		return
	}
	var changed []string
	for _, c := range log {
		if t.touches(ctx, c, recorded) {
			changed = append(changed, c.ID)
		}
	}
	if len(changed) == 0 {
		a.target, a.changedBy = orDefault(before, from), a.status.ChangedBy // the cluster answered differently, not Git
		if len(elsewhere) > 0 {
			a.changedBy = elsewhere[:min(len(elsewhere), 10)]
		}
		return
	}
	a.target = changed[0]
	changed = append(changed, elsewhere...)
	a.changedBy = changed[:min(len(changed), 10)]
}

// touches tells whether a commit changed something that the render read, against its first parent.
func (t *turn) touches(ctx context.Context, c source.Commit, recorded *render.Recorded) bool {
	if touches(ctx, t.offer.mirror, c, readsOf(recorded, "")) {
		return true
	}
	after, err := t.offer.mirror.Snapshot(ctx, c.ID)
	if err != nil {
		return true
	}
	before, err := t.offer.mirror.Snapshot(ctx, c.Parents[0])
	if err != nil {
		return true
	}
	for _, path := range t.offer.placement.Inputs {
		if hashOf(after, path) != hashOf(before, path) {
			return true
		}
	}
	return false
}

func hashOf(s *source.Snapshot, path string) string {
	hash, err := s.Hash(path)
	if err != nil {
		return ""
	}
	return hash
}

// load reads the rendered objects and makes them ready to be applied: normalised, with namespaces and our marks.
func (t *turn) load(ctx context.Context) error {
	if t.offer.removed || t.loaded {
		return nil
	}
	recorded, err := t.rendering(ctx)
	if err != nil {
		return err
	}
	objects, warnings, err := plan.Ready(recorded.Manifest.Objects, t.identity(), func(o object.Object) bool { return t.namespaced(ctx, o) })
	if err != nil {
		return err
	}
	t.objects = objects
	if t.offer.law != nil {
		t.rendered = recorded.Manifest.Objects
	}
	t.app.loadWarnings = warnings
	if err := t.ignore(ctx); err != nil {
		return err
	}
	if err := t.yieldPullSecrets(ctx); err != nil {
		return err
	}
	t.loaded = true
	return nil
}

// rendering gives the render with its objects: that of this turn, else what the cache has, if it is the one that was
// found good for the commit.
func (t *turn) rendering(ctx context.Context) (*render.Recorded, error) {
	a := t.app
	for range 2 {
		if t.fresh != nil {
			return t.fresh, nil
		}
		if recorded, ok := t.agent.cache.Load(t.cacheKey()); ok && a.recorded != nil && verified(recorded) == a.verified {
			return recorded, nil
		}
		a.recorded, a.rendered = nil, nil
		if err := t.render(ctx); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the render of %s cannot be read from the cache folder", a.key)
}

// namespaced tells whether objects of a kind have a namespace.
func (t *turn) namespaced(ctx context.Context, o object.Object) bool {
	kind, served, err := t.agent.cluster.Mapper().Of(ctx, o.ID(), o.Version())
	if err != nil {
		t.log.Warn("a kind cannot be looked at", "object", o.ID().String(), "error", err)
	}
	if err != nil || !served {
		return t.app.hadNamespace(o.ID())
	}
	return kind.Namespaced
}

// hadNamespace tells whether objects of a kind that nobody knows at the moment have a namespace: as in the Inventory,
// where the kind was known. With another identity the object there would look as if Git did not have it.
func (a *app) hadNamespace(id object.ID) bool {
	for other := range a.inventory {
		if other.GroupKind() == id.GroupKind() {
			return other.Namespace != ""
		}
	}
	return true
}

// policy gathers the rules for one plan. Git's log is read only where something is to be removed.
func (t *turn) policy(ctx context.Context) plan.Policy {
	settings := t.offer.placement.Settings
	p := plan.Policy{
		Prune: settings.Prune == nil || *settings.Prune, Replace: settings.Replace, Complete: !t.offer.stale, Descendant: true,
		Removed: t.offer.removed, Adopt: t.consentToAdopt(),
	}
	if t.offer.limits.Deletions != nil {
		p.Limit = *t.offer.limits.Deletions
	}
	t.rules = &p
	base := t.base()
	if t.removes() && !t.sourcesDescend(ctx) {
		p.Descendant = false
	}
	if base == "" && t.removes() { // it was never applied completely: the newest commit alone is asked
		t.consents(ctx, &p, base)
		return p
	}
	if base == "" || base == t.offer.commit || !t.removes() {
		return p
	}
	t.consents(ctx, &p, base)
	return p
}

// consents reads what the commits since the base allow, and whether the offered commit descends from it. Where the base is
// gone, as it may be long after a force-push, only the offered commit itself is asked.
func (t *turn) consents(ctx context.Context, p *plan.Policy, base string) {
	limit := 1
	if base != "" {
		descendant, err := t.descends(ctx, base)
		if err != nil {
			t.log.Warn("the ancestry cannot be told; deletions are held", "revision", base, "error", err)
		}
		p.Descendant, limit = p.Descendant && err == nil && descendant, logLimit
	}
	log, err := t.offer.mirror.Log(ctx, base, t.offer.commit, limit)
	if err != nil {
		t.log.Warn("the commits since the base cannot be read; the newest alone is asked for consent", "revision", base, "error", err)
		if log, err = t.offer.mirror.Log(ctx, "", t.offer.commit, 1); err != nil {
			t.log.Warn("the log cannot be read; deletions are held", "error", err)
		}
	}
	for _, c := range log {
		p.Consents = append(p.Consents, plan.ParseConsents(c.ID, c.Subject+"\n\n"+c.Body)...)
	}
}

// removes tells whether the Inventory has something that Git does not. The app's own namespace, which Git need not have,
// goes only with the app.
func (t *turn) removes() bool {
	wished := map[object.ID]bool{{Kind: "Namespace", Name: t.offer.placement.Namespace}: !t.offer.removed}
	for _, o := range t.objects {
		wished[o.ID()] = true
	}
	for id, entry := range t.app.inventory {
		if !wished[id] && entry.Hook == "" {
			return true
		}
	}
	return false
}

func (t *turn) policyOf() plan.Policy {
	if t.rules == nil {
		return plan.Policy{}
	}
	return *t.rules
}

// takeSettings takes up the app's settings when they changed: its own health rules are compiled, and a plan is due,
// though the render may be the same.
func (t *turn) takeSettings() error {
	text, err := json.Marshal(t.offer.placement.Settings)
	if err != nil {
		return err
	}
	a := t.app
	if a.settings == string(text) {
		return nil
	}
	rules := t.offer.placement.Settings.Health
	compiled, err := health.Compile(rules)
	if err != nil {
		return err
	}
	own := make([]ownRule, len(rules))
	for i, rule := range rules {
		line, err := json.Marshal(rule)
		if err != nil {
			return err
		}
		own[i] = ownRule{compiled: compiled[i], kind: rule.Kind, text: string(line) + "\n"}
	}
	a.mu.Lock()
	a.rules = own
	a.mu.Unlock()
	a.settings, a.wishes, a.refused = string(text), nil, nil
	return nil
}

func warningTexts(warnings []render.Warning) []string {
	var texts []string
	for _, w := range warnings {
		texts = append(texts, w.Message)
	}
	return texts
}

func join(folder, file string) string {
	if folder == "." || folder == "" {
		return file
	}
	return folder + "/" + file
}
