package chart

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// offered is one version of a chart as an index.yaml lists it.
type offered struct {
	Name    string   `yaml:"name"`
	Version string   `yaml:"version"`
	Digest  string   `yaml:"digest"` // sha256 of the archive in hex; "" where the index does not say
	URLs    []string `yaml:"urls"`
}

// maxWhole bounds an index that is parsed as a whole, in bytes: one that is not written block by block, as `helm repo index` does.
const maxWhole = 8 << 20

// versionsIn gives the versions of one chart in an index.yaml. Indexes of tens of megabytes are usual: only the chart's own
// block is parsed where there are blocks. https://helm.sh/docs/topics/chart_repository/#the-index-file
func versionsIn(index []byte, name string) ([]offered, error) {
	block, isBlock := blockOf(index, name)
	if !isBlock {
		if len(index) > maxWhole {
			return nil, fault.New(fault.RenderLimit, "the index of the chart repository is one line of more than %d MiB", maxWhole>>20).WithCode("CHART_TOO_LARGE")
		}
		var whole struct {
			Entries map[string][]offered `yaml:"entries"`
		}
		if err := yaml.Unmarshal(index, &whole); err != nil || whole.Entries == nil {
			return nil, fault.New(fault.FetchFailed, "what the address gives is not the index of a chart repository").
				WithNext("the address is that of the folder which holds index.yaml")
		}
		return whole.Entries[name], nil
	}
	var entries map[string][]offered
	if err := yaml.Unmarshal(block, &entries); err != nil {
		return nil, fault.New(fault.FetchFailed, "the index of the chart repository has an entry for %s that is not YAML", name)
	}
	return entries[name], nil
}

// blockOf cuts the lines of one chart out of an index: from its key to the next line that is not deeper. No scalar of a deeper
// value can reach back to that column. isBlock is false for an index that is not written in blocks.
func blockOf(index []byte, name string) (block []byte, isBlock bool) {
	depth, start, inEntries := -1, -1, false
	for at := 0; at < len(index); {
		end := bytes.IndexByte(index[at:], '\n')
		next := len(index)
		if end >= 0 {
			next = at + end + 1
		}
		line := strings.TrimRight(string(index[at:next]), " \r\n")
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		switch {
		case text == "" || text[0] == '#':
		case !inEntries:
			inEntries = line == "entries:"
		case indent == 0 && !strings.HasPrefix(text, "- "):
			return tail(index, start, at), depth >= 0
		case depth < 0 && strings.HasPrefix(text, "- "), depth < 0 && !strings.HasSuffix(text, ":"):
			return nil, false
		case depth < 0 || indent <= depth && !strings.HasPrefix(text, "-"):
			if start >= 0 {
				return index[start:at], true
			}
			depth = indent
			if key := strings.Trim(strings.TrimSuffix(text, ":"), `"'`); key == name && strings.HasSuffix(text, ":") {
				start = at
			}
		}
		at = next
	}
	return tail(index, start, len(index)), depth >= 0
}

func tail(index []byte, start, end int) []byte {
	if start < 0 {
		return nil
	}
	return index[start:end]
}

// choose gives the version that a Ref means: the exact one, or the newest of the range. nil if there is none.
func choose(list []offered, ref Ref) (*offered, error) {
	wanted, err := constraint(ref.Version)
	if err != nil {
		return nil, err
	}
	one := exact(ref.Version)
	var best *offered
	var newest *semver.Version
	for i, o := range list {
		v, err := semver.NewVersion(o.Version)
		switch {
		case err != nil:
		case one != nil && (v.Equal(one) && v.Metadata() == one.Metadata()):
			return &list[i], nil
		case one == nil && wanted.Check(v) && (newest == nil || v.GreaterThan(newest)):
			best, newest = &list[i], v
		}
	}
	return best, nil
}

// none says that a repository has no version that is wanted, and which it has.
func none(ref Ref, list []offered) error {
	if len(list) == 0 {
		f := fault.New(fault.RevisionNotFound, "there is no chart %s in %s", ref.Name, shown(ref.Repo))
		if ref.oci() && strings.HasSuffix(ref.Repo, "/"+ref.Name) {
			return f.WithNext("the name is added to the address: write repo: %s", strings.TrimSuffix(ref.Repo, "/"+ref.Name))
		}
		return f
	}
	newest := newestOf(list)
	return fault.New(fault.RevisionNotFound, "%s has no version %s of %s", shown(ref.Repo), ref.Version, ref.Name).
		WithNext("the newest of its %d versions is %s", len(list), newest)
}

func newestOf(list []offered) string {
	var newest *semver.Version
	for _, o := range list {
		if v, err := semver.NewVersion(o.Version); err == nil && (newest == nil || v.GreaterThan(newest)) {
			newest = v
		}
	}
	if newest == nil {
		return "not a version"
	}
	return newest.Original()
}

// archiveURL gives the address of an archive, which an index may write relative to itself.
func archiveURL(repo string, o *offered) (string, error) {
	if len(o.URLs) == 0 {
		return "", fault.New(fault.FetchFailed, "the index of %s names no address for %s %s", shown(repo), o.Name, o.Version)
	}
	base, err := url.Parse(strings.TrimRight(repo, "/") + "/")
	if err != nil {
		return "", unsafe("the address of the chart repository cannot be read as a URL")
	}
	to, err := url.Parse(o.URLs[0])
	if err != nil {
		return "", unsafe("the index of the chart repository names an address that cannot be read as a URL")
	}
	return base.ResolveReference(to).String(), nil
}
