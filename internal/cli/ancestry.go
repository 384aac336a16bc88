package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// ancestry answers whether a commit is, or comes before, another: the local clone where it has both, else the agent. It
// never guesses: where neither knows, it is Unreachable.
type ancestry struct {
	clone *clone // nil outside of a clone
	agent *agentAPI
	known map[[2]string]bool // answers do not change
}

func (a *ancestry) is(ctx context.Context, repo v1alpha1.Repo, ancestor, commit string) (bool, error) {
	if ancestor == commit {
		return true, nil
	}
	key := [2]string{ancestor, commit}
	if answer, ok := a.known[key]; ok {
		return answer, nil
	}
	answer, err := a.ask(ctx, repo, ancestor, commit)
	if err == nil {
		a.known[key] = answer
	}
	return answer, err
}

func (a *ancestry) ask(ctx context.Context, repo v1alpha1.Repo, ancestor, commit string) (bool, error) {
	why := "this is no clone"
	if a.clone != nil {
		answer, err := a.clone.isAncestor(ctx, ancestor, commit)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		why = "the clone " + a.clone.root + ": " + err.Error()
	}
	if a.agent != nil {
		answer, err := a.agent.isAncestor(ctx, repo.Namespace+"/"+repo.Name, ancestor, commit)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		why += "; the agent: " + err.Error()
	}
	return false, fault.New(fault.Unreachable, "nobody can tell whether %.7s comes before %.7s: %s", ancestor, commit, why).
		WithNext("git fetch in a clone of the repository and call plumb there, or name the agent: --url URL (or PLUMB_URL)")
}

// agentAPI is the agent's own HTTP side.
type agentAPI struct {
	base, token string
	client      *http.Client
}

// newAgentAPI reads the address of the agent's page; PLUMB_TOKEN holds its token. Without an address there is no agent to ask.
func newAgentAPI(env Env, address string) (*agentAPI, error) {
	if address == "" {
		address = env.Getenv("PLUMB_URL")
	}
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usagef("for example --url http://127.0.0.1:7420", "the agent's address is not a URL")
	}
	return &agentAPI{base: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), token: env.Getenv("PLUMB_TOKEN"), client: &http.Client{Timeout: 30 * time.Second}}, nil
}

func (a *agentAPI) isAncestor(ctx context.Context, repo, ancestor, commit string) (bool, error) {
	query := url.Values{"repo": {repo}, "ancestor": {ancestor}, "commit": {commit}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/v1alpha1/ancestor?"+query.Encode(), nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	res, err := a.client.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	body := io.LimitReader(res.Body, 1<<20)
	if res.StatusCode != http.StatusOK {
		var f fault.Fault
		if json.NewDecoder(body).Decode(&f) != nil || f.Message == "" {
			return false, fmt.Errorf("it answered %s", res.Status)
		}
		return false, &f
	}
	var answer server.Ancestry
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return false, fmt.Errorf("its answer cannot be read: %w", err)
	}
	return answer.Is, nil
}
