package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// limits bound the connections of one server.
type limits struct {
	header, read, write, idle time.Duration
	connections               int // at once
	each                      int // of them of one address: a proxy is one too, and the streams of all who come by it are within
}

// usual are the limits of every server.
var usual = limits{headerTimeout, readTimeout, writeTimeout, idleTimeout, 3000, 2000}

// connections counts those that are open. Where there is no room for one more, the one goes that has waited longest for a request;
// who is being answered is not cut off for somebody new.
type connections struct {
	limits limits
	mu     sync.Mutex
	open   map[net.Conn]*connection
	count  map[string]int // by address
}

type connection struct {
	from    string
	waiting bool      // for the first byte of a request; the rest of its header has a time of its own
	since   time.Time // it waits
}

func newConnections(l limits) *connections {
	return &connections{limits: l, open: map[net.Conn]*connection{}, count: map[string]int{}}
}

// note follows what becomes of a connection.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.open[conn]
	switch state {
	case http.StateNew:
		c.enter(conn)
	case http.StateActive:
		if found != nil {
			found.waiting = false
		}
	case http.StateIdle:
		if found != nil {
			found.waiting, found.since = true, time.Now()
		}
	case http.StateHijacked, http.StateClosed:
		c.leave(conn)
	}
}

// enter takes a connection in, or closes it.
func (c *connections) enter(conn net.Conn) {
	from, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		from = conn.RemoteAddr().String()
	}
	full := len(c.open) >= c.limits.connections
	crowded := c.count[from] >= c.limits.each
	if crowded && !c.makeRoom(from) || full && !crowded && !c.makeRoom("") {
		_ = conn.Close() // there is nobody to tell
		return
	}
	c.open[conn] = &connection{from: from, waiting: true, since: time.Now()}
	c.count[from]++
}

// makeRoom closes the connection that has waited longest, of one address or of all; false if none waits.
func (c *connections) makeRoom(from string) bool {
	var oldest net.Conn
	for conn, other := range c.open {
		if !other.waiting || from != "" && other.from != from {
			continue
		}
		if oldest == nil || other.since.Before(c.open[oldest].since) {
			oldest = conn
		}
	}
	if oldest == nil {
		return false
	}
	c.leave(oldest)
	_ = oldest.Close() // its reader learns it
	return true
}

func (c *connections) leave(conn net.Conn) {
	found := c.open[conn]
	if found == nil {
		return
	}
	delete(c.open, conn)
	if c.count[found.from]--; c.count[found.from] == 0 {
		delete(c.count, found.from)
	}
}

// bounded makes a server that keeps the limits.
func bounded(ctx context.Context, handler http.Handler, l limits) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: l.header,
		ReadTimeout:       l.read,
		WriteTimeout:      l.write,
		IdleTimeout:       l.idle,
		MaxHeaderBytes:    maxHeader,
		ConnState:         newConnections(l).note,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), servingKey{}, ctx)
		},
	}
}
