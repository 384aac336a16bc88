package object

import (
	"bytes"
	"unicode/utf8"

	"plumb.dev/plumb/internal/fault"
)

// checkText refuses what is not a text in UTF-8 that YAML may hold, and gives the text without byte order mark.
func checkText(data []byte, file string) ([]byte, error) {
	place := fault.Place{File: file}
	if len(data) > MaxFile {
		return nil, beyond("FILE_TOO_LARGE", place, "the file has %d bytes, more than %d", len(data), MaxFile)
	}
	if name := binaryFormat(data); name != "" {
		return nil, invalid("NOT_TEXT", place, "the file is %s, not a manifest", name)
	}
	if utf16(data) {
		return nil, invalid("NOT_UTF8", place, "the file is in UTF-16").WithNext("save it as UTF-8")
	}
	text := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		return nil, notUTF8(text, place)
	}
	if at := controlAt(text); at >= 0 {
		r, _ := utf8.DecodeRune(text[at:])
		place.Line = lineAt(text, at)
		return nil, invalid("YAML_CONTROL_CHAR", place, "the control character U+%04X is not allowed", r).
			WithNext("remove it, or write it as an escape in double quotes")
	}
	if at := conflictAt(text); at >= 0 {
		place.Line = lineAt(text, at)
		return nil, invalid("MERGE_CONFLICT", place, "the file holds the marks of an unfinished merge").WithNext("resolve the conflict and commit")
	}
	return text, nil
}

// formats are the first bytes of files that people commit by mistake.
var formats = []struct{ magic, name string }{
	{"\x1f\x8b", "a gzip archive"}, {"PK\x03\x04", "a zip archive"}, {"\x89PNG", "a PNG picture"}, {"\xff\xd8\xff", "a JPEG picture"},
	{"\x7fELF", "a program"}, {"%PDF-", "a PDF document"}, {"\x28\xb5\x2f\xfd", "a zstd archive"}, {"\xfd7zXZ", "an xz archive"},
}

func binaryFormat(data []byte) string {
	for _, f := range formats {
		if bytes.HasPrefix(data, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}

// utf16 knows the byte order marks, and a text in Latin script by its zero bytes.
func utf16(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return true
	}
	head := data[:min(len(data), 512)]
	return len(head) >= 8 && bytes.Count(head, []byte{0})*5 >= len(head)*2 && bytes.Count(head, []byte{0})*5 <= len(head)*3
}

func notUTF8(text []byte, place fault.Place) error {
	if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
		return invalid("NOT_TEXT", place, "the file is not text")
	}
	at := 0
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	place.Line = lineAt(text, at)
	return invalid("NOT_UTF8", place, "the byte %#02x is not UTF-8", text[at]).WithNext("save the file as UTF-8")
}

// controlAt finds the first character that YAML does not allow in a file (YAML 1.2 §5.1), -1 if there is none.
func controlAt(text []byte) int {
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r < 0x20 || r == 0x7f || r > 0x7f && r < 0xa0 && r != 0x85 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return i
		}
		i += n
	}
	return -1
}

// conflictAt finds the line <<<<<<< of a merge that a line >>>>>>> ends.
func conflictAt(text []byte) int {
	start := lineWith(text, 0, "<<<<<<<")
	if start < 0 || lineWith(text, start, ">>>>>>>") < 0 {
		return -1
	}
	return start
}

// lineWith finds the first line from offset on that begins with mark and then ends or has a space.
func lineWith(text []byte, offset int, mark string) int {
	for {
		i := bytes.Index(text[offset:], []byte(mark))
		if i < 0 {
			return -1
		}
		at := offset + i
		offset = at + len(mark)
		begins := at == 0 || text[at-1] == '\n'
		ends := offset == len(text) || bytes.IndexByte([]byte(" \r\n"), text[offset]) >= 0
		if begins && ends {
			return at
		}
	}
}

// lineAt gives the line of an offset. CRLF, LF and CR end lines, as in YAML.
func lineAt(text []byte, offset int) int {
	head := text[:offset]
	return 1 + bytes.Count(head, []byte("\n")) + bytes.Count(head, []byte("\r")) - bytes.Count(head, []byte("\r\n"))
}
