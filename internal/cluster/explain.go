package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Explain turns an error of the API server into a fault that says what it means for this object. The error stays in
// the chain, for IsGone and for apierrors.
func Explain(err error, id object.ID, user string) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		return err
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fault.New(fault.ApplyFailed, "%s: the API server cannot be reached: %w", id, err)
	}
	s := status.Status()
	switch {
	case apierrors.IsConflict(err):
		return conflict(err, s, id)
	case apierrors.IsForbidden(err):
		return forbidden(err, id, user)
	case noSuchPath(err, s):
		return fault.New(fault.ApplyFailed, "%s: the API server does not serve %s where it was told to be: %w", id, id.GroupKind(), err)
	case IsNoNamespace(err, id):
		return fault.New(fault.ApplyFailed, "%s: its namespace %s does not exist: %w", id, id.Namespace, err).
			WithNext("put the Namespace into Git, or take metadata.namespace out: then it goes into the app's own namespace, which is created")
	case apierrors.IsInvalid(err) && immutable(s):
		return fault.New(fault.ImmutableField, "%s: %s: %w", id, immutableFields(s), err).
			WithNext("name the object under replace: in plumb.yaml if it may be deleted and created")
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), s.Code == http.StatusUnprocessableEntity, s.Code == http.StatusUnsupportedMediaType:
		return fault.New(fault.Rejected, "%s: the API server rejects it: %w", id, err)
	}
	return fault.New(fault.ApplyFailed, "%s: %w", id, err)
}

// IsGone tells whether the API server says that the object does not exist. Another 404 is not that: a path that is not
// served, or something on the way to the API server, says nothing about an object.
func IsGone(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) && !noSuchPath(err, status.Status())
}

// IsUnserved tells whether an error says that the kind is not served, or not yet: of an object that says nothing.
func IsUnserved(err error) bool {
	var status apierrors.APIStatus
	return fault.Is(err, fault.KindUnknown) || errors.As(err, &status) && noSuchPath(err, status.Status())
}

// IsNoNamespace tells whether an error says that the namespace of an object does not exist.
func IsNoNamespace(err error, id object.ID) bool {
	var status apierrors.APIStatus
	if id.Namespace == "" || !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "namespaces"
}

// IsOther tells whether an error says that the object is not the one, or not of the version, that was asked for.
func IsOther(err error) bool {
	return apierrors.IsConflict(err) && len(ConflictManagers(err)) == 0
}

// noSuchPath tells whether a 404 has no Status of the API server in it: client-go marks those that it had to make up.
func noSuchPath(err error, s metav1.Status) bool {
	return apierrors.IsNotFound(err) && (s.Details == nil ||
		slices.ContainsFunc(s.Details.Causes, func(c metav1.StatusCause) bool { return c.Type == metav1.CauseTypeUnexpectedServerResponse }))
}

// ConflictManagers gives the field managers that a server-side apply conflicted with.
func ConflictManagers(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	seen := map[string]bool{}
	var managers []string
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		// the message is: conflict with "NAME" [with subresource "S"] [using VERSION] [at TIME]
		_, rest, ok := strings.Cut(cause.Message, `conflict with "`)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, `"`)
		if !seen[name] {
			seen[name] = true
			managers = append(managers, name)
		}
	}
	return managers
}

func conflict(err error, s metav1.Status, id object.ID) error {
	managers := ConflictManagers(err)
	if len(managers) == 0 {
		return fault.New(fault.ApplyFailed, "%s: it changed meanwhile: %w", id, err)
	}
	return fault.New(fault.OwnedByOther, "%s: fields are owned by %s: %w", id, strings.Join(managers, ", "), err)
}

func forbidden(err error, id object.ID, user string) error {
	namespace, name, isServiceAccount := serviceAccount(user)
	if !isServiceAccount {
		return fault.New(fault.Forbidden, "%s: %w", id, err)
	}
	return fault.New(fault.Forbidden, "%s: ServiceAccount %s/%s may not do that: %w", id, namespace, name, err).
		WithNext("grant it the right, for example by a RoleBinding for ServiceAccount %s in namespace %s", name, namespace)
}

func serviceAccount(user string) (namespace, name string, ok bool) {
	rest, ok := strings.CutPrefix(user, "system:serviceaccount:")
	if !ok {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	return namespace, name, ok
}

// MissingServiceAccount is the fault of an App whose ServiceAccount does not exist, with the two commands that make it and let
// it write where the app's objects go: into the namespace target.
func MissingServiceAccount(namespace, name, target string) *fault.Fault {
	return fault.New(fault.ServiceAccountMissing, "ServiceAccount %s/%s does not exist", namespace, name).
		WithNext("kubectl -n %[1]s create serviceaccount %[2]s && kubectl -n %[3]s create rolebinding %[2]s --clusterrole=edit --serviceaccount=%[1]s:%[2]s", namespace, name, target)
}

func immutable(s metav1.Status) bool {
	if s.Details == nil {
		return strings.Contains(s.Message, "immutable")
	}
	for _, cause := range s.Details.Causes {
		if immutableText(cause.Message) {
			return true
		}
	}
	return immutableText(s.Message)
}

// unchangeable are the words in which API servers say that a field cannot be changed: k8s.io/apimachinery ("field is
// immutable"), validation of Services ("may not change once set"), roleRefs ("cannot change roleRef"), StorageClasses
// ("updates to provisioner are forbidden"), PriorityClasses ("may not be changed in an update"), StatefulSets, Pods, claims,
// volumes, and the rules that people write for their own kinds.
var unchangeable = regexp.MustCompile(`(?i)\bimmutable\b|\b(may|must|can) ?not (be )?change|updates to \S+ (spec for fields other than|are forbidden)`)

var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// immutableText looks for those words outside of what is quoted, which is the user's.
func immutableText(text string) bool {
	return unchangeable.MatchString(quoted.ReplaceAllString(text, ""))
}

func immutableFields(s metav1.Status) string {
	if s.Details == nil {
		return "a field cannot be changed"
	}
	var fields []string
	for _, cause := range s.Details.Causes {
		if cause.Field != "" && immutableText(cause.Message) && !slices.Contains(fields, cause.Field) {
			fields = append(fields, cause.Field)
		}
	}
	if len(fields) == 0 {
		return "a field cannot be changed"
	}
	return fmt.Sprintf("%s cannot be changed", strings.Join(fields, ", "))
}
