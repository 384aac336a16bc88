package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"plumb.dev/plumb/internal/fault"
)

// Link is an address that logs one browser in.
type Link struct {
	URL   string
	Name  string    // as whom
	Until time.Time // it is good, once
}

// LinkAt hands a token to the page at an address, once, for a link. The token does not follow a redirect. Errors: those of the
// login, Unreachable.
func LinkAt(ctx context.Context, address, token string) (Link, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return Link{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+apiPath+"/login", bytes.NewReader(body))
	if err != nil {
		return Link{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(headerOfOurs, "1")
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.Do(req)
	if err != nil {
		return Link{}, fault.New(fault.Unreachable, "the page does not answer at %s: %w", address, err).WithNext("try again; plumb doctor says how the agent is")
	}
	defer resp.Body.Close()
	answer := io.LimitReader(resp.Body, 64<<10)
	if resp.StatusCode != http.StatusOK {
		var f fault.Fault
		if json.NewDecoder(answer).Decode(&f) != nil || f.Message == "" {
			return Link{}, fault.New(fault.Unreachable, "%s is no page of plumb: it answers %s", address, resp.Status)
		}
		return Link{}, &f
	}
	var code LoginCode
	if err := json.NewDecoder(answer).Decode(&code); err != nil || code.Code == "" {
		return Link{}, fault.New(fault.Unreachable, "%s is no page of plumb", address)
	}
	return Link{URL: address + "/login?code=" + url.QueryEscape(code.Code), Name: code.Name, Until: code.Until}, nil
}
