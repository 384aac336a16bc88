package plan

import (
	"cmp"
	"slices"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

// hook is an object of Git in one of the phases in which it runs.
type hook struct {
	wish
	phase string
	last  string // the revision that it is of, around the end of the app

	steps   []Step
	run     Run    // as it is known now
	pending string // why the run has not succeeded; "" if it has
	failed  bool
	running bool // its object works, or may work
}

// prefix gives the prefix of a name that is generated, "" for a hook that has a name.
func prefix(o object.Object) string {
	if o.Name() != "" {
		return ""
	}
	meta, _ := o.Fields["metadata"].(map[string]any)
	text, _ := meta["generateName"].(string)
	return text
}

// hookID gives the ID of a hook's object in a phase.
func hookID(o object.Object, app App, revision, phase string) object.ID {
	id := o.ID()
	if id.Name == "" {
		id.Name = HookName(prefix(o), app, revision, phase)
	}
	return id
}

// addHook takes in a hook of Git in the phases in which it is due. The Fault is a name that is there already.
func (m *maker) addHook(o object.Object, marks object.Marks) *fault.Fault {
	m.gitHooks = append(m.gitHooks, o)
	if m.in.Rollout.Done && !m.in.Rollout.Ending() {
		return nil
	}
	due := marks.PhasesAt(m.in.Rollout.Install)
	if m.in.Rollout.Ending() {
		due = marks.Ends
	}
	for _, phase := range due {
		id := hookID(o, m.in.App, m.revision(), phase)
		i := slices.IndexFunc(m.hooks, func(h *hook) bool { return h.id == id && h.phase == phase })
		if i >= 0 {
			return duplicate(m.hooks[i].object, o)
		}
		m.hooks = append(m.hooks, &hook{wish: wish{object: o, id: id, marks: marks}, phase: phase, last: m.in.Rollout.Last})
	}
	return nil
}

// isHook tells whether an object may be that of a hook which Git has, in whatever phase, and whether that is due or not.
func (m *maker) isHook(id object.ID) bool {
	return slices.ContainsFunc(m.gitHooks, func(o object.Object) bool {
		same := o.ID()
		if p := prefix(o); p != "" && generated(id.Name, p) {
			same.Name = id.Name
		}
		return same == id
	})
}

// decide follows the run of a hook, or begins it if it is its turn.
func (m *maker) decide(h *hook, turn gate) {
	entry := m.entries[h.id]
	live, exists := m.in.Picture.Live[h.id]
	h.run = parseRecord(entry.Hook).at(m.revision(), h.phase)
	again := m.in.Rollout.Again
	switch {
	case h.run.State == RunSucceeded:
		h.succeeds("succeeded in " + short(m.revision()))
	case h.run.State == RunFailed && (again == "" || again == h.run.Attempt):
		h.fails(m.failure(h, "failed"))
	case h.run.State == RunStarted:
		m.follow(h, entry.UID)
	case h.run.State == RunStarting && exists && live.Owner == m.in.App.Owner() && live.Run == m.mark(h):
		m.follow(h, live.UID) // it was made, and nobody has written that down
	default:
		if h.run.State != RunStarting {
			h.run.Attempt = again
		}
		m.begin(h, turn)
	}
}

// revision is that which hooks are of: what is decided on, or the last that was applied when the app ends.
func (m *maker) revision() string { return cmp.Or(m.in.Rollout.Last, m.in.Revision) }

// mark is what the object of a run bears as annotation plumb.dev/run.
func (m *maker) mark(h *hook) string {
	mark := m.revision() + "/" + h.phase
	if h.run.Attempt != "" {
		mark += "/" + h.run.Attempt
	}
	return mark
}

// step is a step of a hook without an action.
func (h *hook) step() Step {
	return Step{ID: h.id, Phase: h.phase, Wave: h.marks.Wave, Order: OrderObjects, Run: &Run{}}
}

func (h *hook) add(s Step, run Run) {
	run.Revision = h.last
	s.Run = &run
	h.run = run
	h.steps = append(h.steps, s)
}

func (h *hook) succeeds(why string) {
	s := h.step()
	s.Action, s.Why = Unchanged, why
	h.add(s, Run{State: RunSucceeded, Attempt: h.run.Attempt})
}

func (h *hook) fails(f *fault.Fault) {
	h.failed, h.pending = true, f.Message
	h.add(refuse(h.step(), f), Run{State: RunFailed, Attempt: h.run.Attempt})
}

// failure tells of a run that failed, with what its object says as far as that is known.
func (m *maker) failure(h *hook, otherwise string) *fault.Fault {
	says := otherwise
	v := m.in.Picture.Health[h.id]
	switch {
	case v.Health == v1alpha1.Degraded && v.Message != "":
		says = "failed: " + v.Message
	case otherwise == "failed" && m.in.Picture.Absent[h.id]:
		says = "failed, and its object is gone"
	}
	next := "the next commit runs it again, and so does plumb sync"
	if h.last != "" {
		next = "plumb sync runs it again; nothing more is deleted until it succeeds"
	}
	return fault.New(fault.HookFailed, "%s hook %s %s", h.phase, h.id, says).At(h.object.Place).WithNext("%s", next)
}

// follow tells how a run goes whose object was made and has a UID. The end of a run is seen on its object; one that nobody
// has seen is a failure, because what follows must not be done on a guess.
func (m *maker) follow(h *hook, uid string) {
	live, exists := m.in.Picture.Live[h.id]
	switch {
	case m.in.Picture.Absent[h.id]:
		h.fails(m.failure(h, "was deleted before its end was seen"))
		return
	case !exists:
		h.waits(wait(h.step(), fault.Unreachable, "%s could not be read", h.id))
		return
	case live.UID != uid:
		h.fails(m.failure(h, "was made anew by somebody before its end was seen"))
		return
	}
	verdict, known := m.in.Picture.Health[h.id]
	switch {
	case verdict.Health == v1alpha1.Healthy || h.marks.IgnoreHealth:
		h.succeeds("succeeded")
	case verdict.Health == v1alpha1.Degraded:
		h.fails(m.failure(h, "failed"))
	default:
		h.running = true
		h.works(running(verdict, known))
	}
	last := &h.steps[len(h.steps)-1]
	last.UID = uid
	if last.Run.State == "" {
		last.Run.State = RunStarted
	}
	h.run = *last.Run
}

// running says how the object of a run is.
func running(v health.Verdict, known bool) string {
	if !known || v.Message == "" {
		return "runs"
	}
	return v.Message
}

// works adds the step of a run under way.
func (h *hook) works(why string) {
	s := after(h.step(), closed(blocker{h.id, why}))
	s.Why = why
	h.waits(s)
	h.pending = why
}

// waits adds a step that leaves the record as it is.
func (h *hook) waits(s Step) {
	h.pending = s.Why
	h.add(s, Run{Attempt: h.run.Attempt})
}

// begin makes the object of a run, when it is its turn and nothing is in the way.
func (m *maker) begin(h *hook, turn gate) {
	mark := m.mark(h)
	o := h.object.WithAnnotation(v1alpha1.AnnotationRun, mark)
	if o.Name() == "" {
		o = named(o, h.id.Name)
	}
	s := h.step()
	s.Object, s.Digest, s.Order = &o, o.Digest(), m.applyOrder(h.id)
	if !turn.open {
		h.waits(after(s, turn))
		return
	}
	if blocked, ok := m.blocked(s); ok {
		h.waits(blocked)
		return
	}
	live, exists := m.in.Picture.Live[h.id]
	if old, under := m.under(h); under {
		h.running = true
		h.waits(after(s, closed(blocker{old, "its last run goes on"})))
		return
	}
	switch {
	case exists:
		s = m.beginOver(h, s, live)
	case m.in.Picture.Absent[h.id], m.in.Picture.UnknownKinds[h.id.GroupKind()]:
		s.Action, s.First, s.Created = Apply, true, true
		s.Why = h.phase + " hook of " + short(m.revision())
	default:
		s = refuse(s, fault.New(fault.Unreachable, "%s could not be read", h.id).
			WithNext("it is tried again; see whether the app's ServiceAccount may get it"))
	}
	if s.Action != Apply && s.Action != Replace {
		h.waits(s)
		return
	}
	h.pending = "it is about to run"
	h.running = true
	h.steps = append(h.steps, m.formers(h)...)
	h.add(s, Run{State: RunStarted, Attempt: h.run.Attempt})
}

// beginOver makes the object of a run where one of that name is: that of an earlier run goes first. What Plumb did not make
// is never deleted for it.
func (m *maker) beginOver(h *hook, s Step, live Live) Step {
	entry := m.entries[h.id]
	ours := live.Owner == m.in.App.Owner() && (entry.Created && entry.UID == live.UID || entry.UID == "" && (entry.Created || live.Run != ""))
	s.UID, s.Created = live.UID, true
	switch {
	case live.Terminating:
		return after(s, closed(blocker{h.id, "it is being deleted, and is made again when it is gone"}))
	case !ours && !m.left(live):
		return refuse(s, fault.New(fault.OwnedByOther, "%s exists, and was not made by this app: as a hook it would be deleted and made anew", h.id).
			At(h.object.Place).WithNext("delete it, or give the hook another name"))
	case !m.replaces(h):
		s.Action, s.Why, s.Created = Apply, h.phase+" hook of "+short(m.revision())+", applied over that of an earlier run", entry.Created
		return s
	}
	if !ours {
		s.Claim = live.Owner
	}
	s.Action, s.Why = Replace, h.phase+" hook of "+short(m.revision())+": that of an earlier run is deleted first"
	return s
}

// left tells whether an object was made for a hook by an App that is gone.
func (m *maker) left(live Live) bool {
	_, was := parseOwner(live.Owner)
	_, living := m.livingOwner(live)
	return was && !living && live.Owner != m.in.App.Owner() && live.Run != ""
}

// replaces tells whether the object of an earlier run is deleted before the next: what its delete policy says, but always
// where it would not run otherwise, and never where data or others' objects would go with it.
func (m *maker) replaces(h *hook) bool {
	kind := h.id.GroupKind()
	switch {
	case slices.Contains(neverReplaced, h.id.Kind):
		return false
	case kind == "batch/Job" || kind == "Pod":
		return true
	}
	return slices.Contains(h.marks.HookDelete, "BeforeHookCreation")
}

// under finds an earlier run of a hook, of an older revision, that goes on. A newer commit lets it come to its end, unless
// it cannot: then it is stopped.
func (m *maker) under(h *hook) (object.ID, bool) {
	var found []object.ID
	for id, entry := range m.entries {
		if id != h.id && !m.former(h, id) {
			continue
		}
		live, exists := m.in.Picture.Live[id]
		works := exists && live.UID == entry.UID && !live.Terminating && parseRecord(entry.Hook).under()
		v := m.in.Picture.Health[id]
		ended := v.Health == v1alpha1.Healthy || v.Health == v1alpha1.Degraded
		if works && !ended && !m.in.Picture.Troubled[id] && !m.in.Picture.Late {
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		return object.ID{}, false
	}
	return slices.MinFunc(found, object.ID.Compare), true
}

// former tells whether an object is that of an earlier run of a hook with a generated name.
func (m *maker) former(h *hook, id object.ID) bool {
	p := prefix(h.object)
	entry := m.entries[id]
	_, ran := parseRecord(entry.Hook).runs[h.phase]
	same := h.id
	same.Name = id.Name
	return p != "" && id != h.id && same == id && generated(id.Name, p) && ran
}

// formers gives the steps of the objects of earlier runs under generated names.
func (m *maker) formers(h *hook) []Step {
	var steps []Step
	for id, entry := range m.entries {
		if !m.former(h, id) || !slices.Contains(h.marks.HookDelete, "BeforeHookCreation") {
			continue
		}
		s := Step{ID: id, Phase: h.phase, Wave: h.marks.Wave, Order: OrderDeleteObjects}
		live, exists := m.in.Picture.Live[id]
		switch {
		case m.in.Picture.Absent[id], exists && live.UID != entry.UID:
			steps = append(steps, forget(s, "the object of an earlier run is gone already"))
		case exists && entry.Created && !live.Terminating && live.Owner == m.in.App.Owner() && !slices.Contains(neverReplaced, id.Kind):
			s.Action, s.UID, s.Created, s.Why = Delete, entry.UID, true, "of an earlier run of a hook"
			steps = append(steps, s)
		}
	}
	slices.SortFunc(steps, func(a, b Step) int { return a.ID.Compare(b.ID) })
	return steps
}

// tidy gives the steps that the delete policies ask for when a phase is over, or its revision has failed.
func (m *maker) tidy(h *hook, over, failed bool) []Step {
	wanted := ""
	switch {
	case h.run.State == RunSucceeded && (over || failed):
		wanted = "HookSucceeded"
	case h.run.State == RunFailed:
		wanted = "HookFailed"
	}
	entry := m.entries[h.id]
	live, exists := m.in.Picture.Live[h.id]
	mine := exists && entry.UID != "" && live.UID == entry.UID && entry.Created && live.Owner == m.in.App.Owner()
	if wanted == "" || !slices.Contains(h.marks.HookDelete, wanted) || !mine || m.reused(h) || live.Terminating || slices.Contains(neverReplaced, h.id.Kind) {
		return nil
	}
	s := h.step()
	s.Action, s.UID, s.Created, s.Order, s.Why = Delete, entry.UID, true, OrderDeleteObjects, "its delete policy says "+wanted
	run := h.run
	s.Run = &run
	return []Step{s}
}

// reused tells whether the object of a hook is that of a later phase by now, or is to be.
func (m *maker) reused(h *hook) bool {
	rec := parseRecord(m.entries[h.id].Hook)
	for _, later := range phases[phaseIndex(h.phase)+1:] {
		if rec.at(m.revision(), later).State != "" {
			return true
		}
	}
	return slices.ContainsFunc(m.hooks, func(other *hook) bool {
		return other != h && other.id == h.id && slices.ContainsFunc(other.steps, func(s Step) bool { return s.Action == Apply || s.Action == Replace })
	})
}

// named gives an object the name that was made for it.
func named(o object.Object, name string) object.Object {
	fields := object.Clone(o.Fields)
	meta, _ := fields["metadata"].(map[string]any)
	delete(meta, "generateName")
	meta["name"] = name
	return object.Object{Fields: fields, Place: o.Place}
}
