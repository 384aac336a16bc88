package chart_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/fault"
)

func files(list map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, text := range list {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

const needs = `apiVersion: v2
name: app
version: 1.0.0
dependencies:
- name: redis
  version: 1.x
  repository: https://charts.example.com/
  condition: redis.enabled
- name: common
  version: ">=0.1"
  repository: file://../../libs/common
- name: local
  version: 1.0.0
`

func TestMissing(t *testing.T) {
	common := "apiVersion: v2\nname: common\nversion: 0.2.0\n"
	with := func(more map[string]string) fstest.MapFS {
		all := map[string]string{"apps/app/Chart.yaml": needs, "libs/common/Chart.yaml": common}
		for name, text := range more {
			all[name] = text
		}
		return files(all)
	}
	for _, row := range []struct {
		reason string
		tree   fstest.MapFS
		want   string
	}{
		{"without a lock: the range; a chart of the tree is a folder; without a repository it has to be there", with(nil), "redis 1.x :5, libs/common :9"},
		{"an archive in charts/ is there", with(map[string]string{"apps/app/charts/redis-1.4.0.tgz": "x"}), "libs/common :9"},
		{"one of another chart is not it", with(map[string]string{"apps/app/charts/redis-cluster-1.4.0.tgz": "x"}), "redis 1.x :5, libs/common :9"},
		{"a folder in charts/ is there, whatever it is called", with(map[string]string{"apps/app/charts/r/Chart.yaml": "name: redis\nversion: 1.0.0\n"}), "libs/common :9"},
		{"the first version of Helm had a file of its own", files(map[string]string{
			"apps/app/Chart.yaml": "apiVersion: v1\nname: app\nversion: 1.0.0\n", "apps/app/requirements.yaml": "dependencies:\n- name: redis\n  version: 1.x\n  repository: https://charts.example.com\n",
		}), "redis 1.x :2"},
		{"no dependencies", files(map[string]string{"apps/app/Chart.yaml": common}), ""},
		{"no chart: whoever renders says so", files(map[string]string{"apps/app/Chart.yaml": "{"}), ""},
	} {
		list, err := chart.Missing(row.tree, "apps/app")
		if err != nil {
			t.Errorf("%s: %v", row.reason, err)
		}
		var got []string
		for _, d := range list {
			word := d.Folder
			if word == "" {
				word = d.Ref.String()
			}
			got = append(got, fmt.Sprintf("%s :%d", word, d.Place.Line))
		}
		if strings.Join(got, ", ") != row.want {
			t.Errorf("%s: got %v, want %s", row.reason, got, row.want)
		}
	}
}

func TestMissingRefuses(t *testing.T) {
	one := func(repository, version string) string {
		return "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- name: redis\n  version: " + version + "\n  repository: \"" + repository + "\"\n"
	}
	for _, row := range []struct {
		name, chart string
		reason      fault.Reason
		says        string
	}{
		{"a name of somebody's Helm", one("@stable", "1.x"), fault.InvalidSettings, "own Helm configuration"},
		{"a folder outside", one("file://../../../etc", "1.x"), fault.PathEscape, "outside"},
		{"an absolute folder", one("file:///etc", "1.x"), fault.PathEscape, "outside"},
		{"a folder that is no chart", one("file://../other", "1.x"), fault.PathNotFound, "no chart redis in apps/other"},
		{"a folder of another version", one("file://../redis", "2.x"), fault.RenderFailed, "has version 1.0.0, the dependency wants 2.x"},
		{"a password in an address", one("https://me:hunter22@charts.example.com", "1.x"), fault.UnsafeURL, "user name"},
		{"a version that is none", one("https://charts.example.com", "latest"), fault.InvalidSettings, "neither a version nor a range"},
	} {
		tree := files(map[string]string{"apps/app/Chart.yaml": row.chart, "apps/redis/Chart.yaml": "name: redis\nversion: 1.0.0\n"})
		_, err := chart.Missing(tree, "apps/app")
		f := fault.Of(err, "")
		if err == nil || f.Reason != row.reason || !strings.Contains(f.Message, row.says) || strings.Contains(f.Error(), "hunter22") || f.Place.Line != 5 {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	lock := "dependencies:\n- name: redis\n  repository: https://charts.example.com\n  version: 1.4.2\ndigest: %s\ngenerated: \"2026-11-26T15:00:00Z\"\n"
	tree := files(map[string]string{"apps/app/Chart.yaml": one("https://charts.example.com", "1.x"), "apps/app/Chart.lock": fmt.Sprintf(lock, "sha256:0123")})
	if _, err := chart.Missing(tree, "apps/app"); err == nil || !strings.Contains(err.Error(), "Chart.lock does not fit Chart.yaml") {
		t.Errorf("a lock of another Chart.yaml: %v", err)
	}
}
