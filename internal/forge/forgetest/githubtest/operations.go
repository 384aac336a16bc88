package githubtest

import "plumb.dev/plumb/internal/forge/forgetest/contract"

// docs is where GitHub describes its REST API (version 2022-11-28); what stands after it in a Source names page and operation.
const docs = "https://docs.github.com/en/rest/"

// The types of answers, as far as a fake fills them in. GitHub's have more fields than are listed here; those that are listed
// have GitHub's names and types.
const (
	user       = `{login:string id:int type:User|Bot|Organization}`
	message    = `{message:string documentation_url:string}`
	invalid    = `{message:string errors:[{resource:string code:string field:string? message:string?}]? documentation_url:string}`
	repository = `{id:int name:string full_name:string}`
	branch     = `{label:string ref:string sha:sha user:` + user + ` repo:` + repository + `?}`
	label      = `{id:int name:string color:string}`
	// A simple pull request is what lists give; merged, mergeable and comments are in the whole one alone.
	simplePull = `{id:int number:int html_url:url state:open|closed title:string body:string? user:` + user + ` labels:[` + label + `] draft:bool
		created_at:time updated_at:time closed_at:time? merged_at:time? merge_commit_sha:sha? requested_reviewers:[` + user + `] head:` + branch + ` base:` + branch + `}`
	wholePull = `{id:int number:int html_url:url state:open|closed title:string body:string? user:` + user + ` labels:[` + label + `] draft:bool
		created_at:time updated_at:time closed_at:time? merged_at:time? merge_commit_sha:sha? requested_reviewers:[` + user + `] head:` + branch + ` base:` + branch + `
		merged:bool mergeable:bool? comments:int}`
	file       = `{sha:sha? filename:string status:added|removed|modified|renamed|copied|changed|unchanged additions:int deletions:int changes:int previous_filename:string?}`
	comment    = `{id:int html_url:url body:string user:` + user + ` created_at:time updated_at:time}`
	review     = `{id:int user:` + user + `? body:string state:APPROVED|CHANGES_REQUESTED|COMMENTED|DISMISSED|PENDING commit_id:sha? submitted_at:time?}`
	status     = `{id:int state:error|failure|pending|success description:string? context:string target_url:string? created_at:time updated_at:time}`
	checkRun   = `{id:int name:string head_sha:sha status:queued|in_progress|completed conclusion:success|failure|neutral|cancelled|skipped|timed_out|action_required? details_url:string? output:{title:string? summary:string? annotations_count:int} app:{id:int slug:string client_id:string}?}`
	deployment = `{id:int sha:sha ref:string task:string environment:string description:string? created_at:time updated_at:time}`
	deployed   = `{id:int state:error|failure|inactive|pending|success|queued|in_progress description:string log_url:string? environment:string created_at:time updated_at:time}`
)

var paged = []string{"page", "per_page"}

func with(more ...string) []string { return append(more, paged...) }

// operations are those that Plumb uses.
var operations = []contract.Operation{
	{Name: "pulls/list", Method: "GET", Path: "/repos/{owner}/{repo}/pulls", Source: docs + "pulls/pulls#list-pull-requests",
		Query: with("state", "head", "base", "sort", "direction"), Answers: map[int]string{200: "[" + simplePull + "]", 304: "", 401: message, 404: message, 422: invalid}},
	{Name: "pulls/create", Method: "POST", Path: "/repos/{owner}/{repo}/pulls", Source: docs + "pulls/pulls#create-a-pull-request",
		Body:    `{title:string? head:string head_repo:string? base:string body:string? maintainer_can_modify:bool? draft:bool? issue:int?}`,
		Answers: map[int]string{201: wholePull, 401: message, 403: message, 404: message, 422: invalid}},
	{Name: "pulls/get", Method: "GET", Path: "/repos/{owner}/{repo}/pulls/{pull_number}", Source: docs + "pulls/pulls#get-a-pull-request",
		Answers: map[int]string{200: wholePull, 304: "", 401: message, 404: message}},
	{Name: "pulls/list-files", Method: "GET", Path: "/repos/{owner}/{repo}/pulls/{pull_number}/files", Source: docs + "pulls/pulls#list-pull-requests-files",
		Query: paged, Answers: map[int]string{200: "[" + file + "]", 401: message, 404: message, 422: invalid}},
	{Name: "pulls/merge", Method: "PUT", Path: "/repos/{owner}/{repo}/pulls/{pull_number}/merge", Source: docs + "pulls/pulls#merge-a-pull-request",
		Body:    `{commit_title:string? commit_message:string? sha:string? merge_method:merge|squash|rebase?}`,
		Answers: map[int]string{200: `{sha:sha merged:bool message:string}`, 401: message, 403: message, 404: message, 405: message, 409: message, 422: invalid}},
	{Name: "pulls/list-reviews", Method: "GET", Path: "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", Source: docs + "pulls/reviews#list-reviews-for-a-pull-request",
		Query: paged, Answers: map[int]string{200: "[" + review + "]", 401: message, 404: message}},
	{Name: "pulls/list-requested-reviewers", Method: "GET", Path: "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", Source: docs + "pulls/review-requests#get-all-requested-reviewers-for-a-pull-request",
		Answers: map[int]string{200: `{users:[` + user + `] teams:[any]}`, 401: message, 404: message}},
	{Name: "repos/list-pull-requests-associated-with-commit", Method: "GET", Path: "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", Source: docs + "commits/commits#list-pull-requests-associated-with-a-commit",
		Query: paged, Answers: map[int]string{200: "[" + simplePull + "]", 401: message, 404: message, 409: message, 422: invalid}},
	{Name: "issues/list-comments", Method: "GET", Path: "/repos/{owner}/{repo}/issues/{issue_number}/comments", Source: docs + "issues/comments#list-issue-comments",
		Query: with("since"), Answers: map[int]string{200: "[" + comment + "]", 401: message, 404: message, 410: message}},
	{Name: "issues/create-comment", Method: "POST", Path: "/repos/{owner}/{repo}/issues/{issue_number}/comments", Source: docs + "issues/comments#create-an-issue-comment",
		Body: `{body:string}`, Answers: map[int]string{201: comment, 401: message, 403: message, 404: message, 410: message, 422: invalid}},
	{Name: "issues/update-comment", Method: "PATCH", Path: "/repos/{owner}/{repo}/issues/comments/{comment_id}", Source: docs + "issues/comments#update-an-issue-comment",
		Body: `{body:string}`, Answers: map[int]string{200: comment, 401: message, 403: message, 404: message, 422: invalid}},
	{Name: "issues/add-labels", Method: "POST", Path: "/repos/{owner}/{repo}/issues/{issue_number}/labels", Source: docs + "issues/labels#add-labels-to-an-issue",
		Body: `{labels:[string]?}`, Bare: "labels", Answers: map[int]string{200: "[" + label + "]", 301: message, 401: message, 404: message, 410: message, 422: invalid}},
	{Name: "issues/remove-label", Method: "DELETE", Path: "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", Source: docs + "issues/labels#remove-a-label-from-an-issue",
		Answers: map[int]string{200: "[" + label + "]", 301: message, 401: message, 404: message, 410: message}},
	{Name: "repos/get-collaborator-permission-level", Method: "GET", Path: "/repos/{owner}/{repo}/collaborators/{username}/permission", Source: docs + "collaborators/collaborators#get-repository-permissions-for-a-user",
		Answers: map[int]string{200: `{permission:admin|write|read|none role_name:string user:` + user + `?}`, 401: message, 404: message}},
	{Name: "users/get-authenticated", Method: "GET", Path: "/user", Source: docs + "users/users#get-the-authenticated-user",
		Answers: map[int]string{200: user, 304: "", 401: message, 403: message}},
	{Name: "repos/get-combined-status-for-ref", Method: "GET", Path: "/repos/{owner}/{repo}/commits/{ref}/status", Source: docs + "commits/statuses#get-the-combined-status-for-a-specific-reference",
		Query: paged, Answers: map[int]string{200: `{state:failure|pending|success sha:sha total_count:int statuses:[` + status + `]}`, 401: message, 404: message}},
	{Name: "repos/create-commit-status", Method: "POST", Path: "/repos/{owner}/{repo}/statuses/{sha}", Source: docs + "commits/statuses#create-a-commit-status",
		Body: `{state:error|failure|pending|success target_url:string? description:string? context:string?}`, Answers: map[int]string{201: status, 401: message, 403: message, 404: message, 422: invalid}},
	{Name: "checks/list-for-ref", Method: "GET", Path: "/repos/{owner}/{repo}/commits/{ref}/check-runs", Source: docs + "checks/runs#list-check-runs-for-a-git-reference",
		Query: with("check_name", "status", "filter", "app_id"), Answers: map[int]string{200: `{total_count:int check_runs:[` + checkRun + `]}`, 401: message, 404: message}},
	{Name: "checks/create", Method: "POST", Path: "/repos/{owner}/{repo}/check-runs", Source: docs + "checks/runs#create-a-check-run",
		Body: `{name:string head_sha:sha details_url:string? external_id:string? status:queued|in_progress|completed? started_at:time? completed_at:time?
			conclusion:action_required|cancelled|failure|neutral|success|skipped|timed_out? output:` + output + `? actions:[any]?}`, Answers: map[int]string{201: checkRun, 401: message, 403: message, 404: message, 422: invalid}},
	{Name: "checks/update", Method: "PATCH", Path: "/repos/{owner}/{repo}/check-runs/{check_run_id}", Source: docs + "checks/runs#update-a-check-run",
		Body: `{name:string? details_url:string? external_id:string? status:queued|in_progress|completed? started_at:time? completed_at:time?
			conclusion:action_required|cancelled|failure|neutral|success|skipped|timed_out? output:` + output + `? actions:[any]?}`, Answers: map[int]string{200: checkRun, 401: message, 403: message, 404: message, 422: invalid}},
	{Name: "repos/list-deployments", Method: "GET", Path: "/repos/{owner}/{repo}/deployments", Source: docs + "deployments/deployments#list-deployments",
		Query: with("sha", "ref", "task", "environment"), Answers: map[int]string{200: "[" + deployment + "]", 401: message, 404: message}},
	{Name: "repos/create-deployment", Method: "POST", Path: "/repos/{owner}/{repo}/deployments", Source: docs + "deployments/deployments#create-a-deployment",
		Body:    `{ref:string task:string? auto_merge:bool? required_contexts:[string]? payload:any? environment:string? description:string? transient_environment:bool? production_environment:bool?}`,
		Answers: map[int]string{201: deployment, 202: `{message:string}`, 401: message, 404: message, 409: message, 422: invalid}},
	{Name: "repos/list-deployment-statuses", Method: "GET", Path: "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", Source: docs + "deployments/statuses#list-deployment-statuses",
		Query: paged, Answers: map[int]string{200: "[" + deployed + "]", 401: message, 404: message}},
	{Name: "repos/create-deployment-status", Method: "POST", Path: "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", Source: docs + "deployments/statuses#create-a-deployment-status",
		Body:    `{state:error|failure|inactive|in_progress|queued|pending|success target_url:string? log_url:string? description:string? environment:string? environment_url:string? auto_inactive:bool?}`,
		Answers: map[int]string{201: deployed, 401: message, 404: message, 422: invalid}},
	{Name: "apps/get-authenticated", Method: "GET", Path: "/app", Source: docs + "apps/apps#get-the-authenticated-app",
		Answers: map[int]string{200: `{id:int slug:string client_id:string name:string}`, 401: message}},
	{Name: "apps/get-repo-installation", Method: "GET", Path: "/repos/{owner}/{repo}/installation", Source: docs + "apps/apps#get-a-repository-installation-for-the-authenticated-app",
		Answers: map[int]string{200: `{id:int app_id:int app_slug:string permissions:{metadata:string checks:read|write? statuses:read|write? pull_requests:read|write? contents:read|write? deployments:read|write?}}`, 301: message, 401: message, 404: message}},
	{Name: "apps/create-installation-access-token", Method: "POST", Path: "/app/installations/{installation_id}/access_tokens", Source: docs + "apps/apps#create-an-installation-access-token-for-an-app",
		Body:    `{repositories:[string]? repository_ids:[int]? permissions:{metadata:string? checks:string? statuses:string? pull_requests:string? issues:string? contents:string? deployments:string?}?}`,
		Answers: map[int]string{201: `{token:string expires_at:time permissions:any repositories:[` + repository + `]}`, 401: message, 403: message, 404: message, 422: invalid}},
}

// output is the text of a check run, with its annotations ("Create a check run", output).
const output = `{title:string? summary:string text:string? annotations:[{path:string start_line:int end_line:int start_column:int? end_column:int? annotation_level:notice|warning|failure message:string title:string? raw_details:string?}]? images:[any]?}`
