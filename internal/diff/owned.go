package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/object"
)

// Owned gives a digest of our own Apply entry: manager, version, fields and time. While it stays the same, applying the
// same object again would write nothing (measured, DESIGN §2.3). "" if there is no entry of ours.
func Owned(entries []metav1.ManagedFieldsEntry, manager string) string {
	e := own(entries, manager)
	if e == nil || e.FieldsV1 == nil {
		return ""
	}
	h := sha256.New()
	h.Write([]byte(e.APIVersion + "\n"))
	if e.Time != nil {
		h.Write([]byte(e.Time.UTC().Format(time.RFC3339)))
	}
	h.Write([]byte("\n"))
	h.Write(sorted(e.FieldsV1.GetRawBytes()))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sorted gives the fields with their keys in order. API servers do not promise one: the answer to an apply may list the
// entries of a keyed list (two ports of a Service) in another order than a watch of the same object does.
func sorted(raw []byte) []byte {
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return raw
	}
	return object.Canonical(fields)
}

// AddedDigest tells that people's tools own fields beside ours, and which tools: "kubectl-edit,k9s#hash". "" if none do,
// which costs no more than a look at the names. It does not know Git: what was changed, not added, counts too.
func AddedDigest(entries []metav1.ManagedFieldsEntry, manager string) string {
	if !slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return byPerson(e, manager) }) {
		return ""
	}
	added := Foreign(object.Object{}, entries, manager)
	if len(added) == 0 {
		return ""
	}
	h := sha256.New()
	var managers []string
	for _, a := range added {
		h.Write([]byte(a.Manager + " " + a.Path.String() + "\n"))
		managers = append(managers, a.Manager)
	}
	slices.Sort(managers)
	return strings.Join(slices.Compact(managers), ",") + "#" + hex.EncodeToString(h.Sum(nil)[:8])
}

// AddedManagers gives the names of the tools in an AddedDigest, separated by commas.
func AddedManagers(digest string) string {
	names, _, _ := strings.Cut(digest, "#")
	return names
}
