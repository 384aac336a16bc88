package render_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"plumb.dev/plumb/internal/render"
)

func benchmark(b *testing.B, req render.Request, objects int) {
	r := newRenderer(b, render.Options{})
	for b.Loop() {
		m, err := r.Render(context.Background(), req)
		if err != nil || len(m.Objects) != objects {
			b.Fatal(err, len(m.Objects))
		}
	}
	memory(b, r)
}

// memory reports what the children hold, in MiB: now, at most, and how much of it is their own.
func memory(b *testing.B, r *render.Renderer) {
	for _, pid := range r.Pids() {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(status)) {
			var kib float64
			for key, unit := range map[string]string{"VmRSS:": "rss-MiB", "VmHWM:": "peak-MiB", "RssAnon:": "anon-MiB"} {
				if n, _ := fmt.Sscanf(line, key+" %f", &kib); n == 1 {
					b.ReportMetric(kib/1024, unit)
				}
			}
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	files := kustomizeApp()
	delete(files, "app/kustomization.yaml")
	benchmark(b, render.Request{Sources: map[string]render.Source{"": {FS: files}}, Path: "app"}, 10)
}

func BenchmarkKustomize(b *testing.B) {
	benchmark(b, render.Request{Sources: map[string]render.Source{"": {FS: kustomizeApp()}}, Path: "app"}, 10)
}

// BenchmarkOverlay has what upstream needs its schema for: a namespace, labels, images and a strategic merge.
func BenchmarkOverlay(b *testing.B) {
	files := kustomizeApp()
	for name, text := range map[string]string{
		"prod/kustomization.yaml": "resources: [../app]\nnamespace: prod\nlabels: [{pairs: {team: a}, includeSelectors: true}]\nimages: [{name: example.com/web, newTag: v2}]\npatches: [{path: p.yaml}]\n",
		"prod/p.yaml":             "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, env: [{name: A, value: b}]}]}}}\n",
	} {
		files[name] = tree(map[string]string{name: text})[name]
	}
	benchmark(b, render.Request{Sources: map[string]render.Source{"": {FS: files}}, Path: "prod"}, 10)
}

func BenchmarkHelm(b *testing.B) {
	files := chart("")
	files["app/templates/_h.tpl"] = `{{ define "labels" }}app: {{ .Release.Name }}{{ end }}`
	for i := range 20 {
		files[fmt.Sprintf("app/templates/%d.yaml", i)] = fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-%d\n  labels:\n    {{- include \"labels\" . | nindent 4 }}\ndata:\n  x: {{ .Values.x | default \"y\" | quote }}\n", i)
	}
	benchmark(b, request(files), 20)
}

// BenchmarkFleet renders 200 apps, as at a first start.
func BenchmarkFleet(b *testing.B) {
	r := newRenderer(b, render.Options{})
	req := render.Request{Sources: map[string]render.Source{"": {FS: kustomizeApp()}}, Path: "app"}
	for b.Loop() {
		var wait sync.WaitGroup
		for range 200 {
			wait.Go(func() {
				if _, err := r.Render(context.Background(), req); err != nil {
					b.Error(err)
				}
			})
		}
		wait.Wait()
	}
	memory(b, r)
}
