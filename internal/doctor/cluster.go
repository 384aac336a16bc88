package doctor

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// oldest is the oldest minor version of Kubernetes 1 whose admission policies are those of an installation.
const oldest = 30

// Clocks that differ by more than skewNoticed confuse people; by more than skewBad the agent's word counts as old.
const (
	skewNoticed = 5 * time.Second
	skewBad     = time.Minute
)

// reach asks the API server for its version, and compares clocks.
func (e *examination) reach(ctx context.Context) bool {
	err := e.Trouble
	if err == nil {
		e.api, err = connect(e.Config)
	}
	if err != nil {
		e.fault("cluster", err, "set KUBECONFIG, or pass --kubeconfig FILE or --context NAME; plumb up starts a playground")
		return false
	}
	var version struct {
		GitVersion   string `json:"gitVersion"`
		Major, Minor string
	}
	if err := e.api.get(ctx, "/version", &version); err != nil {
		e.wrong("cluster", "kubectl cluster-info; then try again", "the API server at %s does not answer: %v", e.api.host, err)
		return false
	}
	var minor int
	_, _ = fmt.Sscanf(version.Minor, "%d", &minor)
	if version.Major == "1" && minor < oldest {
		e.wrong("cluster", "upgrade it", "Kubernetes %s at %s is older than 1.%d", version.GitVersion, e.api.host, oldest)
	} else {
		e.fine("cluster", "Kubernetes %s at %s", version.GitVersion, e.api.host)
	}
	e.clock(ctx)
	return true
}

// clock compares this machine's clock with the API server's, which tells whole seconds.
func (e *examination) clock(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.api.host+"/version", nil)
	if err != nil {
		e.unseen("clock", err)
		return
	}
	before := e.Now()
	answer, err := e.api.client.Do(req)
	if err != nil {
		e.unseen("clock", err)
		return
	}
	answer.Body.Close()
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		e.unseen("clock", fmt.Errorf("the API server tells no time: %w", err))
		return
	}
	skew := e.Now().Add(before.Sub(e.Now()) / 2).Sub(theirs.Add(500 * time.Millisecond)).Abs().Round(time.Second)
	const next = "timedatectl status; set the clock of the machine that is wrong"
	switch {
	case skew >= skewBad:
		e.wrong("clock", next, "this machine's clock and the API server's are %s apart: states will be taken for old", skew)
	case skew >= skewNoticed:
		e.warn("clock", next, "this machine's clock and the API server's are %s apart", skew)
	default:
		e.fine("clock", "as the API server's")
	}
}

// rights tells who the person is, and what of Plumb they may do.
func (e *examination) rights(ctx context.Context) {
	var me authenticationv1.SelfSubjectReview
	name := "you"
	body := authenticationv1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"}}
	if err := e.api.post(ctx, "/apis/authentication.k8s.io/v1/selfsubjectreviews", body, &me); err == nil {
		name = me.Status.UserInfo.Username
	}
	var may, mayNot []string
	for _, verb := range []string{"list", "sync", "pause", "configure"} {
		allowed, err := e.api.may(ctx, "", authorizationv1.ResourceAttributes{Group: v1alpha1.GroupVersion.Group, Resource: "apps", Verb: verb, Namespace: v1alpha1.Namespace})
		if err != nil {
			e.unseen("rights", err)
			return
		}
		if allowed {
			may = append(may, verb)
		} else {
			mayNot = append(mayNot, verb)
		}
	}
	switch {
	case len(mayNot) == 0:
		e.fine("rights", "%s may see, sync, pause and configure the apps of %s", name, v1alpha1.Namespace)
	case len(may) == 0:
		e.warn("rights", bindViewer(name)+", by an administrator", "%s may not see the apps of %s", name, v1alpha1.Namespace)
	default:
		e.fine("rights", "%s may %s, not %s, the apps of %s", name, strings.Join(may, ", "), strings.Join(mayNot, ", "), v1alpha1.Namespace)
	}
}

// notInName is what a name of an object cannot have.
var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// bindViewer is the command that lets somebody see.
func bindViewer(user string) string {
	subject := "--user=" + user
	if account, ok := strings.CutPrefix(user, accountPrefix); ok {
		subject = "--serviceaccount=" + account
	}
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(user), "-"), "-")
	return fmt.Sprintf("kubectl -n %s create rolebinding plumb-viewer-%s --clusterrole=plumb-viewer %s", v1alpha1.Namespace, name, subject)
}
