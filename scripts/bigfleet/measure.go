package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// questions are what the page and scripts ask most.
var questions = []string{
	"/apps", "/apps?state=failed", "/apps?q=cart+prod", "/apps?q=prod", "/apps?q=nothing-like-it", "/apps?sort=name&limit=500", "/changes", "/drift", "/clusters", "/figures", "/fleet",
	"/apps/plumb-system/payments-api-0-dev/resources?children=true",
}

// measure asks each question so many times and tells how long answers took, with decompression, and what they cost.
func measure(ctx context.Context, address, token string, times int) error {
	fmt.Printf("%-64s %10s %10s %10s %10s\n", "", "half", "95 of 100", "processor", "kB")
	for _, q := range questions {
		took := make([]time.Duration, times)
		size := int64(0)
		before := processor()
		for i := range took {
			begun := time.Now()
			n, err := ask(ctx, "http://"+address+"/api/v1alpha1"+q, token)
			if err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
			took[i], size = time.Since(begun), n
		}
		each := (processor() - before) / time.Duration(times)
		slices.Sort(took)
		ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
		fmt.Printf("%-64s %10s %10s %10s %10.1f\n", q, ms(took[times/2]), ms(took[times*95/100]), ms(each), float64(size)/1000)
	}
	fmt.Printf("%d MiB live, %s resident at most\n", heap(), resident())
	return nil
}

// ask reads one answer, and gives its size on the wire.
func ask(ctx context.Context, url, token string) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("it is answered with %s", answer.Status)
	}
	wire := &counted{from: answer.Body}
	plain, err := gzip.NewReader(wire)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, plain)
	return wire.n, err
}

// counted counts what is read.
type counted struct {
	from io.Reader
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// processor is how long this process, asking and answering, has had one.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the most memory that this process has had, where the kernel says it.
func resident() string {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(size)
		}
	}
	return "?"
}
