package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

// operation is a route of the API: what the OpenAPI document says about it, and its handler, are made of the same types.
type operation struct {
	id, summary string
	register    func(huma.API, huma.Operation)
}

// reply is a body.
type reply[T any] struct{ Body T }

// op makes an operation of a function from what is asked to what is answered. An error is answered as a Refusal.
func op[I, O any](id, summary string, answer func(context.Context, *I) (O, error)) *operation {
	return &operation{id, summary, func(api huma.API, about huma.Operation) {
		huma.Register(api, about, func(ctx context.Context, in *I) (*reply[O], error) {
			out, err := answer(ctx, in)
			if err != nil {
				return nil, refusalOf(err)
			}
			return &reply[O]{out}, nil
		})
	}}
}

// join puts an operation into the document, and gives its route the handler unless that has its own.
func (o *operation) join(d *description, r *route) {
	about := huma.Operation{
		OperationID: o.id, Summary: o.summary, Method: r.method, Path: strings.TrimPrefix(r.pattern, apiPath),
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, MaxBodyBytes: 64 << 10,
	}
	o.register(d.api, about)
	if r.handle == nil {
		r.handle = compressed(d.last)
	}
}

// description is the API on its way into the table of routes: huma hands every handler to it.
type description struct {
	api  huma.API
	last http.HandlerFunc
}

// HandleFunc takes a handler from huma.
func (d *description) HandleFunc(_ string, handler func(http.ResponseWriter, *http.Request)) {
	d.last = handler
}

// ServeHTTP serves nothing: the table of routes does.
func (d *description) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func newDescription() *description {
	d := &description{}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "plumb", Version: "v1alpha1", Description: "What the page reads and does. Everything is over what the person who asks may see and do."},
			Servers: []*huma.Server{{URL: apiPath}},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}},
			},
			Security: []map[string][]string{{"bearer": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": {Marshal: writeJSON, Unmarshal: json.Unmarshal}},
		DefaultFormat: "application/json",
	}
	for from, to := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[metav1.Time]():         reflect.TypeFor[time.Time](),
		reflect.TypeFor[metav1.MicroTime]():    reflect.TypeFor[time.Time](),
		reflect.TypeFor[report.PublicObject](): reflect.TypeFor[report.ObjectDiff](),
	} {
		config.Components.Schemas.RegisterTypeAlias(from, to)
	}
	d.api = humago.New(d, config)
	return d
}

// inline puts the fields of embedded structs where encoding/json puts them: huma does not know the tag ",inline", which types of
// Kubernetes bear.
func (d *description) inline() {
	shapes := d.api.OpenAPI().Components.Schemas
	for name, shape := range shapes.Map() {
		t := shapes.TypeFromRef("#/components/schemas/" + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for i := range t.NumField() {
			f := t.Field(i)
			inner := shape.Properties[f.Name]
			if !f.Anonymous || inner == nil || f.Tag.Get("json") != ",inline" {
				continue
			}
			delete(shape.Properties, f.Name)
			shape.Required = slices.DeleteFunc(shape.Required, func(name string) bool { return name == f.Name })
			if inner.Ref != "" {
				inner = shapes.SchemaFromRef(inner.Ref)
			}
			maps.Copy(shape.Properties, inner.Properties)
			shape.Required = append(shape.Required, inner.Required...)
		}
	}
}

// text gives the OpenAPI document.
func (d *description) text() []byte {
	d.inline()
	var out bytes.Buffer
	data, err := json.Marshal(d.api.OpenAPI())
	if err == nil {
		err = json.Indent(&out, data, "", " ")
	}
	if err != nil {
		panic("server: the OpenAPI document cannot be written: " + err.Error())
	}
	return append(out.Bytes(), '\n')
}

// writeJSON writes a body; one that knows how to is left to it.
func writeJSON(w io.Writer, v any) error {
	if own, ok := v.(interface{ WriteJSON(io.Writer) error }); ok {
		return own.WriteJSON(w)
	}
	return huma.DefaultJSONFormat.Marshal(w, v)
}

func (s *server) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.openapi) // the reader is gone if this fails
}

// Refusal is what the API answers in place of what was asked for: a Fault with a status.
type Refusal struct {
	fault.Fault
	status int
}

// GetStatus gives the status of the answer.
func (r *Refusal) GetStatus() int { return r.status }

// Unwrap leads to the Fault.
func (r *Refusal) Unwrap() error { return &r.Fault }

func refusalOf(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	f := fault.Of(err, fault.Unreachable)
	return &Refusal{*f, statusOf(f)}
}

func init() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, causes ...error) huma.StatusError {
		if status == http.StatusUnprocessableEntity {
			status = http.StatusBadRequest
		}
		for _, cause := range causes {
			if cause != nil {
				message += "; " + report.Clean(cause.Error())
			}
		}
		return &Refusal{*fault.New(fault.InvalidQuery, "%s", message).WithNext("%s/openapi.json says what may be asked", apiPath), status}
	}
}

// compressed answers with gzip whoever takes it.
func compressed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !takesGzip(r) {
			next(w, r)
			return
		}
		z := &zipped{ResponseWriter: w}
		defer z.end()
		next(z, r)
	}
}

func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(quality, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// zipped compresses what is written.
type zipped struct {
	http.ResponseWriter
	gz *gzip.Writer
}

func (z *zipped) WriteHeader(status int) {
	if z.gz == nil && status != http.StatusNoContent {
		z.Header().Set("Content-Encoding", "gzip")
		z.Header().Del("Content-Length")
		z.gz, _ = gzip.NewWriterLevel(z.ResponseWriter, gzip.BestSpeed)
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *zipped) Write(data []byte) (int, error) {
	if z.gz == nil {
		z.WriteHeader(http.StatusOK)
	}
	return z.gz.Write(data)
}

func (z *zipped) end() {
	if z.gz != nil {
		_ = z.gz.Close() // the reader is gone if this fails
	}
}

var _ io.Writer = (*zipped)(nil)

// eventSchema gives the shapes of the data of events.
func eventSchema(shapes huma.Registry) *huma.Schema {
	one := &huma.Schema{}
	for _, t := range []reflect.Type{reflect.TypeFor[AppsEvent](), reflect.TypeFor[ReposEvent](), reflect.TypeFor[NewsEvent](), reflect.TypeFor[BeatEvent]()} {
		one.OneOf = append(one.OneOf, shapes.Schema(t, true, ""))
	}
	return one
}
