package people

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/server"
)

func TestLogLine(t *testing.T) {
	secret := strings.Repeat("s3cr3t", 100)
	huge := strings.Repeat("h0g3", lineRead)
	c := container{pod: object.ID{Kind: "Pod", Name: "web-1"}, name: "web", hide: redact.NewFilter(redact.Hide(secret), redact.Hide(huge))}
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ reason, said, want string }{
		{"the time stands before the text", "2026-11-27T08:00:00Z ready\n", "ready"},
		{"a value of a Secret", "2026-11-27T08:00:00Z it is " + secret + ".\n", "it is ‹redacted›."},
		{"a long line is cut", "2026-11-27T08:00:00Z " + strings.Repeat("x", 2*lineRead) + "\n", strings.Repeat("x", lineShown) + "…"},
		{"a value that begins where a line is cut", "2026-11-27T08:00:00Z " + strings.Repeat("x", lineShown-10) + secret + strings.Repeat("x", 2*lineRead), strings.Repeat("x", lineShown-10) + "‹redac"},
		{"a value that is longer than what is looked through", "2026-11-27T08:00:00Z it is " + huge + "\n", "it is ‹redacted›"},
		{"such a value begins where a line is cut", "2026-11-27T08:00:00Z " + strings.Repeat("x", lineShown-10) + huge + "\n", strings.Repeat("x", lineShown-10) + "‹redac"},
		{"the stream breaks off in a value", "2026-11-27T08:00:00Z it is " + secret[:50], "it is ‹redacted›"},
		{"what is no text", "2026-11-27T08:00:00Z a\xffb\r\n", "a�b"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			raw, whole, _ := readLine(bufio.NewReaderSize(strings.NewReader(tt.said), lineRead))
			got := c.line(raw, whole)
			if !strings.HasPrefix(got.Text, tt.want) || strings.Contains(got.Text, "s3cr3t") || strings.Contains(got.Text, "h0") || !got.Time.Equal(at) || got.Pod != "web-1" || got.Container != "web" {
				t.Errorf("%.80q … %d bytes at %s", got.Text, len(got.Text), got.Time)
			}
		})
	}
}

// One person has so many streams, however often they log in; everybody together has so many more.
func TestStreamsOfLogsAreBounded(t *testing.T) {
	people := &People{}
	login := func(name, how string) *Person { return &Person{people: people, name: name, how: how} }
	var open []func()
	take := func(p *Person) error {
		release, err := p.stream()
		if err == nil {
			open = append(open, release)
		}
		return err
	}
	for range streamsEach {
		if err := take(login("mallory", server.ByOIDC)); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(login("mallory", server.ByOIDC)); fault.Of(err, fault.Unreachable).Code != server.CodeTooMany {
		t.Errorf("one more by another login: %v", err)
	}
	if err := take(login("mallory", server.ByKubeconfig)); err != nil {
		t.Errorf("who has the name elsewhere is another: %v", err)
	}
	for i := len(open); i < streamsAtMost; i++ {
		if err := take(login(fmt.Sprint("lena-", i), server.ByOIDC)); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(login("zoe", server.ByOIDC)); fault.Of(err, fault.Unreachable).Code != server.CodeTooMany {
		t.Errorf("one more of somebody: %v", err)
	}
	for _, release := range open {
		release()
	}
	if err := take(login("mallory", server.ByOIDC)); err != nil || people.streams.total != 1 || len(people.streams.of) != 1 {
		t.Errorf("when they are closed: %v, %d of %d people", err, people.streams.total, len(people.streams.of))
	}
}

// Who loses the right to a log, or their session, hears no more of it within the half minute, also of one that never pauses. The clock
// is made.
func TestALogEndsWithTheRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithTimeout(t.Context(), 5*time.Minute)
		lines := make(chan server.LogLine)
		go func() {
			for send(ctx, lines, server.LogLine{Text: "and on"}) == nil {
			}
		}()
		begun, told, lost := time.Now(), 0, 45*time.Second
		err := (&Person{}).pass(ctx, lines, func(server.LogLine) error {
			told++
			time.Sleep(time.Millisecond) // the reader takes it
			return nil
		}, func() error {
			if time.Since(begun) < lost {
				return nil
			}
			return mayNot(Verdict{Why: "lena has not get on pods/log"})
		})
		if took := time.Since(begun); !fault.Is(err, fault.Forbidden) || took < lost || took > lost+recheckEvery {
			t.Errorf("after %s: %v", took, err)
		}
		if told < 1000 {
			t.Errorf("%d lines were told before: this shows nothing", told)
		}
		end()
	})
}

func TestSecretsOfAPod(t *testing.T) {
	pods, _, err := object.Parse([]byte(`
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  initContainers: [{name: a, envFrom: [{secretRef: {name: of-env-from}}]}]
  containers: [{name: b, env: [{name: A, valueFrom: {secretKeyRef: {name: of-env, key: a}}}, {name: B, valueFrom: {configMapKeyRef: {name: no-secret, key: a}}}]}]
  volumes: [{name: v, secret: {secretName: of-volume}}, {name: w, projected: {sources: [{secret: {name: of-projected}}]}}]
`), "pod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := secretsIn(pods[0].Fields["spec"]); !slices.Equal(got, []string{"of-env", "of-env-from", "of-projected", "of-volume"}) {
		t.Errorf("%v", got)
	}
}

func TestWhichEventsAreOfAnApp(t *testing.T) {
	app := &v1alpha1.App{}
	app.Namespace, app.Name = "plumb-system", "shop"
	long := strings.Repeat("long-", 10) + "name" // 54 letters: with a hash it is cut
	e := eventful{app: app, names: map[object.ID]bool{}}
	for kind, name := range map[string]string{"Deployment": "web", "CronJob": "night-ly", "StatefulSet": "db", "DaemonSet": "node", "Job": "migrate"} {
		e.names[object.ID{Kind: kind, Namespace: "shop", Name: name}] = true
	}
	e.names[object.ID{Kind: "Deployment", Namespace: "shop", Name: long}] = true
	for _, tt := range []struct {
		reason string
		id     object.ID
		want   bool
	}{
		{"the App itself", object.ID{Kind: "App", Namespace: "plumb-system", Name: "shop"}, true},
		{"another App", object.ID{Kind: "App", Namespace: "plumb-system", Name: "shop-2"}, false},
		{"an object of it", object.ID{Kind: "Deployment", Namespace: "shop", Name: "web"}, true},
		{"a ReplicaSet of its Deployment", object.ID{Kind: "ReplicaSet", Namespace: "shop", Name: "web-7d9f6b5c8d"}, true},
		{"a pod of its Deployment", object.ID{Kind: "Pod", Namespace: "shop", Name: "web-7d9f6b5c8d-x2x9q"}, true},
		{"a pod of its StatefulSet", object.ID{Kind: "Pod", Namespace: "shop", Name: "db-0"}, true},
		{"a pod of its DaemonSet", object.ID{Kind: "Pod", Namespace: "shop", Name: "node-x2x9q"}, true},
		{"a pod of its Job", object.ID{Kind: "Pod", Namespace: "shop", Name: "migrate-x2x9q"}, true},
		{"the Job of its CronJob", object.ID{Kind: "Job", Namespace: "shop", Name: "night-ly-29341441"}, true},
		{"a pod of that Job", object.ID{Kind: "Pod", Namespace: "shop", Name: "night-ly-29341441-x2x9q"}, true},
		{"a pod whose name was cut", object.ID{Kind: "Pod", Namespace: "shop", Name: long + "-7d9" + "x2x9q"}, true},
		{"a pod of somebody else, whose name was cut too", object.ID{Kind: "Pod", Namespace: "shop", Name: "other-" + long[6:] + "-7d9" + "x2x9q"}, false},
		{"a pod of somebody else", object.ID{Kind: "Pod", Namespace: "shop", Name: "webby-7d9f6b5c8d-x2x9q"}, false},
		{"a pod of another Deployment whose name begins with its own", object.ID{Kind: "Pod", Namespace: "shop", Name: "web-admin-7d9f6b5c8d-x2x9q"}, false},
		{"a pod of another StatefulSet whose name does", object.ID{Kind: "Pod", Namespace: "shop", Name: "web-db-0"}, false},
		{"the Job of another CronJob whose name does", object.ID{Kind: "Job", Namespace: "shop", Name: "night-ly-report-29341441"}, false},
		{"a pod of the same name elsewhere", object.ID{Kind: "Pod", Namespace: "pay", Name: "web-7d9f6b5c8d-x2x9q"}, false},
		{"a ConfigMap whose name begins alike", object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "web-settings"}, false},
	} {
		if got := e.concerns(tt.id); got != tt.want {
			t.Errorf("%s: %v", tt.reason, got)
		}
	}
}
