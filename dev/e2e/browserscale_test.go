package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The page over 10,000 apps in eight places each, of which 100 change every second. Times depend on the machine and are only
// told (docs/performance/page.md has some); what fails is counts and sizes, which do not. Work is processor time of the page's
// main thread, which a busy machine changes little; all else is what a clock says.
const (
	scaleApps   = 10000
	scaleChurn  = 100
	treeObjects = 1500

	maxElements   = 2000    // in the page, whatever it shows
	maxFleetBytes = 450_000 // of /fleet, compressed
	maxRows       = 64      // that one key makes or changes: those in sight, and a few above and below
)

// TestBrowserScale measures the page at its largest; -v tells the figures.
func TestBrowserScale(t *testing.T) {
	b := newBrowser(t, "")
	address := bigfleet(t)
	b.base = address[:strings.Index(address, "/login")]
	b.run(performance.Enable().WithTimeDomain(performance.EnableTimeDomainThreadTicks), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(scaleScript).Do(ctx)
		return err
	}))
	b.run(chromedp.Navigate(address))
	b.until("scale.first", "the matrix is there")
	for _, step := range []struct {
		story string
		do    func(*browser)
	}{
		{"opened", scaleOpened}, {"scrolled", scaleScrolled}, {"searched", scaleSearched}, {"left alone", scaleLeftAlone},
		{"no rule of accessibility is broken where clusters fold", func(b *browser) { b.isAccessible("the matrix") }}, {"a tree", scaleTree},
	} {
		if !t.Run(step.story, func(t *testing.T) { step.do(&browser{t, b.ctx, b.base, b.alarms}) }) {
			return
		}
	}
}

// bigfleet starts the server of a fleet that does not exist, and gives the page's address.
func bigfleet(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bigfleet")
	if out, err := exec.Command("go", "-C", "../..", "build", "-o", program, "./scripts/bigfleet").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	command := exec.CommandContext(t.Context(), program, "-apps", fmt.Sprint(scaleApps), "-churn", fmt.Sprint(scaleChurn), "-listen", "127.0.0.1:0")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // the test's end kills it
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.Log(lines.Text())
		if address := regexp.MustCompile(`^http://\S+`).FindString(lines.Text()); address != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return address
		}
	}
	t.Fatal("it ended before it told its address")
	return ""
}

// scaleScript counts and measures inside the page. Rows are those of the matrix and of the tree.
const scaleScript = `(() => {
	const scale = window.scale = {made: 0, touched: new Set(), frames: []};
	const row = ".grid-row, .node:not(.node-head)";
	const look = () => document.querySelector(row) ? scale.first = performance.now() : requestAnimationFrame(look);
	requestAnimationFrame(look);
	new MutationObserver(list => {
		for (const m of list) {
			for (const n of m.addedNodes) if (n.matches?.(row)) { scale.made++; scale.touched.add(n); }
			const of = (m.target.nodeType === 1 ? m.target : m.target.parentElement)?.closest(row);
			if (of) scale.touched.add(of);
		}
	}).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
	scale.begin = () => { scale.made = 0; scale.touched = new Set(); };
	const frame = () => new Promise(done => requestAnimationFrame(done));
	// run has so many frames go by, with a move of so many pixels in each.
	scale.run = async (selector, frames, pixels) => {
		scale.begin();
		const box = document.querySelector(selector), took = [];
		let last = await frame();
		for (let i = 0; i < frames; i++) {
			if (pixels) box.scrollTop += pixels;
			const now = await frame();
			took.push(now - last);
			last = now;
		}
		took.sort((a, b) => a - b);
		return {half: took[took.length >> 1], most: took[Math.floor(took.length * 0.95)], made: scale.made};
	};
	// result waits, from the next key on, until the list has so many rows.
	scale.result = (rows) => {
		scale.begin();
		scale.waited = new Promise(done => addEventListener("keydown", async e => {
			while (document.querySelector("[aria-rowcount]")?.ariaRowCount !== String(rows + 1)) await frame();
			const ms = performance.now() - e.timeStamp;
			await frame(); // what follows belongs to it
			done({ms, made: scale.made, touched: scale.touched.size});
		}, {once: true, capture: true}));
	};
})()`

// awaited gives what a promise of the page comes to.
func awaited[T any](b *browser, expression string) T {
	b.Helper()
	var data []byte
	var out T
	b.run(chromedp.Evaluate(expression, &data, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err := json.Unmarshal(data, &out); err != nil {
		b.Fatalf("%s is %s: %v", expression, data, err)
	}
	return out
}

// work is what the page's main thread has done so far, in seconds of a processor: script, layout and style, and all that it does,
// painting and the tools that measure it included. At is the time, in seconds; heap is in bytes.
type work struct{ script, layout, style, task, at, heap float64 }

func (b *browser) work() work {
	b.Helper()
	var metrics []*performance.Metric
	b.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		metrics, err = performance.GetMetrics().Do(ctx)
		return err
	}))
	of := map[string]float64{}
	for _, m := range metrics {
		of[m.Name] = m.Value
	}
	return work{of["ScriptDuration"], of["LayoutDuration"], of["RecalcStyleDuration"], of["TaskDuration"], of["Timestamp"], of["JSHeapUsedSize"]}
}

func (w work) since(before work) work {
	return work{w.script - before.script, w.layout - before.layout, w.style - before.style, w.task - before.task, w.at - before.at, w.heap - before.heap}
}

// small fails if there are more elements in the page than anybody sees.
func (b *browser) small() int {
	b.Helper()
	n := awaited[int](b, `document.querySelectorAll("*").length`)
	if n > maxElements {
		b.Errorf("there are %d elements in the page, of %d", n, maxElements)
	}
	return n
}

func (b *browser) heap() string {
	b.Helper()
	b.run(heapprofiler.CollectGarbage())
	return fmt.Sprintf("%.0f MB of JavaScript's memory", b.work().heap/1e6)
}

func scaleOpened(b *browser) {
	paint := awaited[float64](b, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0`)
	first := awaited[float64](b, `scale.first`)
	bytes := awaited[int](b, `performance.getEntriesByType("resource").find(e => e.name.endsWith("/fleet")).encodedBodySize`)
	elements := b.small()
	b.Logf("first paint after %.0f ms, the matrix after %.0f ms; /fleet %d kB; %d elements; %s", paint, first, bytes/1000, elements, b.heap())
	if bytes > maxFleetBytes || bytes == 0 {
		b.Errorf("/fleet has %d bytes, of %d", bytes, maxFleetBytes)
	}
}

type frames struct{ Half, Most, Made float64 }

// scroll measures frames in which a list is moved.
func (b *browser) scroll(box string, count, pixels int) {
	b.Helper()
	before := b.work()
	f := awaited[frames](b, fmt.Sprintf("scale.run(%q, %d, %d)", box, count, pixels))
	w := b.work().since(before)
	n := float64(count)
	b.Logf("%5d px a frame: half of the frames %.1f ms, 95 of 100 %.1f ms; work of a frame %.1f ms: script %.1f, style %.1f, layout %.1f; rows made %.1f",
		pixels, f.Half, f.Most, 1000*w.task/n, 1000*w.script/n, 1000*w.style/n, 1000*w.layout/n, f.Made/n)
	b.small()
}

func scaleScrolled(b *browser) {
	for _, pixels := range []int{60, 120, 800} {
		b.scroll("[data-scroll]", 120, pixels)
		b.run(chromedp.Evaluate(`document.querySelector("[data-scroll]").scrollTop = 0`, nil))
	}
}

type keyed struct{ MS, Made, Touched float64 }

// scaleSearched types into the filter. Digits are in names of apps only.
func scaleSearched(b *browser) {
	b.press("/")
	b.until(`document.activeElement.matches("input[data-search]")`, "/ leads to the search")
	names := awaited[[]string](b, `fetch("/api/v1alpha1/fleet").then(r => r.json()).then(f => f.apps)`)
	text := ""
	for _, key := range []string{"7", "4", "9", kb.Backspace, "6", kb.Backspace, kb.Backspace, kb.Backspace} {
		if key == kb.Backspace {
			text = text[:len(text)-1]
		} else {
			text += key
		}
		found := 0
		for _, name := range names {
			if strings.Contains(name, text) {
				found++
			}
		}
		b.run(chromedp.Evaluate(fmt.Sprintf("scale.result(%d)", found), nil))
		before := b.work()
		b.press(key)
		k := awaited[keyed](b, "scale.waited")
		w := b.work().since(before)
		b.Logf("search for %-4q finds %5d apps after %3.0f ms; work %.0f ms: script %.0f, style %.0f, layout %.0f; rows made %.0f, touched %.0f",
			text, found, k.MS, 1000*w.task, 1000*w.script, 1000*w.style, 1000*w.layout, k.Made, k.Touched)
		if k.Touched > 2*maxRows || k.Made > maxRows {
			b.Errorf("the search for %q made %.0f rows and touched %.0f, of %d and %d", text, k.Made, k.Touched, maxRows, 2*maxRows)
		}
	}
}

// scaleLeftAlone measures what the stream costs who only looks.
func scaleLeftAlone(b *browser) {
	before := b.work()
	f := awaited[frames](b, `scale.run("[data-scroll]", 300, 0)`)
	w := b.work().since(before)
	b.Logf("%d changes a second: half of the frames %.1f ms, 95 of 100 %.1f ms; %.0f%% of the time busy: script %.0f%%; rows made %.0f a second",
		scaleChurn, f.Half, f.Most, 100*w.task/w.at, 100*w.script/w.at, f.Made/w.at)
	b.Logf("%d elements; %s", b.small(), b.heap())
}

func scaleTree(b *browser) {
	b.run(chromedp.Navigate(b.base + "/app/plumb-system/payments-api-0-dev/resources?view=tree"))
	b.until(fmt.Sprintf(`scale.first && document.querySelector("[role=treegrid]")?.ariaRowCount === "%d"`, treeObjects+1), "the tree is there")
	first := awaited[float64](b, `scale.first`)
	answer := awaited[float64](b, `performance.getEntriesByType("resource").find(e => e.name.includes("/resources")).responseEnd`)
	b.Logf("%d objects: answered after %.0f ms, drawn after %.0f ms; %d elements", treeObjects, answer, first, b.small())
	for _, pixels := range []int{60, 600} {
		b.scroll(".nodes-scroll", 60, pixels)
	}
	b.run(chromedp.Evaluate(`document.querySelector("[role=treegrid]").focus()`, nil))
	b.press(kb.Home)
	b.run(chromedp.Evaluate(fmt.Sprintf("scale.result(%d)", treeObjects-14), nil))
	b.press(kb.ArrowLeft)
	k := awaited[keyed](b, "scale.waited")
	b.Logf("a branch of 14 is folded after %.0f ms; rows made %.0f, touched %.0f", k.MS, k.Made, k.Touched)
	if k.Touched > 2*maxRows {
		b.Errorf("a fold touched %.0f rows, of %d", k.Touched, 2*maxRows)
	}
}
