package traces

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"plumb.dev/plumb/internal/fault"
)

func TestWanted(t *testing.T) {
	for _, row := range []struct {
		reason string
		env    map[string]string
		want   bool
		fault  fault.Reason
	}{
		{"nobody asks", nil, false, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, true, ""},
		{"an endpoint for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, true, ""},
		{"the default endpoint", map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		{"switched off", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, false, ""},
		{"metrics only", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, false, ""},
		{"another exporter", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, fault.Unsupported},
		{"another protocol", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, fault.Unsupported},
		{"the protocol of traces wins", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, true, ""},
	} {
		got, err := wanted(func(name string) string { return row.env[name] })
		if got != row.want || (row.fault == "") != (err == nil) || row.fault != "" && !fault.Is(err, row.fault) {
			t.Errorf("%s: %v %v", row.reason, got, err)
		}
	}
}

func recorded(t *testing.T) (*Traces, *tracetest.InMemoryExporter) {
	t.Helper()
	out := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(out), sdktrace.WithIDGenerator(ids{}))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return &Traces{provider: provider, tracer: provider.Tracer(scope)}, out
}

// What two processes do for the same commit is in one trace, below one root, which is sent once.
func TestOneTracePerCommit(t *testing.T) {
	traces, out := recorded(t)
	at := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	first := traces.Commit("https://git.example.com/fleet.git", "9f31c2a", at, true)
	first.Hold()
	app := first.Begin("app", at, "app", "plumb-system/web", "changed", 3)
	app.Begin("render", at).End(at.Add(time.Second), fault.New(fault.RenderFailed, "password: hunter2"))
	app.End(at.Add(2*time.Second), nil)
	first.Release()
	if n := len(out.GetSpans()); n != 2 {
		t.Fatalf("the root ended while somebody held it: %d spans", n)
	}
	first.Release()
	again := traces.Commit("https://git.example.com/fleet.git", "9f31c2a", at, false)
	again.Begin("app", at).End(at, nil)
	again.Release()

	spans := out.GetSpans()
	id, root := TraceOf("https://git.example.com/fleet.git", "9f31c2a")
	roots := 0
	for _, span := range spans {
		if span.SpanContext.TraceID() != id {
			t.Errorf("%s is in the trace %s, want %s", span.Name, span.SpanContext.TraceID(), id)
		}
		switch span.Name {
		case "commit":
			roots++
			if span.SpanContext.SpanID() != root || span.Parent.IsValid() {
				t.Errorf("the root is %s below %s", span.SpanContext.SpanID(), span.Parent.SpanID())
			}
		case "app":
			if span.Parent.SpanID() != root {
				t.Errorf("an app is below %s", span.Parent.SpanID())
			}
		case "render":
			if span.Status.Code != codes.Error || span.Status.Description != "RenderFailed" || len(span.Attributes) != 1 ||
				span.Attributes[0] != attribute.String("reason", "RenderFailed") || span.EndTime.Sub(span.StartTime) != time.Second {
				t.Errorf("a failed render tells %+v %v, took %s", span.Status, span.Attributes, span.EndTime.Sub(span.StartTime))
			}
		}
	}
	if len(spans) != 4 || roots != 1 {
		t.Errorf("%d spans, %d roots", len(spans), roots)
	}
	if other, _ := TraceOf("https://git.example.com/other.git", "9f31c2a"); other == id {
		t.Error("a fork has the same trace")
	}
}

// Without traces nothing is made, and nobody has to ask.
func TestNoTraces(t *testing.T) {
	var none *Traces
	if n := testing.AllocsPerRun(100, func() {
		c := none.Commit("a", "b", time.Time{}, true)
		c.Hold()
		c.Set("ref", "refs/heads/main")
		c.Begin("fetch", time.Time{}).End(time.Time{}, nil)
		c.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := none.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
