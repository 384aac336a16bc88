package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The page as people use it: in headless Chromium, against an agent that may do what an administrator may. One fleet, one
// story; each step begins where the one before it has ended. The page is never loaded anew unless a step says so.

var browserWorld = sync.OnceValues(func() (*world, error) {
	w, err := newWorld("browser")
	if err != nil {
		return nil, err
	}
	w.agent.kill()
	w.agent.account = w.config
	return w, w.agent.start("--simulated")
})

// browser is one tab.
type browser struct {
	*testing.T
	ctx    context.Context
	base   string
	alarms *alarms
}

// alarms are what no tab may do: throw, open a dialog, or try what the page's content security policy refuses.
type alarms struct {
	sync.Mutex
	rung []string
}

func (a *alarms) ring(format string, args ...any) {
	a.Lock()
	defer a.Unlock()
	a.rung = append(a.rung, fmt.Sprintf(format, args...))
}

// take gives what rang since it was asked last.
func (a *alarms) take() []string {
	a.Lock()
	defer a.Unlock()
	rung := a.rung
	a.rung = nil
	return rung
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal("there is no chromium; make browser installs it")
	case err != nil:
		t.Skip("skipped: there is no chromium; make browser installs it")
	}
	profile, err := os.MkdirTemp("", "plumb-e2e-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the browser's own children may still write there for a moment
		_ = eventually(10*time.Second, func() error { return os.RemoveAll(profile) })
	})
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(profile))
	allocated, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	return newTab(t, allocated, base, chromedp.WithErrorf(func(string, ...any) {})) // it does not know all of what a newer browser tells
}

// another is a window of somebody else: it shares neither cookies nor storage with the first.
func (b *browser) another(t *testing.T) *browser {
	t.Helper()
	ctx := cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser)
	apart, err := target.CreateBrowserContext().Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	window, err := target.CreateTarget("about:blank").WithBrowserContextID(apart).WithNewWindow(true).Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return newTab(t, b.ctx, b.base, chromedp.WithTargetID(window))
}

func newTab(t *testing.T, parent context.Context, base string, options ...chromedp.ContextOption) *browser {
	t.Helper()
	ctx, end := chromedp.NewContext(parent, options...)
	b := &browser{t, ctx, base, &alarms{}}
	t.Cleanup(func() {
		for _, what := range b.alarms.take() {
			t.Error(what)
		}
		end()
	})
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.alarms.ring("the page threw %s", e.ExceptionDetails.Error())
		case *page.EventJavascriptDialogOpening:
			b.alarms.ring("a dialog opened: %s", e.Message)
			go func() { _ = chromedp.Run(ctx, page.HandleJavaScriptDialog(true)) }()
		case *network.EventRequestWillBeSent:
			if strings.HasSuffix(e.Request.URL, hostilePath) {
				b.alarms.ring("the page asked for %s", e.Request.URL)
			}
		case *log.EventEntryAdded:
			if e.Entry.Source == log.SourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				b.alarms.ring("the browser refused: %s", e.Entry.Text)
			}
		}
	})
	b.window(1440, 900, "light")
	return b
}

func (b *browser) run(actions ...chromedp.Action) {
	b.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// window sets size and theme; below 600 pixels it is a phone.
func (b *browser) window(width, height int64, theme string) {
	b.Helper()
	b.run(emulation.SetDeviceMetricsOverride(width, height, 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}))
}

// visit loads an address, and waits until the page says that it is live.
func (b *browser) visit(path string) {
	b.Helper()
	b.run(chromedp.Navigate(b.base + path))
	b.until(`document.querySelector('[data-pulse=live]') && !document.querySelector('main [role=status][aria-label]')`, "the page is live at "+path)
}

// comeIn opens a link for the agent's token.
func (b *browser) comeIn(s *scenario) {
	b.Helper()
	link, _ := s.comesIn(token)
	b.visit(link)
}

// until waits until an expression is true.
func (b *browser) until(expression, what string) {
	b.Helper()
	err := eventually(limit, func() error {
		var is bool
		if err := chromedp.Run(b.ctx, chromedp.Evaluate("!!("+expression+")", &is)); err != nil {
			return err
		}
		if !is {
			return errors.New("it is not so: " + what)
		}
		return nil
	})
	if err != nil {
		var text string
		_ = chromedp.Run(b.ctx, chromedp.Evaluate("location.href + '\\n' + document.body.innerText", &text))
		b.Fatalf("%v; the page says\n%s", err, text)
	}
}

// says waits until an element holds all these texts.
func (b *browser) says(selector string, texts ...string) {
	b.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.innerText.includes(%q))", selector, text), selector+" says "+text)
	}
}

// text gives what an expression is.
func (b *browser) text(expression string) string {
	b.Helper()
	var text string
	b.run(chromedp.Evaluate("String("+expression+")", &text))
	return text
}

// press presses keys one after the other.
func (b *browser) press(keys ...string) {
	b.Helper()
	for _, key := range keys {
		k := kb.Keys[[]rune(key)[0]]
		down := input.DispatchKeyEvent(input.KeyRawDown)
		if k.Text != "" { // with its text in it, as a keyboard does it: a page that keeps the key keeps the letter too
			down = input.DispatchKeyEvent(input.KeyDown).WithText(k.Text).WithUnmodifiedText(k.Unmodified)
		}
		up := input.DispatchKeyEvent(input.KeyUp)
		for _, event := range []*input.DispatchKeyEventParams{down, up} {
			b.run(event.WithKey(k.Key).WithCode(k.Code).WithWindowsVirtualKeyCode(k.Windows).WithNativeVirtualKeyCode(k.Native))
		}
	}
}

func (b *browser) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector), selector+" is there")
	b.run(chromedp.Click(selector, chromedp.ByQuery))
}

// signIn signs a person in at the page with a token of the cluster, on the way to an address.
func (b *browser) signIn(token, path string) {
	b.Helper()
	b.run(network.ClearBrowserCookies(), chromedp.Navigate(b.base+path))
	b.click(".login input")
	b.run(input.InsertText(token))
	b.press(kb.Enter)
	b.until(fmt.Sprintf("location.pathname === %q && document.querySelector('[data-pulse=live]')", strings.Split(path, "?")[0]), "signed in one is where one wanted to go")
}

// isAccessible runs axe over what is shown. A violation is told with its rule and the first element.
func (b *browser) isAccessible(what string) {
	b.Helper()
	axe, err := os.ReadFile("../../web/node_modules/axe-core/axe.min.js")
	if err != nil {
		b.Fatalf("%v; make browser installs it", err)
	}
	const check = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.map(v => v.id + ": " + v.nodes[0].html.slice(0, 200) + " " + (v.nodes[0].failureSummary || "").slice(0, 300)).join("\n"))`
	awaiting := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	var violations string
	b.run(chromedp.Evaluate(string(axe)+";0", nil), chromedp.Evaluate(check, &violations, awaiting))
	if violations != "" {
		b.Errorf("%s:\n%s", what, violations)
	}
}

// pictured draws what is shown for the docs, if a folder for it is named.
func (b *browser) pictured(name string) {
	b.Helper()
	folder := os.Getenv("PLUMB_PICTURES")
	if folder == "" {
		return
	}
	var png []byte
	b.run(chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(filepath.Join(folder, "page-"+name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}
