package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
)

// Limits of an archive, those of the archives in it included.
const (
	maxEntries  = 10_000
	maxUnpacked = 100 << 20 // bytes, as Helm's own
	maxPath     = 64        // folders
	maxNested   = 8         // archives in archives
)

// codeArchive is the finer code of an archive that must not be used.
const codeArchive = "CHART_ARCHIVE"

// inspection counts what an archive holds. Nothing is unpacked: the child does that, within its limits.
type inspection struct {
	entries int
	bytes   int64
}

// inspect tells whether an archive may be given to a renderer, and that it is the chart that it should be.
func inspect(data []byte, name, version string) error {
	found, err := new(inspection).archive(data, 0)
	if err != nil {
		return err
	}
	if found == nil {
		return hostile("it holds no Chart.yaml")
	}
	var is struct{ Name, Version string }
	if err := yaml.Unmarshal(found, &is); err != nil {
		return hostile("its Chart.yaml is not YAML")
	}
	if is.Name != name {
		return hostile("it holds the chart " + shorten(is.Name) + ", not " + name)
	}
	a, err := semver.NewVersion(is.Version)
	b, wrong := semver.NewVersion(version)
	if err != nil || wrong != nil || !a.Equal(b) {
		return hostile("it holds version " + shorten(is.Version) + ", not " + version)
	}
	return nil
}

func hostile(why string) error {
	return fault.New(fault.FetchFailed, "the archive of the chart is not used: %s", why).WithCode(codeArchive)
}

// archive walks through one archive and gives its Chart.yaml.
func (i *inspection) archive(data []byte, depth int) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, hostile("it is not a gzipped tar archive")
	}
	var chartYAML []byte
	seen := map[string]bool{}
	for files := tar.NewReader(unzipped); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return chartYAML, nil
		}
		if err != nil {
			return nil, hostile("it is damaged")
		}
		name, isFile, err := i.entry(head, seen)
		if err != nil {
			return nil, err
		}
		if !isFile {
			continue
		}
		content, err := i.content(files, name == "Chart.yaml" || strings.HasSuffix(name, ".tgz"))
		if err != nil {
			return nil, err
		}
		switch {
		case name == "Chart.yaml":
			chartYAML = content
		case strings.HasPrefix(name, "charts/") && strings.HasSuffix(name, ".tgz"):
			if depth >= maxNested {
				return nil, hostile("its archives lie too deep in each other")
			}
			if _, err := i.archive(content, depth+1); err != nil {
				return nil, err
			}
		}
	}
}

// entry judges one entry by its header, and gives its path below the chart's folder.
func (i *inspection) entry(head *tar.Header, seen map[string]bool) (name string, isFile bool, err error) {
	if i.entries++; i.entries > maxEntries {
		return "", false, hostile("it holds more than 10,000 files")
	}
	switch head.Typeflag {
	case tar.TypeXGlobalHeader, tar.TypeXHeader:
		return "", false, nil
	case tar.TypeDir, tar.TypeReg:
	default:
		return "", false, hostile("it holds a link or a device: " + shorten(head.Name))
	}
	full := strings.ReplaceAll(head.Name, `\`, "/")
	if path.IsAbs(full) || strings.Contains(full, "\x00") || len(full) > 1 && full[1] == ':' {
		return "", false, hostile("it holds an absolute path: " + shorten(head.Name))
	}
	for part := range strings.SplitSeq(full, "/") {
		if part == ".." {
			return "", false, hostile("it holds a path that leads out of it: " + shorten(head.Name))
		}
	}
	clean := path.Clean(full)
	if strings.Count(clean, "/") > maxPath {
		return "", false, hostile("its folders lie too deep in each other")
	}
	if head.Typeflag == tar.TypeDir {
		return "", false, nil
	}
	_, name, below := strings.Cut(clean, "/")
	switch {
	case !below:
		return "", false, hostile("it holds a file beside the chart's folder: " + shorten(head.Name))
	case seen[name]:
		return "", false, hostile("it holds a file twice: " + shorten(name)) // readers may take either
	}
	seen[name] = true
	return name, true, nil
}

// content counts the bytes of a file, and gives them if they are wanted.
func (i *inspection) content(r io.Reader, wanted bool) ([]byte, error) {
	limited := io.LimitReader(r, maxUnpacked-i.bytes+1)
	var kept bytes.Buffer
	to := io.Writer(io.Discard)
	if wanted {
		to = &kept
	}
	n, err := io.Copy(to, limited)
	if err != nil {
		return nil, hostile("it is damaged")
	}
	if i.bytes += n; i.bytes > maxUnpacked {
		return nil, hostile("unpacked it is larger than 100 MiB")
	}
	return kept.Bytes(), nil
}
