package gitlabtest

import "plumb.dev/plumb/internal/forge/forgetest/contract"

// docs is where GitLab describes its REST API (v4); what stands after it in a Source names page and operation.
const docs = "https://docs.gitlab.com/api/"

// The types of answers, as far as a fake fills them in. GitLab's have more fields than are listed here; those that are listed
// have GitLab's names and types.
const (
	user    = `{id:int username:string name:string state:string web_url:url}`
	message = `{message:any}`
	failed  = `{error:string}`
	// A basic merge request is what lists give; diff_refs and head_pipeline are in the whole one alone.
	basicMR = `{id:int iid:int project_id:int title:string description:string? state:opened|closed|merged|locked created_at:time updated_at:time merged_at:time? closed_at:time?
		target_branch:string source_branch:string author:` + user + ` reviewers:[` + user + `] source_project_id:int target_project_id:int labels:[string] draft:bool
		sha:sha? merge_commit_sha:sha? squash_commit_sha:sha? web_url:url has_conflicts:bool detailed_merge_status:string}`
	wholeMR = `{id:int iid:int project_id:int title:string description:string? state:opened|closed|merged|locked created_at:time updated_at:time merged_at:time? closed_at:time?
		target_branch:string source_branch:string author:` + user + ` reviewers:[` + user + `] source_project_id:int target_project_id:int labels:[string] draft:bool
		sha:sha? merge_commit_sha:sha? squash_commit_sha:sha? web_url:url has_conflicts:bool detailed_merge_status:string
		diff_refs:{base_sha:sha head_sha:sha start_sha:sha} head_pipeline:` + pipeline + `?}`
	pipeline   = `{id:int iid:int project_id:int sha:sha ref:string status:string source:string web_url:url}`
	diff       = `{old_path:string new_path:string a_mode:string b_mode:string diff:string new_file:bool renamed_file:bool deleted_file:bool generated_file:bool?}`
	note       = `{id:int body:string author:` + user + ` created_at:time updated_at:time system:bool noteable_id:int noteable_type:string noteable_iid:int resolvable:bool internal:bool}`
	status     = `{id:int sha:sha ref:string status:created|pending|running|success|failed|canceled|skipped name:string target_url:string? description:string? created_at:time? started_at:time? finished_at:time? allow_failure:bool pipeline_id:int author:` + user + `}`
	deployment = `{id:int iid:int ref:string sha:sha status:created|running|success|failed|canceled|blocked created_at:time updated_at:time user:` + user + ` environment:{id:int name:string external_url:string?} deployable:any?}`
)

var paged = []string{"page", "per_page"}

func with(more ...string) []string { return append(more, paged...) }

// operations are those that Plumb uses.
var operations = []contract.Operation{
	{Name: "list merge requests", Method: "GET", Path: "/projects/{id}/merge_requests", Source: docs + "merge_requests/#list-project-merge-requests",
		Query: with("state", "order_by", "sort", "source_branch", "target_branch"), Answers: map[int]string{200: "[" + basicMR + "]", 401: message, 404: message}},
	{Name: "get merge request", Method: "GET", Path: "/projects/{id}/merge_requests/{iid}", Source: docs + "merge_requests/#get-single-mr",
		Answers: map[int]string{200: wholeMR, 401: message, 404: message}},
	{Name: "list diffs", Method: "GET", Path: "/projects/{id}/merge_requests/{iid}/diffs", Source: docs + "merge_requests/#list-merge-request-diffs",
		Query: with("unidiff"), Answers: map[int]string{200: "[" + diff + "]", 401: message, 404: message}},
	{Name: "create merge request", Method: "POST", Path: "/projects/{id}/merge_requests", Source: docs + "merge_requests/#create-mr",
		Body:    `{source_branch:string target_branch:string title:string description:string? labels:string? assignee_id:int? assignee_ids:[int]? reviewer_ids:[int]? target_project_id:int? remove_source_branch:bool? squash:bool?}`,
		Answers: map[int]string{201: wholeMR, 400: failed, 401: message, 404: message, 409: message, 422: message}},
	{Name: "update merge request", Method: "PUT", Path: "/projects/{id}/merge_requests/{iid}", Source: docs + "merge_requests/#update-mr",
		Body: `{add_labels:string? remove_labels:string? labels:string? title:string? description:string? state_event:string?}`, Answers: map[int]string{200: wholeMR, 400: failed, 401: message, 404: message}},
	{Name: "merge", Method: "PUT", Path: "/projects/{id}/merge_requests/{iid}/merge", Source: docs + "merge_requests/#merge-a-merge-request",
		Body:    `{sha:string? squash:bool? merge_commit_message:string? squash_commit_message:string? should_remove_source_branch:bool? auto_merge:bool?}`,
		Answers: map[int]string{200: wholeMR, 401: message, 404: message, 405: message, 409: message, 422: message}},
	{Name: "list reviewers", Method: "GET", Path: "/projects/{id}/merge_requests/{iid}/reviewers", Source: docs + "merge_requests/#get-single-merge-request-reviewers",
		Answers: map[int]string{200: `[{user:` + user + ` state:unreviewed|reviewed|requested_changes|approved|unapproved|review_started created_at:time}]`, 401: message, 404: message}},
	{Name: "get approvals", Method: "GET", Path: "/projects/{id}/merge_requests/{iid}/approvals", Source: docs + "merge_request_approvals/#single-merge-request-approval",
		Answers: map[int]string{200: `{id:int iid:int project_id:int approved:bool approved_by:[{user:` + user + ` approved_at:time?}]}`, 401: message, 404: message}},
	{Name: "list merge requests of a commit", Method: "GET", Path: "/projects/{id}/repository/commits/{sha}/merge_requests", Source: docs + "commits/#list-merge-requests-associated-with-a-commit",
		Answers: map[int]string{200: "[" + basicMR + "]", 401: message, 404: message}},
	{Name: "list notes", Method: "GET", Path: "/projects/{id}/merge_requests/{iid}/notes", Source: docs + "notes/#list-all-merge-request-notes",
		Query: with("sort", "order_by"), Answers: map[int]string{200: "[" + note + "]", 401: message, 404: message}},
	{Name: "create note", Method: "POST", Path: "/projects/{id}/merge_requests/{iid}/notes", Source: docs + "notes/#create-new-merge-request-note",
		Body: `{body:string internal:bool? created_at:time?}`, Answers: map[int]string{201: note, 400: failed, 401: message, 404: message}},
	{Name: "update note", Method: "PUT", Path: "/projects/{id}/merge_requests/{iid}/notes/{note}", Source: docs + "notes/#modify-existing-merge-request-note",
		Body: `{body:string}`, Answers: map[int]string{200: note, 400: failed, 401: message, 403: message, 404: message}},
	{Name: "get current user", Method: "GET", Path: "/user", Source: docs + "users/#get-the-current-user", Answers: map[int]string{200: user, 401: message}},
	{Name: "list users", Method: "GET", Path: "/users", Source: docs + "users/#list-users",
		Query: with("username"), Answers: map[int]string{200: "[" + user + "]", 401: message}},
	{Name: "get member", Method: "GET", Path: "/projects/{id}/members/all/{user}", Source: docs + "project_members/#get-a-member-of-a-project-including-inherited-and-invited-members",
		Answers: map[int]string{200: `{id:int username:string name:string state:string access_level:int web_url:url expires_at:string?}`, 401: message, 404: message}},
	{Name: "get project", Method: "GET", Path: "/projects/{id}", Source: docs + "projects/#retrieve-a-project",
		Answers: map[int]string{200: `{id:int path_with_namespace:string web_url:url default_branch:string}`, 401: message, 404: message}},
	{Name: "list statuses", Method: "GET", Path: "/projects/{id}/repository/commits/{sha}/statuses", Source: docs + "commits/#list-commit-statuses",
		Query: with("ref", "stage", "name", "pipeline_id", "all", "order_by", "sort"), Answers: map[int]string{200: "[" + status + "]", 401: message, 404: message}},
	{Name: "set status", Method: "POST", Path: "/projects/{id}/statuses/{sha}", Source: docs + "commits/#set-commit-pipeline-status",
		Body:    `{state:pending|running|success|failed|canceled|skipped ref:string? name:string? context:string? target_url:string? description:string? coverage:number? pipeline_id:int?}`,
		Answers: map[int]string{201: status, 400: message, 401: message, 403: message, 404: message, 409: message, 422: message}},
	{Name: "list deployments", Method: "GET", Path: "/projects/{id}/deployments", Source: docs + "deployments/#list-project-deployments",
		Query: with("order_by", "sort", "environment", "status", "updated_after", "updated_before"), Answers: map[int]string{200: "[" + deployment + "]", 400: message, 401: message, 404: message}},
	{Name: "create deployment", Method: "POST", Path: "/projects/{id}/deployments", Source: docs + "deployments/#create-a-deployment",
		Body: `{environment:string sha:string ref:string tag:bool status:running|success|failed|canceled}`, Answers: map[int]string{201: deployment, 400: failed, 401: message, 403: message, 404: message}},
	{Name: "update deployment", Method: "PUT", Path: "/projects/{id}/deployments/{deployment}", Source: docs + "deployments/#update-a-deployment",
		Body: `{status:running|success|failed|canceled}`, Answers: map[int]string{200: deployment, 400: message, 401: message, 403: message, 404: message}},
}
