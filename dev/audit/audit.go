// Package audit reads the log in which the playground's API server writes down every request: who asked for what, when, and what
// came of it. Tests and measurements show with it what happened in a cluster, by the word of the one who did it.
//
// It never writes, and knows nothing of what was in a request: the log is at the level of metadata. Start at Since.
package audit

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"
)

// Request is what the log says of one request that was answered.
type Request struct {
	UserAgent  string    `json:"userAgent"`
	Verb       string    `json:"verb"`
	Stage      string    `json:"stage"`
	RequestURI string    `json:"requestURI"`
	Received   time.Time `json:"requestReceivedTimestamp"`
	Answered   time.Time `json:"stageTimestamp"`
	Object     struct {
		Resource, Subresource, Namespace, Name, APIGroup string
	} `json:"objectRef"`
	Status struct{ Code int }        `json:"responseStatus"`
	User   struct{ Username string } `json:"user"`
	As     struct{ Username string } `json:"impersonatedUser"`
}

// String gives "patch deployments/web-dev/web".
func (r Request) String() string {
	return r.Verb + " " + strings.TrimSuffix(r.Object.Resource+"/"+r.Object.Subresource, "/") + " " + r.Object.Namespace + "/" + r.Object.Name
}

// Since gives the requests that were answered after an offset of the log, a place in it in bytes, and the offset of its end. They
// are in the order of the answers; news of a write may travel faster than its answer, so that Received is the order of causes. The
// line of a request is there before its answer goes out.
func Since(file string, offset int64) ([]Request, int64, error) {
	log, err := os.Open(file)
	if err != nil {
		return nil, offset, err
	}
	defer log.Close()
	if _, err := log.Seek(offset, io.SeekStart); err != nil {
		return nil, offset, err
	}
	data, err := io.ReadAll(log)
	if err != nil {
		return nil, offset, err
	}
	var found []Request
	for line := range bytes.Lines(data) {
		var r Request
		if json.Unmarshal(line, &r) == nil && r.Stage == "ResponseComplete" {
			found = append(found, r)
		}
	}
	return found, offset + int64(len(data)), nil
}
