package gitlabtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/contract"
)

// maxDescription is the limit of a status's description ("Set commit pipeline status").
const maxDescription = 255

func ok(body any) contract.Answer { return contract.Answer{Status: http.StatusOK, Body: body} }

func created(body any) contract.Answer {
	return contract.Answer{Status: http.StatusCreated, Body: body}
}

var notFound = say(http.StatusNotFound, "404 Not found")

func (l *Lab) handlers() map[string]contract.Handler {
	return map[string]contract.Handler{
		"list merge requests": l.list,
		"get merge request":   l.of(func(m *request, _ contract.Request) contract.Answer { return ok(l.shape(m, true)) }),
		"list diffs": l.of(func(m *request, r contract.Request) contract.Answer {
			return page(r, diffsOf(l.repo.Diff(l.repo.Head(m.target), l.headOf(m)), l.repo))
		}),
		"create merge request": l.create,
		"update merge request": l.of(l.update),
		"merge":                l.of(l.merge),
		"list reviewers":       l.of(func(m *request, _ contract.Request) contract.Answer { return ok(append([]object{}, m.reviewers...)) }),
		"get approvals": l.of(func(m *request, _ contract.Request) contract.Answer {
			return ok(object{"id": 5000 + m.iid, "iid": m.iid, "project_id": projectID, "approved": true, "approved_by": append([]object{}, m.approved...)})
		}),
		"list merge requests of a commit": l.requestsOf,
		"list notes":                      l.of(l.listNotes),
		"create note": l.of(func(m *request, r contract.Request) contract.Answer {
			return created(l.note(m, forgetest.Bot, strings.TrimSpace(r.Text("body")), false))
		}),
		"update note":      l.of(l.updateNote),
		"get current user": func(contract.Request) contract.Answer { return ok(l.person(forgetest.Bot)) },
		"list users":       l.users,
		"get member":       l.member,
		"get project": func(contract.Request) contract.Answer {
			return ok(object{"id": projectID, "path_with_namespace": project, "web_url": l.URL + "/" + project, "default_branch": "main"})
		},
		"list statuses":     l.listStatuses,
		"set status":        l.setStatus,
		"list deployments":  l.listDeployments,
		"create deployment": l.createDeployment,
		"update deployment": l.updateDeployment,
	}
}

// page gives one page of a list, with the headers of GitLab's pagination ("REST API", offset-based pagination).
func page(r contract.Request, list []object) contract.Answer {
	p := r.Page(len(list), 20)
	answer := ok(append([]object{}, list[p.From:p.To]...))
	answer.Header = map[string]string{"X-Page": strconv.Itoa(p.Number), "X-Per-Page": strconv.Itoa(p.Size), "X-Total": strconv.Itoa(len(list)), "X-Next-Page": ""}
	if p.Next > 0 {
		answer.Header["X-Next-Page"] = strconv.Itoa(p.Next)
	}
	return answer
}

// of finds the merge request of a path, with mu held for what follows.
func (l *Lab) of(f func(*request, contract.Request) contract.Answer) contract.Handler {
	return func(r contract.Request) contract.Answer {
		l.mu.Lock()
		defer l.mu.Unlock()
		iid, err := strconv.Atoi(r.PathValue("iid"))
		if err != nil || iid < 1 || iid > len(l.requests) {
			return notFound
		}
		return f(l.requests[iid-1], r)
	}
}

func (l *Lab) list(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	query := r.URL.Query()
	list := []object{}
	for _, m := range slices.Backward(l.requests) {
		if s := query.Get("state"); s != "" && s != "all" && s != m.state || query.Has("source_branch") && query.Get("source_branch") != m.source || query.Has("target_branch") && query.Get("target_branch") != m.target {
			continue
		}
		list = append(list, l.shape(m, false))
	}
	return page(r, list)
}

func (l *Lab) create(r contract.Request) contract.Answer {
	source, target := r.Text("source_branch"), r.Text("target_branch")
	if l.repo.Head(source) == "" {
		return contract.Answer{Status: http.StatusConflict, Body: object{"message": []string{"Source branch \"" + source + "\" does not exist"}}}
	}
	l.mu.Lock()
	for _, m := range l.requests {
		if m.state == "opened" && !m.fork && m.source == source && m.target == target {
			l.mu.Unlock()
			return contract.Answer{Status: http.StatusConflict, Body: object{"message": []string{"Another open merge request already exists for this source branch: !" + strconv.Itoa(m.iid)}}}
		}
	}
	l.mu.Unlock()
	m := &request{source: source, target: target, title: r.Text("title"), text: r.Text("description"), author: forgetest.Bot, labels: labelsOf(r.Text("labels"))}
	l.open(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	return created(l.shape(m, true))
}

// labelsOf reads labels, which are one text with commas.
func labelsOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func (l *Lab) update(m *request, r contract.Request) contract.Answer {
	for _, name := range labelsOf(r.Text("add_labels")) {
		if !slices.Contains(m.labels, name) {
			m.labels = append(m.labels, name)
		}
	}
	gone := labelsOf(r.Text("remove_labels"))
	m.labels = slices.DeleteFunc(m.labels, func(name string) bool { return slices.Contains(gone, name) })
	return ok(l.shape(m, true))
}

func (l *Lab) merge(m *request, r contract.Request) contract.Answer {
	head := l.headOf(m)
	switch {
	case m.state != "opened":
		return say(http.StatusMethodNotAllowed, "405 Method Not Allowed")
	case r.Text("sha") != "" && r.Text("sha") != head:
		return say(http.StatusConflict, "SHA does not match HEAD of source branch: "+head)
	}
	squash := r.Body["squash"] == true
	id, merged := l.repo.Merge(m.target, head, squash)
	if !merged {
		return say(http.StatusUnprocessableEntity, "Branch cannot be merged")
	}
	m.state, m.merged, m.commit = "merged", id, head
	if squash {
		m.squash = id
	}
	return ok(l.shape(m, true))
}

// diffsOf tells of files as GitLab does: what is not new, gone or renamed was modified.
func diffsOf(files []forge.File, _ *forgetest.Repo) []object {
	list := []object{}
	for _, f := range files {
		old := f.Path
		if f.Was != "" {
			old = f.Was
		}
		list = append(list, object{"old_path": old, "new_path": f.Path, "a_mode": "100644", "b_mode": "100644", "diff": "",
			"new_file": f.Change == forge.Added, "renamed_file": f.Change == forge.Renamed, "deleted_file": f.Change == forge.Removed})
	}
	return list
}

func (l *Lab) requestsOf(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	commit := r.PathValue("sha")
	if !l.repo.Has(commit) {
		return say(http.StatusNotFound, "404 Commit Not Found")
	}
	list := []object{}
	for _, m := range l.requests {
		mine := l.repo.Within(commit, l.headOf(m)) && !l.repo.Within(commit, l.repo.Head(m.target))
		if m.merged == commit || mine {
			list = append(list, l.shape(m, false))
		}
	}
	return ok(list)
}

// listNotes sorts by creation, newest first unless the request says otherwise.
func (l *Lab) listNotes(m *request, r contract.Request) contract.Answer {
	list := slices.Clone(m.notes)
	if r.URL.Query().Get("sort") != "asc" {
		slices.Reverse(list)
	}
	return page(r, list)
}

func (l *Lab) updateNote(m *request, r contract.Request) contract.Answer {
	for _, n := range m.notes {
		if strconv.Itoa(n["id"].(int)) != r.PathValue("note") {
			continue
		}
		if n["author"].(object)["username"] != forgetest.Bot {
			return say(http.StatusForbidden, "403 Forbidden")
		}
		n["body"], n["updated_at"] = strings.TrimSpace(r.Text("body")), l.now()
		return ok(n)
	}
	return say(http.StatusNotFound, "404 Note Not Found")
}

func (l *Lab) users(r contract.Request) contract.Answer {
	list := []object{}
	for _, p := range people {
		if strings.EqualFold(p.name, r.URL.Query().Get("username")) {
			list = append(list, l.person(p.name))
		}
	}
	return page(r, list)
}

func (l *Lab) member(r contract.Request) contract.Answer {
	for _, p := range people {
		who := l.person(p.name)
		if strconv.Itoa(who["id"].(int)) == r.PathValue("user") && p.level > 0 {
			return ok(object{"id": who["id"], "username": p.name, "name": p.name, "state": "active", "access_level": p.level, "web_url": who["web_url"], "expires_at": nil})
		}
	}
	return say(http.StatusNotFound, "404 Not found")
}

func (l *Lab) listStatuses(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	commit, query := r.PathValue("sha"), r.URL.Query()
	if !l.repo.Has(commit) {
		return say(http.StatusNotFound, "404 Commit Not Found")
	}
	latest := map[string]object{} // without all, those that were replaced are left out
	for _, s := range l.statuses {
		switch {
		case s["sha"] != commit, query.Has("name") && query.Get("name") != s["name"], query.Has("ref") && query.Get("ref") != s["ref"]:
		case query.Has("pipeline_id") && query.Get("pipeline_id") != strconv.Itoa(s["pipeline_id"].(int)):
		default:
			latest[s["name"].(string)+"\x00"+strconv.Itoa(s["pipeline_id"].(int))] = s
		}
	}
	list := []object{}
	for _, s := range l.statuses {
		if latest[s["name"].(string)+"\x00"+strconv.Itoa(s["pipeline_id"].(int))]["id"] == s["id"] {
			list = append(list, s)
		}
	}
	return page(r, list)
}

// setStatus moves a status on as GitLab's state machine allows: one that has not ended goes from pending to running and to an
// end, and never to where it is; after the end a new one begins.
func (l *Lab) setStatus(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	commit, name, ref := r.PathValue("sha"), r.Text("name"), r.Text("ref")
	switch {
	case !l.repo.Has(commit):
		return say(http.StatusNotFound, "404 Commit Not Found")
	case len([]rune(r.Text("description"))) > maxDescription:
		return contract.Answer{Status: http.StatusBadRequest, Body: object{"message": object{"description": []string{"is too long (maximum is 255 characters)"}}}}
	}
	pipeline := l.pipelineFor(r, commit, ref)
	if pipeline == nil {
		return say(http.StatusNotFound, "404 Pipeline for pipeline_id, sha and ref Not Found")
	}
	var s object
	for _, one := range l.statuses {
		under := one["status"] == "pending" || one["status"] == "running"
		if one["pipeline_id"] == pipeline["id"] && one["name"] == name && under {
			s = one
		}
	}
	fresh := s == nil
	if fresh {
		s = object{"id": l.id(), "sha": commit, "ref": pipeline["ref"], "status": "created", "name": name, "created_at": l.now(), "started_at": nil, "finished_at": nil,
			"allow_failure": false, "pipeline_id": pipeline["id"], "author": l.person(forgetest.Bot)}
	}
	was, state := s["status"], r.Text("state")
	event := map[string]string{"pending": "enqueue", "running": "run"}[state]
	if state == was || state == "pending" && was == "running" {
		return say(http.StatusBadRequest, "Cannot transition status via :"+event+" from :"+was.(string)+" (Reason(s): Status cannot transition via \""+event+"\")")
	}
	s["status"], s["description"], s["target_url"] = state, r.Body["description"], r.Body["target_url"]
	if fresh {
		l.statuses = append(l.statuses, s)
	}
	return created(s)
}

// pipelineFor finds the pipeline that a status belongs to, or makes one.
func (l *Lab) pipelineFor(r contract.Request, commit, ref string) object {
	id, named := r.Body["pipeline_id"].(float64)
	for _, p := range slices.Backward(l.pipelines) {
		if p["sha"] == commit && (ref == "" || p["ref"] == ref) && (!named || p["id"] == int(id)) {
			return p
		}
	}
	if named {
		return nil
	}
	if ref == "" {
		ref = "main"
	}
	return l.newPipeline(commit, ref, "external")
}

func (l *Lab) listDeployments(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []object{}
	for _, d := range l.deploys {
		if want := r.URL.Query().Get("environment"); want == "" || d["environment"].(object)["name"] == want {
			list = append(list, d)
		}
	}
	if r.URL.Query().Get("sort") == "desc" {
		slices.Reverse(list)
	}
	return page(r, list)
}

func (l *Lab) createDeployment(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Text("ref") == "" || !l.repo.Has(r.Text("sha")) {
		return contract.Answer{Status: http.StatusBadRequest, Body: object{"error": "ref is empty, or there is no such commit"}}
	}
	now := l.now()
	d := object{"id": l.id(), "iid": len(l.deploys) + 1, "ref": r.Text("ref"), "sha": r.Text("sha"), "status": r.Text("status"), "created_at": now, "updated_at": now,
		"user": l.person(forgetest.Bot), "environment": object{"id": 1, "name": r.Text("environment"), "external_url": nil}, "deployable": nil}
	l.deploys = append(l.deploys, d)
	return created(d)
}

// updateDeployment refuses a state that a deployment is in, or that has ended.
func (l *Lab) updateDeployment(r contract.Request) contract.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.deploys {
		if strconv.Itoa(d["id"].(int)) != r.PathValue("deployment") {
			continue
		}
		if d["status"] != "running" && d["status"] != "created" || d["status"] == r.Text("status") {
			return contract.Answer{Status: http.StatusBadRequest, Body: object{"message": object{"status": []string{`cannot transition via "` + r.Text("status") + `"`}}}}
		}
		d["status"], d["updated_at"] = r.Text("status"), l.now()
		return ok(d)
	}
	return notFound
}
