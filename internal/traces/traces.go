// Package traces tells an OpenTelemetry collector how a commit went through the stages: one trace per commit, from the moment
// that it was seen until all that it changed is healthy.
//
// The trace of a commit has an identifier that everybody can compute (TraceOf), so that what different passes, and different
// processes, do for the same commit is in one trace, and a pipeline can add its own. Whether there are traces, and where they
// go, the standard variables OTEL_* say; without them Open gives nil, whose methods do nothing and cost nothing. It never
// blocks who is traced, never fails them, and never sends a value of a manifest: names, counts, times and reasons only.
//
// Start at Open, Traces.Commit and Span.
package traces

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"plumb.dev/plumb/internal/fault"
)

// scope names who makes the spans.
const scope = "plumb.dev/plumb"

// Traces makes traces. A nil *Traces makes none.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// Open begins to trace if the environment asks for it: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is
// set, or OTEL_TRACES_EXPORTER is otlp; and OTEL_SDK_DISABLED is not true. If not it gives nil. The other standard variables
// hold too. failed is told, now and then, that spans were lost.
//
// Errors: Unsupported for an exporter or a protocol that is not OTLP over HTTP.
func Open(ctx context.Context, version string, failed func(error)) (*Traces, error) {
	if on, err := wanted(os.Getenv); !on || err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fault.New(fault.InvalidSettings, "traces cannot be sent: %w", err).WithNext("correct OTEL_EXPORTER_OTLP_ENDPOINT, or remove it")
	}
	host, _ := os.Hostname()
	who, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "plumb-agent"), attribute.String("service.version", version),
		attribute.String("service.instance.id", fmt.Sprintf("%s_%d", host, os.Getpid())),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fault.New(fault.InvalidSettings, "traces cannot be sent: %w", err).WithNext("correct OTEL_RESOURCE_ATTRIBUTES")
	}
	otel.SetErrorHandler(&seldom{tell: failed})
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithIDGenerator(ids{}), sdktrace.WithResource(who))
	return &Traces{provider: provider, tracer: provider.Tracer(scope)}, nil
}

// wanted tells whether the environment asks for traces that can be made.
func wanted(env func(string) string) (bool, error) {
	exporter := env("OTEL_TRACES_EXPORTER")
	endpoint := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") + env("OTEL_EXPORTER_OTLP_ENDPOINT")
	switch {
	case strings.EqualFold(env("OTEL_SDK_DISABLED"), "true"), exporter == "none", exporter == "" && endpoint == "":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, fault.New(fault.Unsupported, "traces cannot be sent by OTEL_TRACES_EXPORTER=%s", exporter).WithNext("use otlp")
	}
	protocol := env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = env("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	if protocol != "" && protocol != "http/protobuf" {
		return false, fault.New(fault.Unsupported, "traces cannot be sent by the protocol %s", protocol).
			WithNext("set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf, and the endpoint to the collector's port for it, often 4318")
	}
	return true, nil
}

// seldom tells at most one error in five minutes: a collector that is away is not news every five seconds.
type seldom struct {
	tell func(error)
	mu   sync.Mutex
	last time.Time
}

// Handle takes in an error.
func (s *seldom) Handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.last) >= 5*time.Minute {
		s.last = now
		s.tell(err)
	}
}

// Close sends what is left, for as long as ctx allows.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// TraceOf gives the identifiers of the trace of a commit and of its root span: the first 16 and the next 8 bytes of the SHA-256 of
// "plumb", the address of the repository without credentials, and the commit id, each on a line.
func TraceOf(repository, revision string) (trace.TraceID, trace.SpanID) {
	sum := sha256.Sum256([]byte("plumb\n" + repository + "\n" + revision + "\n"))
	return trace.TraceID(sum[:16]), trace.SpanID(sum[16:24])
}

// root is how the identifiers of a root span reach the generator.
type root struct {
	trace trace.TraceID
	span  trace.SpanID
}

type rootKey struct{}

// ids makes identifiers: those of a root from its commit, the others at random.
type ids struct{}

// NewIDs gives those of a root.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if r, ok := ctx.Value(rootKey{}).(root); ok {
		return r.trace, r.span
	}
	var id trace.TraceID
	_, _ = rand.Read(id[:])
	return id, ids{}.NewSpanID(ctx, id)
}

// NewSpanID gives that of another span.
func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	_, _ = rand.Read(id[:])
	return id
}

// Commit is the root of the trace of a commit, for as long as somebody holds it.
type Commit struct {
	root  *Span // not embedded: the methods of a nil *Commit do nothing
	fresh bool  // nobody has seen the commit before: its root is sent

	mu      sync.Mutex
	holders int
}

// Commit begins the trace of a commit that was just seen. Only where it is fresh is the root span sent, when the last holder
// lets go of it: an agent that starts again sees a commit that it has told of.
func (t *Traces) Commit(repository, revision string, seen time.Time, fresh bool) *Commit {
	if t == nil {
		return nil
	}
	r := root{}
	r.trace, r.span = TraceOf(repository, revision)
	ctx, span := t.tracer.Start(context.WithValue(context.Background(), rootKey{}, r), "commit", trace.WithNewRoot(), trace.WithTimestamp(seen),
		trace.WithAttributes(attribute.String("repository", repository), attribute.String("revision", revision)))
	return &Commit{root: &Span{tracer: t.tracer, ctx: ctx, span: span}, fresh: fresh, holders: 1}
}

// Hold keeps the root span open until Release.
func (c *Commit) Hold() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holders++
}

// Release lets go of the commit. The last one who does ends the root span.
func (c *Commit) Release() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.holders--
	last := c.holders == 0
	c.mu.Unlock()
	if last && c.fresh {
		c.root.End(time.Now(), nil)
	}
}

// Begin begins a span below the root.
func (c *Commit) Begin(name string, at time.Time, fields ...any) *Span {
	if c == nil {
		return nil
	}
	return c.root.Begin(name, at, fields...)
}

// Set adds fields to the root span.
func (c *Commit) Set(fields ...any) {
	if c != nil {
		c.root.Set(fields...)
	}
}

// Span is a part of a trace. The methods of a nil *Span do nothing.
type Span struct {
	tracer trace.Tracer
	ctx    context.Context
	span   trace.Span
}

// Begin begins a span below this one. Fields are names and values in turn, as in a log; see Set.
func (s *Span) Begin(name string, at time.Time, fields ...any) *Span {
	if s == nil {
		return nil
	}
	ctx, span := s.tracer.Start(s.ctx, name, trace.WithTimestamp(at))
	below := &Span{tracer: s.tracer, ctx: ctx, span: span}
	below.Set(fields...)
	return below
}

// Set adds fields: strings, whole numbers, booleans; anything else as it is printed.
func (s *Span) Set(fields ...any) {
	if s == nil {
		return
	}
	for i := 0; i+1 < len(fields); i += 2 {
		s.span.SetAttributes(field(fmt.Sprint(fields[i]), fields[i+1]))
	}
}

func field(name string, value any) attribute.KeyValue {
	switch v := value.(type) {
	case string:
		return attribute.String(name, v)
	case int:
		return attribute.Int(name, v)
	case bool:
		return attribute.Bool(name, v)
	}
	return attribute.String(name, fmt.Sprint(value))
}

// End ends the span. Of an error only the reason is told: what it says may quote a manifest.
func (s *Span) End(at time.Time, err error, fields ...any) {
	if s == nil {
		return
	}
	s.Set(fields...)
	if err != nil {
		reason := string(fault.Of(err, fault.ApplyFailed).Reason)
		s.span.SetAttributes(attribute.String("reason", reason))
		s.span.SetStatus(codes.Error, reason)
	}
	s.span.End(trace.WithTimestamp(at))
}
