package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

const objectsPerApp = 10

// fleet is a monorepo served over smart HTTP, and a clone to push from.
type fleet struct {
	url    string
	clone  string
	server *http.Server
	hook   atomic.Value // string: where the webhook goes
}

func appName(i int) string { return fmt.Sprintf("app%04d", i) }

// manifest gives object k of an app: a Deployment of 0 replicas, a Service, or one of 8 ConfigMaps of 1 kB.
func manifest(k int) (schema.GroupVersionResource, map[string]any) {
	labels := map[string]any{"app": "app"}
	switch k {
	case 0:
		o := object("apps/v1", "Deployment", "app")
		o["spec"] = map[string]any{
			"replicas": 0, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "nginx:1"}}},
			},
		}
		return deployments, o
	case 1:
		o := object("v1", "Service", "app")
		o["spec"] = map[string]any{"selector": labels, "ports": []any{map[string]any{"port": 80}}}
		return services, o
	}
	o := object("v1", "ConfigMap", fmt.Sprintf("settings-%d", k-2))
	o["data"] = map[string]any{"value": "0", "fill": strings.Repeat("x", 1000)}
	return configMaps, o
}

func newFleet(dir string, n int) (*fleet, error) {
	f := &fleet{clone: filepath.Join(dir, "clone")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"init", "-q", "--bare", "-b", "main", filepath.Join(dir, "served", "fleet.git")},
		{"-C", filepath.Join(dir, "served", "fleet.git"), "config", "http.receivepack", "true"},
		{"init", "-q", "-b", "main", f.clone},
	} {
		if err := git("", args...); err != nil {
			return nil, err
		}
	}
	for i := range n {
		if err := writeApp(filepath.Join(f.clone, "apps", appName(i))); err != nil {
			return nil, err
		}
	}
	if err := f.serve(filepath.Join(dir, "served")); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"config", "user.name", "bench"}, {"config", "user.email", "bench@example.com"}, {"config", "gc.auto", "0"},
		{"remote", "add", "origin", f.url}, {"add", "."}, {"commit", "-q", "-m", "the fleet"}, {"push", "-q", "origin", "main"},
	} {
		if err := git(f.clone, args...); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func writeApp(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	resources := []any{}
	for k := range objectsPerApp {
		_, o := manifest(k)
		name := fmt.Sprintf("%s-%d.yaml", strings.ToLower(o["kind"].(string)), k)
		if err := writeYAML(filepath.Join(dir, name), o); err != nil {
			return err
		}
		resources = append(resources, name)
	}
	return writeYAML(filepath.Join(dir, "kustomization.yaml"), map[string]any{
		"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources,
	})
}

func writeYAML(file string, o map[string]any) error {
	data, err := yaml.Marshal(o)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// change sets the value of an app's first ConfigMap and commits it. It does not push.
func (f *fleet) change(i int, value string) error {
	_, o := manifest(2)
	o["data"].(map[string]any)["value"] = value
	if err := writeYAML(filepath.Join(f.clone, "apps", appName(i), "configmap-2.yaml"), o); err != nil {
		return err
	}
	return git(f.clone, "commit", "-q", "-a", "-m", "change "+appName(i))
}

func (f *fleet) push() error { return git(f.clone, "push", "-q", "origin", "main") }

// serve answers Git's smart HTTP protocol on loopback and sends the signed webhook after each push.
func (f *fleet) serve(root string) error {
	backend, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return err
	}
	handler := &cgi.Handler{
		Path:       filepath.Join(strings.TrimSpace(string(backend)), "git-http-backend"),
		Env:        []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bench"},
		InheritEnv: []string{"PATH"},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.url = "http://" + listener.Addr().String() + "/fleet.git"
	f.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "git-receive-pack") {
			go f.deliver()
		}
	})}
	go f.server.Serve(listener)
	return nil
}

func (f *fleet) deliver() {
	to, _ := f.hook.Load().(string)
	if to == "" {
		return
	}
	body := `{"ref":"refs/heads/main"}`
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(body))
	req, err := http.NewRequest(http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("X-Plumb-Signature-256", hex.EncodeToString(mac.Sum(nil)))
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
}

func (f *fleet) close() { f.server.Close() }

func git(dir string, args ...string) error {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
