package preview

import (
	"errors"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/fault"
)

// Bounds of what is repeated of an answer of the API server.
const (
	fewCauses  = 5
	longAnswer = 300 // bytes
)

// withoutValues gives what the API server said against an object without the values that it quotes: they may be of the live
// object, of whose fields Git has only some. Of an answer with causes these are the field and what is wrong with it, of any
// other one the first line.
func withoutValues(f *fault.Fault) string {
	var status apierrors.APIStatus
	var parts []string
	if errors.As(f.Cause, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if cause.Field != "" && len(parts) < fewCauses {
				parts = append(parts, cause.Field+": "+bland(cause))
			}
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; ")
	}
	return bland(metav1.StatusCause{Message: f.Message})
}

// The forms in which validation quotes a value (k8s.io/apimachinery/pkg/util/validation/field), and quotas what is used.
var (
	quotes = regexp.MustCompile(`(Invalid|Unsupported|Duplicate) value: .*`)
	used   = regexp.MustCompile(`(exceeded quota: [^,\s]+),.*`)
)

// bland gives the message of a cause without the value that it quotes.
func bland(cause metav1.StatusCause) string {
	line, _, _ := strings.Cut(cause.Message, "\n")
	line = used.ReplaceAllString(line, "$1")
	if quoted := quotes.FindString(line); quoted != "" {
		word, _, _ := strings.Cut(quoted, ":")
		why := "" // behind the last colon: the value may hold any text, what is wrong with it is Kubernetes' own words
		if i := strings.LastIndex(quoted, ": "); i > len(word) && !strings.ContainsAny(quoted[i:], "\"{}") {
			why = quoted[i:]
		}
		line = strings.Replace(line, quoted, strings.ToLower(word[:1])+word[1:]+why, 1)
	}
	if len(line) > longAnswer {
		line = strings.ToValidUTF8(line[:longAnswer], "") + "…"
	}
	return line
}
