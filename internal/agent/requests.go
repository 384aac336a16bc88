package agent

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
)

// What a request to the API server is for.
const (
	forWatch     = "watch"     // to hear of changes, with the list that begins it
	forLook      = "look"      // to read an object
	forApply     = "apply"     // to write a user's object
	forDelete    = "delete"    // to delete a user's object
	forRecord    = "record"    // Plumb's own objects: status, Inventories, Entries
	forLease     = "lease"     // to say that the agent lives
	forEvent     = "event"     // to tell of a transition
	forDiscovery = "discovery" // to learn which kinds are served
)

var purposes = []string{forWatch, forLook, forApply, forDelete, forRecord, forLease, forEvent, forDiscovery}

// How a request ended.
const (
	resultOK        = "ok"
	resultAbsent    = "absent"    // 404: an answer like another
	resultConflict  = "conflict"  // 409
	resultRefused   = "refused"   // 401, 403: a right is missing
	resultThrottled = "throttled" // 429
	resultInvalid   = "invalid"   // what else is at fault on this side
	resultFailed    = "failed"    // 5xx, or no answer
)

// counting counts the requests that pass.
type counting struct {
	next     http.RoundTripper
	requests *prometheus.CounterVec
}

// counted gives a configuration whose requests are counted.
func counted(config *rest.Config, m *metrics) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next: next, requests: m.requests} })
	return config
}

// RoundTrip sends a request on, and counts it when it is answered.
func (c counting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	c.requests.WithLabelValues(purposeOf(req), resultOf(resp, err)).Inc()
	return resp, err
}

// countingForges counts the requests to forges that pass.
type countingForges struct {
	next     http.RoundTripper
	requests *prometheus.CounterVec
}

// RoundTrip sends a request on, and counts it when it is answered. An answer that nothing changed is one.
func (c countingForges) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	result := resultOK
	if err != nil || resp.StatusCode != http.StatusNotModified {
		result = resultOf(resp, err)
	}
	c.requests.WithLabelValues(result).Inc()
	return resp, err
}

func purposeOf(req *http.Request) string {
	path, query := req.URL.Path, req.URL.Query()
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	switch {
	case reads && query.Has("watch"), reads && query.Has("resourceVersion"):
		return forWatch
	case strings.Contains(path, "/leases/") || strings.HasSuffix(path, "/leases"):
		return forLease
	case strings.HasSuffix(path, "/events"):
		return forEvent
	case reads && isDiscovery(path):
		return forDiscovery
	case reads && !strings.HasPrefix(path, "/apis/plumb.dev/"):
		return forLook
	case req.Header.Get("Impersonate-User") == "":
		return forRecord
	case req.Method == http.MethodDelete:
		return forDelete
	}
	return forApply
}

// isDiscovery tells whether a path names no resource: /api, /api/v1, /apis, /apis/<group>, /apis/<group>/<version>, /version, /openapi/….
func isDiscovery(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch parts[0] {
	case "api":
		return len(parts) <= 2
	case "apis":
		return len(parts) <= 3
	}
	return true
}

func resultOf(resp *http.Response, err error) string {
	switch {
	case err != nil || resp.StatusCode >= 500:
		return resultFailed
	case resp.StatusCode < 400:
		return resultOK
	case resp.StatusCode == http.StatusNotFound:
		return resultAbsent
	case resp.StatusCode == http.StatusConflict:
		return resultConflict
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return resultRefused
	case resp.StatusCode == http.StatusTooManyRequests:
		return resultThrottled
	}
	return resultInvalid
}
