package forge

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

const (
	// answersKept and answerKept bound the answers that are kept, in number and in bytes of one.
	answersKept = 64
	answerKept  = 1 << 20
)

// answers keeps what a forge answered to a question that it can be asked again with "only if it changed": an unchanged list
// of pull requests then costs a forge nearly nothing, and nothing of GitHub's limit. The zero value is empty.
type answers struct {
	mu    sync.Mutex
	byURL map[string]answered
	order []string // oldest first
}

type answered struct {
	etag   string
	header http.Header
	body   []byte
}

// ask adds the condition to a question that was answered before.
func (a *answers) ask(req *http.Request) *answered {
	if req.Method != http.MethodGet || req.Header.Get("If-None-Match") != "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.byURL[req.URL.String()]
	if !ok {
		return nil
	}
	req.Header.Set("If-None-Match", known.etag)
	return &known
}

// answer gives the kept answer if nothing changed, and keeps a new one.
func (a *answers) answer(req *http.Request, resp *http.Response, known *answered) (*http.Response, error) {
	if resp.StatusCode == http.StatusNotModified && known != nil {
		resp.Body.Close()
		resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
		resp.Header, resp.Body, resp.ContentLength = known.header.Clone(), io.NopCloser(bytes.NewReader(known.body)), int64(len(known.body))
		return resp, nil
	}
	etag := resp.Header.Get("ETag")
	if req.Method != http.MethodGet || resp.StatusCode != http.StatusOK || etag == "" || resp.ContentLength > answerKept {
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) <= answerKept {
		a.keep(req.URL.String(), answered{etag, resp.Header.Clone(), body})
	}
	return resp, nil
}

func (a *answers) keep(url string, one answered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byURL == nil {
		a.byURL = map[string]answered{}
	}
	if _, ok := a.byURL[url]; !ok {
		a.order = append(a.order, url)
	}
	a.byURL[url] = one
	for len(a.order) > answersKept {
		delete(a.byURL, a.order[0])
		a.order = a.order[1:]
	}
}
