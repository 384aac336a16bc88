package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

func typeOf(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind}
}

// Ancestry is the answer of /api/v1alpha1/ancestor?repo=<namespace>/<name>&ancestor=<commit>&commit=<commit>.
type Ancestry struct {
	Repo     string `json:"repo"`
	Ancestor string `json:"ancestor"`
	Commit   string `json:"commit"`
	Is       bool   `json:"is"` // ancestor is, or is an ancestor of, commit
}

var commitID = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

func (s *server) ancestor(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a := Ancestry{Repo: q.Get("repo"), Ancestor: q.Get("ancestor"), Commit: q.Get("commit")}
	if !commitID.MatchString(a.Ancestor) || !commitID.MatchString(a.Commit) || strings.Count(a.Repo, "/") != 1 {
		refuse(w, http.StatusBadRequest, "repo=NAMESPACE/NAME, ancestor=COMMIT and commit=COMMIT are needed", "commits are 7 to 64 hexadecimal digits")
		return
	}
	if s.Ancestor == nil {
		refuse(w, http.StatusNotFound, "this agent does not answer about ancestors", "ask in a clone that has both commits")
		return
	}
	sight, err := sees(r.Context())
	if err != nil {
		refuseFault(w, fault.Of(err, fault.Unreachable))
		return
	}
	if namespace, _ := namespaceAndName(a.Repo); !sight.Sees(namespace) {
		refuseFault(w, fault.New(fault.PathNotFound, "there is no Repo %s, or you may not see it", a.Repo))
		return
	}
	is, err := s.Ancestor(r.Context(), a.Repo, a.Ancestor, a.Commit)
	if err != nil {
		f := fault.Of(err, fault.Unreachable)
		refuseFault(w, f)
		return
	}
	a.Is = is
	answer(w, http.StatusOK, a)
}

// hook hands a delivery on. Every delivery that is not accepted looks the same to its sender, whether the signature is
// wrong or the Repo does not exist.
func (s *server) hook(w http.ResponseWriter, r *http.Request) {
	body, release, err := s.hookBody(http.MaxBytesReader(w, r.Body, maxHookBody))
	defer release()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errNoRoom):
		refuseForNow(w, http.StatusServiceUnavailable)
		return
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than 5 MiB", "deliver push events only")
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body could not be read", "deliver again")
		return
	}
	status, word := http.StatusUnauthorized, ""
	if s.Hook != nil {
		status, word = s.Hook(r.PathValue("namespace"), r.PathValue("name"), r.Header.Clone(), body)
	}
	switch status {
	case http.StatusAccepted, http.StatusOK:
		text(w, status, word)
	case http.StatusBadRequest:
		refuse(w, status, word, "deliver push events as the forge sends them")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		refuseForNow(w, status)
	default:
		refuse(w, http.StatusUnauthorized, "the delivery is not signed by a Repo of that name", "sign the body with the Repo's webhook secret, as its webhook.kind says")
	}
}

func refuseForNow(w http.ResponseWriter, status int) {
	w.Header().Set("Retry-After", "10")
	refuse(w, status, "the delivery cannot be taken now", "deliver again in ten seconds; the poll goes on")
}

// errNoRoom is of a body that is large while too many others are.
var errNoRoom = errors.New("too many large bodies at once")

// hookBody reads a delivery. Anybody may send one, so that few large ones are held at once; those of usual size always have room.
// release is called when the body is needed no more.
func (s *server) hookBody(from io.Reader) (body []byte, release func(), err error) {
	release = func() {}
	body, err = io.ReadAll(io.LimitReader(from, usualHookBody))
	if err != nil || len(body) < usualHookBody {
		return body, release, err
	}
	select {
	case s.large <- struct{}{}:
		release = func() { <-s.large }
	default:
		return nil, release, errNoRoom
	}
	rest, err := io.ReadAll(from)
	return append(body, rest...), release, err
}

func (s *server) healthy(w http.ResponseWriter, _ *http.Request) {
	if s.Live != nil && !s.Live() {
		text(w, http.StatusServiceUnavailable, "the agent does not move")
		return
	}
	text(w, http.StatusOK, "ok")
}

// ready answers with a line per check, in the form of the API server's own: [+] is fine, [-] is not. While all are fine, one
// word is enough, unless ?verbose asks for more.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	status, lines := http.StatusOK, []string{}
	if s.Ready != nil {
		for _, c := range s.Ready() {
			sign := "[+]"
			if !c.OK {
				sign, status = "[-]", http.StatusServiceUnavailable
			}
			lines = append(lines, sign+c.Name+": "+c.Text)
		}
	}
	if status == http.StatusOK && !r.URL.Query().Has("verbose") {
		lines = nil
	}
	last := "ok"
	if status != http.StatusOK {
		last = "not ready"
	}
	text(w, status, strings.Join(append(lines, last), "\n"))
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	if s.Metrics == nil {
		http.NotFound(w, r)
		return
	}
	s.Metrics.ServeHTTP(w, r)
}

func text(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n")
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader is gone if this fails
}

// refuse answers with a fault: what is wrong, and what to do.
func refuse(w http.ResponseWriter, status int, message, next string) {
	answer(w, status, fault.Fault{Message: message, Next: next})
}

func refuseFault(w http.ResponseWriter, f *fault.Fault) {
	answer(w, statusOf(f), f)
}

// CodeTooMany is on a Fault that asks for patience.
const CodeTooMany = "TOO_MANY"

// statusOf gives the status that a Fault is answered with.
func statusOf(f *fault.Fault) int {
	switch f.Reason {
	case fault.RevisionNotFound, fault.PathNotFound:
		return http.StatusNotFound
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.CredentialsRefused:
		return http.StatusUnauthorized
	case fault.InvalidQuery, fault.InvalidObject:
		return http.StatusBadRequest
	case fault.Rejected, fault.NothingToRevert, fault.NotReverted, fault.ReadOnly, fault.Unsupported:
		if f.Code == CodeTooMany {
			return http.StatusTooManyRequests
		}
		return http.StatusConflict
	}
	return http.StatusBadGateway
}

func namespaceAndName(id string) (namespace, name string) {
	namespace, name, _ = strings.Cut(id, "/")
	return namespace, name
}
