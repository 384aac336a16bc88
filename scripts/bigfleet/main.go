// Command bigfleet serves the page and its API over a fleet that does not exist: 10,000 apps in eight places each, made of
// numbers, which change now and then. It is the same server and the same read model as the agent's, for tests of scale.
//
// It reads nothing real, writes nothing, and listens on loopback only. Start at fleet.go for what the fleet is like.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"

	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/server"
)

func main() {
	log.SetFlags(0)
	apps := flag.Int("apps", 10000, "how many apps, in eight places each")
	address := flag.String("listen", "127.0.0.1:7430", "address on loopback")
	churn := flag.Int("churn", 20, "how many apps change each second")
	times := flag.Int("measure", 0, "ask each question so many times, tell how long that took, and end")
	token := flag.String("token", rand.Text(), "token of the page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *apps, *churn, *times, *address, *token); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, apps, churn, times int, address, token string) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	l, err := server.Listen(address, false)
	if err != nil {
		return err
	}
	begun := time.Now()
	f := newFleet(apps, begun)
	b := board.New("bigfleet")
	f.fill(b)
	fmt.Printf("%d apps, %d targets, made in %s, %d MiB\n", apps, f.targets(), time.Since(begun).Round(time.Millisecond), heap())
	go f.change(ctx, b, churn)
	measured := make(chan error, 1)
	if times > 0 {
		go func() {
			measured <- measure(ctx, l.Addr().String(), token, times)
			end()
		}()
	} else {
		go func() { measured <- invite(ctx, l.Addr().String(), token) }()
	}
	err = server.Serve(ctx, l, server.New(server.Config{
		Reader: f, Board: b, Token: token, Version: "bigfleet", Simulated: true, Visitors: viewers{}, Clusters: f.clusters, Entries: f.entries,
	}))
	return errors.Join(err, <-measured)
}

// invite prints a link that logs one browser in.
func invite(ctx context.Context, address, token string) error {
	link, err := server.LinkAt(ctx, "http://"+address, token)
	if err == nil {
		fmt.Println(link.URL)
	}
	return err
}

// heap gives what lives on the heap, in MiB.
func heap() uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc >> 20
}
