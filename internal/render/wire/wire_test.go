package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestFrames(t *testing.T) {
	var pipe bytes.Buffer
	c := NewConn(&pipe, &pipe, 1<<20)
	if err := c.WriteJSON(TypeHello, Hello{Version: 7}); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(TypeObjects, []byte("ab"), nil, []byte("c")); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteAnswer(Answer{Status: ItIsFile, Path: "a/b", Data: []byte("text")}); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	var hello Hello
	if err := c.ReadJSON(TypeHello, &hello); err != nil || hello.Version != 7 {
		t.Errorf("%+v %v", hello, err)
	}
	if kind, payload, err := c.Read(); kind != TypeObjects || string(payload) != "abc" || err != nil {
		t.Errorf("%c %s %v", kind, payload, err)
	}
	if a, err := c.ReadAnswer(); a.Status != ItIsFile || a.Path != "a/b" || string(a.Data) != "text" || err != nil {
		t.Errorf("%+v %v", a, err)
	}
	if _, _, err := c.Read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestBrokenFrames(t *testing.T) {
	long := binary.BigEndian.AppendUint32([]byte{'o'}, 1<<31)
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"half a head":     {[]byte("o\x00"), io.ErrUnexpectedEOF},
		"half a payload":  {[]byte("o\x00\x00\x00\x05ab"), io.ErrUnexpectedEOF},
		"only a head":     {[]byte("o\x00\x00\x00\x05"), io.ErrUnexpectedEOF},
		"more than fits":  {long, ErrProtocol},
		"the wrong frame": {[]byte("o\x00\x00\x00\x02{}"), ErrProtocol},
		"no JSON":         {[]byte("h\x00\x00\x00\x02{]"), ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			err := NewConn(bytes.NewReader(c.bytes), io.Discard, 1<<20).ReadJSON(TypeHello, &Hello{})
			if !errors.Is(err, c.want) {
				t.Errorf("want %v, got %v", c.want, err)
			}
		})
	}
}

// FuzzConn reads anything. It never panics, never allocates more than it was given leave for, and what it accepts it writes
// back the same.
func FuzzConn(f *testing.F) {
	f.Add([]byte("h\x00\x00\x00\x02{}"))
	f.Add([]byte("A\x00\x00\x00\x05f\x00\x00\x00\x00"))
	f.Add([]byte("A\x00\x00\x00\x05f\xff\xff\xff\xff"))
	f.Add([]byte("o\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewConn(bytes.NewReader(data), io.Discard, 4096)
		var back bytes.Buffer
		out := NewConn(nil, &back, 4096)
		read := 0
		for {
			kind, payload, err := c.Read()
			if err != nil {
				break
			}
			read += 5 + len(payload)
			if err := out.Write(kind, payload); err != nil {
				t.Fatal(err)
			}
			if a, err := parseAnswer(payload); err == nil && kind == TypeAnswer && 5+len(a.Path)+len(a.Data) != len(payload) {
				t.Errorf("an answer of %d bytes in %d", 5+len(a.Path)+len(a.Data), len(payload))
			}
		}
		if !bytes.Equal(back.Bytes(), data[:read]) {
			t.Error("it was read as something else")
		}
	})
}
