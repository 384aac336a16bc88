package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// controller is how Events name who reports them.
const controller = "plumb.dev/agent"

// noteLimit is the most bytes of a message that the API server takes in an Event.
const noteLimit = 1024

// Subject is the object that an Event is about.
type Subject struct {
	Kind, Namespace, Name string
	UID                   types.UID
}

// Happening is what an Event tells.
type Happening struct {
	Reason  string
	Message string
	Warning bool
	Key     string // two happenings of the same key are one
}

// Tell writes an Event. The name is made of its key, so that the same happening is told once for as long as the API server
// keeps Events (an hour), whoever tells it and however often the agent starts.
func (l *Ledger) Tell(ctx context.Context, about Subject, what Happening) error {
	kind := corev1.EventTypeNormal
	if what.Warning {
		kind = corev1.EventTypeWarning
	}
	host, _ := os.Hostname()
	digest := object.DigestBytes([]byte(string(about.UID) + "\n" + what.Key))
	event := eventsv1.Event{
		TypeMeta:   metav1.TypeMeta{APIVersion: "events.k8s.io/v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{Namespace: about.Namespace, Name: eventName(about.Name, digest)},
		EventTime:  metav1.NowMicro(), ReportingController: controller, ReportingInstance: clipped(orWord(host, "plumb"), 128),
		Action: "Deliver", Reason: what.Reason, Note: clipped(what.Message, noteLimit), Type: kind,
		Regarding: corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: about.Kind, Namespace: about.Namespace, Name: about.Name, UID: about.UID,
		},
	}
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	err = l.rest.Post().AbsPath("/apis/events.k8s.io/v1", "namespaces", about.Namespace, "events").
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("tell of %s %s/%s: %w", about.Kind, about.Namespace, about.Name, err)
	}
	return nil
}

// eventName is a name that the API server takes: that of the object, shortened, and part of a digest.
func eventName(name, digest string) string {
	return clipped(name, 200) + "." + digest[len("sha256:"):][:16]
}

// clipped cuts a text at n bytes, between two characters.
func clipped(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n]
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
