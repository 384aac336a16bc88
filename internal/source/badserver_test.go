package source_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"plumb.dev/plumb/internal/source/sourcetest"
)

func page(*scene) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html><body>Please log in</body></html>")
	}
}

func pageLines(*scene) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>\n<body>\tPlease log in</body>\n</html>\n")
	}
}

func liar(*scene) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-"+r.URL.Query().Get("service")+"-advertisement")
		fmt.Fprint(w, "<html><body>Please log in</body></html>")
	}
}

func silent(*scene) http.HandlerFunc { return sourcetest.Hang }

func drip(*scene) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprint(w, "0")
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
}

// flood lists refs until the client hangs up.
func flood(*scene) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		fmt.Fprint(w, "001e# service=git-upload-pack\n0000")
		pad := strings.Repeat("x", 900)
		for i := 0; r.Context().Err() == nil; i++ {
			line := fmt.Sprintf("%040d refs/heads/%s-%d\n", 1, pad, i)
			if i == 0 {
				line = fmt.Sprintf("%040d refs/heads/a\x00agent=x\n", 1)
			}
			if _, err := fmt.Fprintf(w, "%04x%s", len(line)+4, line); err != nil {
				return
			}
		}
	}
}

func silentPost(s *scene) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sourcetest.Hang(w, r)
			return
		}
		s.server.Truth(w, r)
	}
}

// changed answers truthfully, but for the pack.
func changed(s *scene, change func([]byte) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		s.server.Truth(recorder, r)
		body := recorder.Body.Bytes()
		for name, values := range recorder.Header() {
			w.Header()[name] = values
		}
		if at := bytes.Index(body, []byte("PACK")); at > 0 {
			body = change(body)
		}
		_, _ = w.Write(body)
	}
}

func truncated(s *scene) http.HandlerFunc {
	return changed(s, func(body []byte) []byte { return body[:bytes.Index(body, []byte("PACK"))+20] })
}

func corrupting(s *scene) http.HandlerFunc {
	return changed(s, func(body []byte) []byte {
		body[bytes.Index(body, []byte("PACK"))+30] ^= 0xff
		return body
	})
}
