package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// hold opens a server with limits, whose answers at /held wait for the test. It gives its address, and what lets them go.
func hold(t *testing.T, l limits) (address string, release func()) {
	t.Helper()
	listener, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			_ = http.NewResponseController(w).Flush() // tells the test that it is here
			<-held
		}
	})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, bounded(ctx, handler, l)) }()
	release = func() {
		select {
		case <-held:
		default:
			close(held)
		}
	}
	t.Cleanup(func() { release(); end(); <-ended })
	return listener.Addr().String(), release
}

// socket is one connection to a server.
type socket struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address, from string) socket {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return socket{conn, bufio.NewReader(conn)}
}

// ask sends a request, and tells whether an answer begins. A connection that was closed gives none.
func (s socket) ask(t *testing.T, path string) bool {
	t.Helper()
	_, _ = io.WriteString(s, "GET "+path+" HTTP/1.1\r\nHost: plumb\r\n\r\n") // one that was closed says so below
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	r, err := http.ReadResponse(s.in, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("neither an answer nor an end")
	}
	if err == nil && path != "/held" {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return err == nil
}

// closed tells whether the server ends a connection, which sends nothing.
func (s socket) closed(t *testing.T) bool {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := s.in.ReadByte()
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func long(connections, each int) limits {
	return limits{time.Minute, time.Minute, time.Minute, time.Minute, connections, each}
}

// Where all places are taken by connections that send nothing, whoever asks is answered, and the ones that wait go.
func TestConnectionsThatWaitMakeRoom(t *testing.T) {
	address, _ := hold(t, long(4, 4))
	followed := dial(t, address, "127.0.0.1")
	if !followed.ask(t, "/held") {
		t.Fatal("the first is not answered")
	}
	var flood []socket
	for range 20 {
		flood = append(flood, dial(t, address, "127.0.0.1"))
	}
	if !dial(t, address, "127.0.0.1").ask(t, "/") {
		t.Error("behind a flood of connections nobody is answered")
	}
	if !flood[0].closed(t) {
		t.Error("the connection that waited longest is still open")
	}
	_ = followed.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := followed.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("who is being answered was cut off: %v", err)
	}
}

// Where all are being answered, one more is refused, until one of them ends.
func TestConnectionsAreBounded(t *testing.T) {
	address, release := hold(t, long(3, 3))
	var held []socket
	for range 3 {
		s := dial(t, address, "127.0.0.1")
		if !s.ask(t, "/held") {
			t.Fatal("a place is refused too early")
		}
		held = append(held, s)
	}
	if dial(t, address, "127.0.0.1").ask(t, "/") {
		t.Error("one more than the limit is answered")
	}
	release()
	for _, s := range held {
		_, _ = s.in.ReadString('0') // the end of the answer
	}
	if !dial(t, address, "127.0.0.1").ask(t, "/") {
		t.Error("after others have ended nobody is answered")
	}
}

// One address does not take the places of others, though it is answered on all of its own.
func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	address, _ := hold(t, long(100, 2))
	for range 2 {
		if !dial(t, address, "127.0.0.2").ask(t, "/held") {
			t.Fatal("a place is refused too early")
		}
	}
	if dial(t, address, "127.0.0.2").ask(t, "/") {
		t.Error("one more than the limit of an address is answered")
	}
	if !dial(t, address, "127.0.0.3").ask(t, "/") {
		t.Error("another address is not answered")
	}
}

// Who sends a header or a body slowly, or nothing more, is not waited for.
func TestSlowSendersAreGivenUp(t *testing.T) {
	short := long(10, 10)
	short.header, short.read, short.idle = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	for _, tt := range []struct{ reason, sent string }{
		{"nothing", ""},
		{"half a header", "GET / HTTP/1.1\r\nHost: pl"},
		{"a header line again and again, but no end", "GET / HTTP/1.1\r\nHost: plumb\r\nX-A: 1\r\n"},
		{"nothing after an answer", "GET / HTTP/1.1\r\nHost: plumb\r\n\r\n"},
		{"half a body", "POST / HTTP/1.1\r\nHost: plumb\r\nContent-Length: 100\r\n\r\nhalf"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			address, _ := hold(t, short)
			s := dial(t, address, "127.0.0.1")
			if _, err := io.WriteString(s, tt.sent); err != nil {
				t.Fatal(err)
			}
			_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, s.in); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it is still waited for")
			}
		})
	}
}

func TestTheLimitsOfAServer(t *testing.T) {
	if usual.each >= usual.connections || usual.each < maxStreams {
		t.Errorf("%+v: one address takes all, or not all streams come by one proxy", usual)
	}
	srv := bounded(t.Context(), http.NotFoundHandler(), usual)
	if srv.ReadHeaderTimeout <= 0 || srv.ReadTimeout <= 0 || srv.WriteTimeout <= 0 || srv.IdleTimeout <= 0 || srv.ConnState == nil {
		t.Errorf("a server without limits: %+v", srv)
	}
}
