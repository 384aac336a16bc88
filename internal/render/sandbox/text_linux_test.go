package sandbox

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the program's beginning has mapped of its file is given back, and the program goes on.
func TestForgetText(t *testing.T) {
	before := residentFile(t)
	ForgetText()
	if after := residentFile(t); after >= before {
		t.Errorf("%d kB of files were mapped, and are %d", before, after)
	}
}

func TestCleanMappings(t *testing.T) {
	const smaps = `00400000-02400000 r-xp 00000000 fe:00 77                 /usr/bin/plumb
Size:              32768 kB
Anonymous:             0 kB
02400000-03400000 r--p 02000000 fe:00 77                 /usr/bin/plumb
Anonymous:             4 kB
03400000-04400000 rw-p 03000000 fe:00 77                 /usr/bin/plumb
Anonymous:             0 kB
c000000000-c004000000 rw-p 00000000 00:00 0 
Anonymous:          1024 kB
7f0000000000-7f0000400000 r-xp 00000000 fe:00 78         /usr/lib/libc.so.6
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x2000000}} // not what the loader wrote to, what may be written, the heap, another file
	if got := cleanMappings(smaps, "/usr/bin/plumb"); !slices.Equal(got, want) {
		t.Errorf("given back would be %+v, want %+v", got, want)
	}
}

// residentFile gives the kB of files that are mapped into this process (proc(5), RssFile).
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			kB, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kB
		}
	}
	t.Fatal("this kernel does not tell RssFile")
	return 0
}
