// Package gitlabtest is a GitLab in this process, as GitLab describes it: the operations that Plumb uses, with their fields,
// types, status codes and limits, and what a commit's status may become.
//
// It has one project, acme/team/fleet, and the people of package forgetest. It never keeps anything, and knows nothing that
// is not in operations.go, where each operation names its source.
//
// Start at New; Scene is what the suite acts in.
package gitlabtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/contract"
	"plumb.dev/plumb/internal/redact"
)

type object = map[string]any

const (
	project   = "acme/team/fleet"
	projectID = 100
	forkID    = 101
	token     = "glpat-of-the-bot"
)

// request is a merge request of the fake.
type request struct {
	iid            int
	source, target string
	commit         string // once it is closed, or of a fork
	title, text    string
	author         string
	fork           bool
	state          string
	merged, squash string
	labels         []string
	reviewers      []object
	approved       []object
	notes          []object
	pipeline       object
	at             time.Time
}

// Lab is a fake GitLab.
type Lab struct {
	*contract.Server
	repo *forgetest.Repo

	mu        sync.Mutex
	requests  []*request
	statuses  []object
	pipelines []object
	deploys   []object
	ids       int
	clock     time.Time
}

// New starts a GitLab.
func New(t testing.TB) *Lab {
	l := &Lab{repo: forgetest.NewRepo(), ids: 1000, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l.Server = contract.Serve(t, contract.API{
		Prefix: "/api/v4", Operations: operations, Handlers: l.handlers(), Admit: l.admit,
		Missing: func(field string) contract.Answer {
			return contract.Answer{Status: http.StatusBadRequest, Body: object{"error": field + " is missing"}}
		},
	})
	return l
}

// Access is the Bot's.
func (l *Lab) Access() forge.Access {
	return forge.Access{Kind: forge.GitLab, URL: l.URL, Repository: project, Token: redact.Hide(token)}
}

// Scene is what the suite acts in.
func (l *Lab) Scene() forgetest.Scene {
	return forgetest.Scene{
		Access: l.Access(),
		Push:   l.repo.Push,
		Fork: func(branch string, files map[string]string) int {
			commit := l.repo.Push("of-eve/"+branch, "main", files)
			return l.open(&request{source: branch, commit: commit, target: "main", title: "from a fork", author: forgetest.Eve, fork: true})
		},
		Ask: func(iid int, name string) { l.with(iid, func(r *request) { l.review(r, name, "unreviewed") }) },
		Review: func(iid int, name string, verdict forge.Verdict) {
			l.with(iid, func(r *request) { l.judge(r, name, verdict) })
		},
		Comment: func(iid int, name, text string) {
			l.with(iid, func(r *request) {
				l.note(r, name, "requested review from @"+name, true)
				l.note(r, name, text, false)
			})
		},
		Took: l.repo.Take,
		MergedAs: func(iid int, commit string) {
			l.with(iid, func(r *request) { r.state, r.merged, r.commit = "merged", commit, l.headOf(r) })
		},
		Shown:   l.shown,
		Deploys: l.deploysOf,
	}
}

// Pipeline gives a merge request a pipeline of its own, as one that runs for merge requests has.
func (l *Lab) Pipeline(iid int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.requests[iid-1]
	r.pipeline = l.newPipeline(l.headOf(r), fmt.Sprintf("refs/merge-requests/%d/head", iid), "merge_request_event")
	return r.pipeline["id"].(int)
}

// PipelineOf gives the pipeline in which the latest status of a name stands.
func (l *Lab) PipelineOf(commit, name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range slices.Backward(l.statuses) {
		if s["sha"] == commit && s["name"] == name {
			return s["pipeline_id"].(int)
		}
	}
	return 0
}

func (l *Lab) newPipeline(commit, ref, source string) object {
	id := l.id()
	p := object{"id": id, "iid": len(l.pipelines) + 1, "project_id": projectID, "sha": commit, "ref": ref, "status": "pending", "source": source, "web_url": fmt.Sprintf("%s/%s/-/pipelines/%d", l.URL, project, id)}
	l.pipelines = append(l.pipelines, p)
	return p
}

func (l *Lab) with(iid int, f func(*request)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.requests[iid-1])
}

func (l *Lab) open(r *request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.iid, r.at, r.state = len(l.requests)+1, l.tick(), "opened"
	l.requests = append(l.requests, r)
	return r.iid
}

// review sets what a reviewer's state is; who was not asked is no reviewer.
func (l *Lab) review(r *request, name, state string) {
	for _, one := range r.reviewers {
		if one["user"].(object)["username"] == name {
			one["state"] = state
			return
		}
	}
	r.reviewers = append(r.reviewers, object{"user": l.person(name), "state": state, "created_at": l.now()})
}

// judge: who requests changes becomes a reviewer, who approves needs not be one.
func (l *Lab) judge(r *request, name string, verdict forge.Verdict) {
	r.approved = slices.DeleteFunc(r.approved, func(a object) bool { return a["user"].(object)["username"] == name })
	switch verdict {
	case forge.Objected:
		l.review(r, name, "requested_changes")
	case forge.Commented:
		l.review(r, name, "reviewed")
	case forge.Approved:
		if slices.ContainsFunc(r.reviewers, func(one object) bool { return one["user"].(object)["username"] == name }) {
			l.review(r, name, "approved")
		}
		r.approved = append(r.approved, object{"user": l.person(name), "approved_at": l.now()})
	}
}

// shown gives the latest status of a name.
func (l *Lab) shown(commit, context string) []forge.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range slices.Backward(l.statuses) {
		if s["sha"] == commit && s["name"] == context {
			state := map[string]forge.State{"pending": forge.Pending, "running": forge.Pending, "success": forge.Success, "failed": forge.Failure, "canceled": forge.Canceled}[s["status"].(string)]
			out := forge.Status{Context: context, State: state, Description: s["description"].(string)}
			out.URL, _ = s["target_url"].(string)
			return []forge.Status{out}
		}
	}
	return nil
}

func (l *Lab) deploysOf(environment string) []forge.Deployment {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []forge.Deployment
	for _, d := range l.deploys {
		if d["environment"].(object)["name"] == environment {
			out = append(out, forge.Deployment{Environment: environment, Commit: d["sha"].(string),
				Progress: map[string]forge.Progress{"running": forge.Running, "success": forge.Succeeded, "failed": forge.Failed}[d["status"].(string)]})
		}
	}
	return out
}

// id, tick and now are called with mu held.
func (l *Lab) id() int {
	l.ids++
	return l.ids
}

func (l *Lab) tick() time.Time {
	l.clock = l.clock.Add(time.Second)
	return l.clock
}

func (l *Lab) now() string { return l.tick().Format("2006-01-02T15:04:05.000Z") }

// people are the users of the instance, with their access to the project.
var people = []struct {
	name  string
	level int // 0: no member
}{{forgetest.Bot, 40}, {forgetest.Ada, 30}, {forgetest.Rob, 20}, {forgetest.Eve, 0}}

func (l *Lab) person(name string) object {
	id := 1
	for i, p := range people {
		if p.name == name {
			id = i + 1
		}
	}
	return object{"id": id, "username": name, "name": name, "state": "active", "web_url": l.URL + "/" + name}
}

func say(status int, text string) contract.Answer {
	return contract.Answer{Status: status, Body: object{"message": text}}
}

func (l *Lab) admit(r contract.Request) *contract.Answer {
	if r.Header.Get("Authorization") != "Bearer "+token {
		no := say(http.StatusUnauthorized, "401 Unauthorized")
		return &no
	}
	if id := r.PathValue("id"); id != "" && id != project {
		no := say(http.StatusNotFound, "404 Project Not Found")
		return &no
	}
	return nil
}

func (l *Lab) headOf(r *request) string {
	if r.commit != "" {
		return r.commit
	}
	return l.repo.Head(r.source)
}

func (l *Lab) note(r *request, name, text string, system bool) object {
	now := l.now()
	n := object{"id": l.id(), "body": text, "author": l.person(name), "created_at": now, "updated_at": now, "system": system, "noteable_id": 5000 + r.iid, "noteable_type": "MergeRequest", "noteable_iid": r.iid, "resolvable": false, "internal": false}
	r.notes = append(r.notes, n)
	return n
}

// shape gives a merge request as GitLab does. mu is held.
func (l *Lab) shape(r *request, whole bool) object {
	source, at, head := projectID, r.at.Format("2006-01-02T15:04:05.000Z"), l.headOf(r)
	if r.fork {
		source = forkID
	}
	var mergedAt, mergeCommit, squashCommit any
	if r.state == "merged" {
		mergedAt, mergeCommit = at, r.merged
		if r.squash != "" {
			squashCommit = r.squash
		}
	}
	conflicts := r.state == "opened" && l.repo.Conflicts(l.repo.Head(r.target), head)
	reviewers := []object{}
	for _, one := range r.reviewers {
		reviewers = append(reviewers, one["user"].(object))
	}
	out := object{
		"id": 5000 + r.iid, "iid": r.iid, "project_id": projectID, "title": r.title, "description": r.text, "state": r.state, "created_at": at, "updated_at": at, "merged_at": mergedAt, "closed_at": nil,
		"target_branch": r.target, "source_branch": r.source, "author": l.person(r.author), "reviewers": reviewers, "source_project_id": source, "target_project_id": projectID,
		"labels": append([]string{}, r.labels...), "draft": strings.HasPrefix(r.title, "Draft:"), "sha": head, "merge_commit_sha": mergeCommit, "squash_commit_sha": squashCommit,
		"web_url": fmt.Sprintf("%s/%s/-/merge_requests/%d", l.URL, project, r.iid), "has_conflicts": conflicts, "detailed_merge_status": "mergeable",
	}
	if whole {
		base := l.repo.Head(r.target)
		out["diff_refs"] = object{"base_sha": base, "head_sha": head, "start_sha": base}
		out["head_pipeline"] = nil
		if r.pipeline != nil {
			out["head_pipeline"] = r.pipeline
		}
	}
	return out
}
