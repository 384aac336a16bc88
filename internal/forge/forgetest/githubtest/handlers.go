package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/contract"
)

// Limits that GitHub documents or answers with.
const (
	maxComment     = 65536
	maxDescription = 140
	maxStatuses    = 1000 // of one commit and context
	maxAnnotations = 50
)

func ok(body any) contract.Answer { return contract.Answer{Status: http.StatusOK, Body: body} }

func created(body any) contract.Answer {
	return contract.Answer{Status: http.StatusCreated, Body: body}
}

var notFound = say(http.StatusNotFound, "Not Found")

func (h *Hub) handlers() map[string]contract.Handler {
	return map[string]contract.Handler{
		"pulls/list": h.listPulls, "pulls/create": h.createPull, "pulls/merge": h.mergePull,
		"pulls/get": h.ofPull("pull_number", func(p *pull, _ contract.Request) contract.Answer { return ok(h.shape(p, true)) }),
		"pulls/list-files": h.ofPull("pull_number", func(p *pull, r contract.Request) contract.Answer {
			return h.page(r, filesOf(h.repo.Diff(h.repo.Head(p.base), h.headOf(p))))
		}),
		"pulls/list-reviews": h.ofPull("pull_number", func(p *pull, r contract.Request) contract.Answer { return h.page(r, p.reviews) }),
		"pulls/list-requested-reviewers": h.ofPull("pull_number", func(p *pull, _ contract.Request) contract.Answer {
			return ok(object{"users": h.shape(p, false)["requested_reviewers"], "teams": []object{}})
		}),
		"repos/list-pull-requests-associated-with-commit": h.pullsOf,
		"issues/list-comments":                            h.ofPull("issue_number", func(p *pull, r contract.Request) contract.Answer { return h.page(r, p.comments) }),
		"issues/create-comment":                           h.createComment,
		"issues/update-comment":                           h.updateComment,
		"issues/add-labels":                               h.addLabels,
		"issues/remove-label":                             h.ofPull("issue_number", h.removeLabel),
		"repos/get-collaborator-permission-level":         h.permission,
		"users/get-authenticated":                         func(r contract.Request) contract.Answer { return ok(person(h.self(r))) },
		"repos/get-combined-status-for-ref":               h.combined,
		"repos/create-commit-status":                      h.createStatus,
		"checks/list-for-ref":                             h.listChecks,
		"checks/create":                                   h.createCheck,
		"checks/update":                                   h.updateCheck,
		"repos/list-deployments":                          h.listDeployments,
		"repos/create-deployment":                         h.createDeployment,
		"repos/list-deployment-statuses":                  h.listDeployed,
		"repos/create-deployment-status":                  h.createDeployed,
		"apps/get-authenticated": func(contract.Request) contract.Answer {
			return ok(object{"id": AppID, "slug": appSlug, "client_id": AppClient, "name": "Plumb"})
		},
		"apps/get-repo-installation":            h.installation,
		"apps/create-installation-access-token": h.createToken,
	}
}

// page gives one page of a list, and the header Link as GitHub does ("Using pagination in the REST API").
func (h *Hub) page(r contract.Request, list []object) contract.Answer {
	p := r.Page(len(list), 30)
	answer := ok(append([]object{}, list[p.From:p.To]...))
	if p.Next > 0 {
		link := *r.URL
		query := link.Query()
		query.Set("page", strconv.Itoa(p.Next))
		link.RawQuery = query.Encode()
		answer.Header = map[string]string{"Link": fmt.Sprintf(`<%s%s>; rel="next"`, h.URL, link.String())}
	}
	return answer
}

// ofPull finds the pull request of a path, with mu held for what follows.
func (h *Hub) ofPull(name string, f func(*pull, contract.Request) contract.Answer) contract.Handler {
	return func(r contract.Request) contract.Answer {
		h.mu.Lock()
		defer h.mu.Unlock()
		number, err := strconv.Atoi(r.PathValue(name))
		if err != nil || number < 1 || number > len(h.pulls) {
			return notFound
		}
		return f(h.pulls[number-1], r)
	}
}

func (h *Hub) listPulls(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	query := r.URL.Query()
	list := []object{}
	for _, p := range slices.Backward(h.pulls) {
		shape := h.shape(p, false)
		head := shape["head"].(object)["label"].(string)
		if query.Get("state") == "open" && p.closed || query.Get("base") != "" && query.Get("base") != p.base || query.Get("head") != "" && query.Get("head") != head {
			continue
		}
		list = append(list, shape)
	}
	return h.page(r, list)
}

func (h *Hub) createPull(r contract.Request) contract.Answer {
	head, base := strings.TrimPrefix(r.Text("head"), "acme:"), r.Text("base")
	for field, branch := range map[string]string{"head": head, "base": base} {
		if h.repo.Head(branch) == "" {
			return refuse("invalid", field, "")
		}
	}
	h.mu.Lock()
	for _, p := range h.pulls {
		if !p.closed && !p.fork && p.head == head && p.base == base {
			h.mu.Unlock()
			return refuse("custom", "", "A pull request already exists for acme:"+head+".")
		}
	}
	h.mu.Unlock()
	if len(h.repo.Diff(h.repo.Head(base), h.repo.Head(head))) == 0 {
		return refuse("custom", "", fmt.Sprintf("No commits between %s and %s", base, head))
	}
	p := &pull{head: head, base: base, title: r.Text("title"), body: r.Text("body"), author: h.self(r)}
	h.open(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	return created(h.shape(p, true))
}

func (h *Hub) mergePull(r contract.Request) contract.Answer {
	return h.ofPull("pull_number", func(p *pull, r contract.Request) contract.Answer {
		head := h.headOf(p)
		switch {
		case p.closed:
			return say(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
		case r.Text("sha") != "" && r.Text("sha") != head:
			return say(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
		}
		id, merged := h.repo.Merge(p.base, head, r.Text("merge_method") == "squash")
		if !merged {
			return say(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
		}
		p.closed, p.merged, p.headCommit = true, id, head
		return ok(object{"sha": id, "merged": true, "message": "Pull Request successfully merged"})
	})(r)
}

func filesOf(files []forge.File) []object {
	list := []object{}
	for _, f := range files {
		one := object{"sha": nil, "filename": f.Path, "status": string(f.Change), "additions": 1, "deletions": 1, "changes": 2}
		if f.Was != "" {
			one["previous_filename"] = f.Was
		}
		list = append(list, one)
	}
	return list
}

func (h *Hub) pullsOf(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	commit := r.PathValue("commit_sha")
	if !h.repo.Has(commit) {
		return contract.Answer{Status: http.StatusUnprocessableEntity, Body: object{"message": "No commit found for SHA: " + commit, "documentation_url": docs}}
	}
	list := []object{}
	for _, p := range h.pulls {
		mine := h.repo.Within(commit, h.headOf(p)) && !h.repo.Within(commit, h.repo.Head(p.base))
		if p.merged == commit || mine && !p.closed {
			list = append(list, h.shape(p, false))
		}
	}
	return h.page(r, list)
}

func (h *Hub) createComment(r contract.Request) contract.Answer {
	user := h.self(r)
	return h.ofPull("issue_number", func(p *pull, r contract.Request) contract.Answer {
		if len([]rune(r.Text("body"))) > maxComment {
			return refuse("unprocessable", "data", "Body is too long (maximum is 65536 characters)")
		}
		c := h.comment(p.number, user, r.Text("body"))
		p.comments = append(p.comments, c)
		return created(c)
	})(r)
}

func (h *Hub) updateComment(r contract.Request) contract.Answer {
	user := h.self(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pulls {
		for _, c := range p.comments {
			if strconv.Itoa(c["id"].(int)) != r.PathValue("comment_id") {
				continue
			}
			if c["user"].(object)["login"] != user {
				return say(http.StatusForbidden, "Resource not accessible by personal access token")
			}
			c["body"], c["updated_at"] = r.Text("body"), h.now()
			return ok(c)
		}
	}
	return notFound
}

func (h *Hub) addLabels(r contract.Request) contract.Answer {
	return h.ofPull("issue_number", func(p *pull, r contract.Request) contract.Answer {
		list, _ := r.Body["labels"].([]any)
		for _, name := range list {
			if !slices.Contains(p.labels, name.(string)) {
				p.labels = append(p.labels, name.(string))
			}
		}
		return ok(h.shape(p, false)["labels"])
	})(r)
}

func (h *Hub) removeLabel(p *pull, r contract.Request) contract.Answer {
	i := slices.Index(p.labels, r.PathValue("name"))
	if i < 0 {
		return say(http.StatusNotFound, "Label does not exist")
	}
	p.labels = slices.Delete(p.labels, i, i+1)
	return ok(h.shape(p, false)["labels"])
}

func (h *Hub) permission(r contract.Request) contract.Answer {
	name := r.PathValue("username")
	level, known := map[string]string{forgetest.Bot: "admin", forgetest.Ada: "write", forgetest.Rob: "read", forgetest.Eve: "none"}[name]
	if !known {
		return say(http.StatusNotFound, name+" is not a user")
	}
	return ok(object{"permission": level, "role_name": level, "user": person(name)})
}

func (h *Hub) combined(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	commit := r.PathValue("ref")
	if !h.repo.Has(commit) {
		return say(http.StatusNotFound, "No commit found for SHA: "+commit)
	}
	list, seen := []object{}, map[any]bool{}
	for _, s := range h.statuses[commit] {
		if !seen[s["context"]] {
			list, seen[s["context"]] = append(list, s), true
		}
	}
	return ok(object{"state": "pending", "sha": commit, "total_count": len(list), "statuses": list})
}

func (h *Hub) createStatus(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	commit := r.PathValue("sha")
	same := 0
	for _, s := range h.statuses[commit] {
		if s["context"] == r.Text("context") {
			same++
		}
	}
	switch {
	case !h.repo.Has(commit):
		return refuse("custom", "sha", "No commit found for SHA: "+commit)
	case len([]rune(r.Text("description"))) > maxDescription:
		return refuse("custom", "description", "description is too long (maximum is 140 characters)")
	case same >= maxStatuses:
		return refuse("custom", "base", "This SHA and context has reached the maximum number of statuses.")
	}
	now := h.now()
	s := object{"id": h.id(), "state": r.Text("state"), "description": r.Body["description"], "context": r.Text("context"), "target_url": r.Body["target_url"], "created_at": now, "updated_at": now}
	h.statuses[commit] = slices.Insert(h.statuses[commit], 0, s)
	return created(s)
}

func (h *Hub) listChecks(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, seen := []object{}, map[any]bool{}
	for _, c := range slices.Backward(h.checks) {
		if c["head_sha"] == r.PathValue("ref") && (r.URL.Query().Get("check_name") == "" || c["name"] == r.URL.Query().Get("check_name")) && !seen[c["name"]] {
			list, seen[c["name"]] = append(list, c), true
		}
	}
	return ok(object{"total_count": len(list), "check_runs": list})
}

func (h *Hub) createCheck(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.repo.Has(r.Text("head_sha")) {
		return refuse("custom", "head_sha", "No commit found for SHA: "+r.Text("head_sha"))
	}
	c := object{"id": h.id(), "name": r.Text("name"), "head_sha": r.Text("head_sha"), "app": object{"id": AppID, "slug": appSlug, "client_id": AppClient}}
	if no := fill(c, r); no != nil {
		return *no
	}
	h.checks = append(h.checks, c)
	return created(c)
}

func (h *Hub) updateCheck(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.checks {
		if strconv.Itoa(c["id"].(int)) == r.PathValue("check_run_id") {
			if no := fill(c, r); no != nil {
				return *no
			}
			return ok(c)
		}
	}
	return notFound
}

// fill takes what a request says of a check run.
func fill(c object, r contract.Request) *contract.Answer {
	status, conclusion := r.Text("status"), r.Body["conclusion"]
	if conclusion != nil {
		status = "completed"
	}
	if status == "completed" && conclusion == nil {
		no := refuse("missing_field", "conclusion", "")
		return &no
	}
	c["status"], c["conclusion"], c["details_url"] = status, conclusion, r.Body["details_url"]
	c["output"] = object{"title": nil, "summary": nil, "annotations_count": 0}
	if given, has := r.Body["output"].(object); has {
		notes, _ := given["annotations"].([]any)
		if len(notes) > maxAnnotations || len([]rune(given["summary"].(string))) > 65535 {
			no := refuse("invalid", "output", "")
			return &no
		}
		c["output"] = object{"title": given["title"], "summary": given["summary"], "annotations_count": len(notes)}
	}
	return nil
}

func (h *Hub) listDeployments(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []object{}
	for _, d := range slices.Backward(h.deploys) {
		keep := true
		for _, field := range []string{"sha", "ref", "task", "environment"} {
			want := r.URL.Query().Get(field)
			keep = keep && (want == "" || want == "none" || d[field] == want)
		}
		if keep {
			list = append(list, d)
		}
	}
	return h.page(r, list)
}

// createDeployment refuses what GitHub would merge or wait for first.
func (h *Hub) createDeployment(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	ref := r.Text("ref")
	contexts, none := r.Body["required_contexts"].([]any)
	switch {
	case !h.repo.Has(ref):
		return refuse("invalid", "ref", "No ref found for: "+ref)
	case r.Body["auto_merge"] != false:
		return contract.Answer{Status: http.StatusAccepted, Body: object{"message": "Auto-merged main into " + ref + " on deployment."}}
	case !none || len(contexts) > 0:
		return say(http.StatusConflict, "Conflict: Commit status checks failed for "+ref+".")
	}
	now := h.now()
	d := object{"id": h.id(), "sha": ref, "ref": ref, "task": r.Text("task"), "environment": r.Text("environment"), "description": r.Body["description"], "created_at": now, "updated_at": now}
	h.deploys = append(h.deploys, d)
	return created(d)
}

func (h *Hub) listDeployed(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, _ := strconv.Atoi(r.PathValue("deployment_id"))
	return h.page(r, h.deployed[id])
}

func (h *Hub) createDeployed(r contract.Request) contract.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, _ := strconv.Atoi(r.PathValue("deployment_id"))
	if !slices.ContainsFunc(h.deploys, func(d object) bool { return d["id"] == id }) {
		return notFound
	}
	if len([]rune(r.Text("description"))) > maxDescription {
		return refuse("custom", "description", "description is too long (maximum is 140 characters)")
	}
	now := h.now()
	s := object{"id": h.id(), "state": r.Text("state"), "description": r.Text("description"), "log_url": r.Body["log_url"], "environment": "", "created_at": now, "updated_at": now}
	h.deployed[id] = slices.Insert(h.deployed[id], 0, s)
	return created(s)
}

func (h *Hub) installation(r contract.Request) contract.Answer {
	if r.PathValue("owner")+"/"+r.PathValue("repo") != "acme/fleet" {
		return notFound
	}
	return ok(object{"id": 77, "app_id": AppID, "app_slug": appSlug, "permissions": object{"metadata": "read", "checks": "write", "statuses": "write", "pull_requests": "write", "contents": "write", "deployments": "write"}})
}

func (h *Hub) createToken(r contract.Request) contract.Answer {
	if asked, _ := r.Body["permissions"].(object); asked["issues"] != nil {
		return refuse("custom", "permissions", "The permissions requested are not granted to this installation.")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = append(h.tokens, fmt.Sprintf("ghs_%d", len(h.tokens)+1))
	return created(object{"token": h.tokens[len(h.tokens)-1], "expires_at": time.Now().Add(h.tokenFor).UTC().Format(time.RFC3339), "permissions": r.Body["permissions"], "repositories": []object{repo(false)}})
}
