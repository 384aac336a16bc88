package child

import (
	"encoding/json"
	"errors"
	"path"
	"strconv"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render/wire"
)

// session is one request: what was asked for, and the view of the repository through the parent. Every answer is kept, so
// that nothing is asked twice and a render sees one state.
type session struct {
	conn     *wire.Conn
	req      wire.Render
	broken   error // of the conversation: the process must end
	files    map[wire.File]wire.Answer
	folders  map[wire.File][]wire.Entry
	warnings []wire.Warning
}

func newSession(conn *wire.Conn, req wire.Render) *session {
	return &session{conn: conn, req: req, files: map[wire.File]wire.Answer{}, folders: map[wire.File][]wire.Entry{}}
}

// ask asks the parent, all at once.
func (s *session) ask(asks []wire.Ask) ([]wire.Answer, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	answers, err := s.exchange(asks)
	if err != nil {
		s.broken = err
	}
	return answers, err
}

func (s *session) exchange(asks []wire.Ask) ([]wire.Answer, error) {
	if err := s.conn.WriteJSON(wire.TypeAsk, asks); err != nil {
		return nil, err
	}
	answers := make([]wire.Answer, len(asks))
	for i := range asks {
		var err error
		if answers[i], err = s.conn.ReadAnswer(); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// refused gives the fault in an answer.
func refused(a wire.Answer) error {
	if a.Status != wire.ItIsBad {
		return nil
	}
	f := new(fault.Fault)
	if err := json.Unmarshal(a.Data, f); err != nil {
		return errors.New("the parent's answer cannot be read")
	}
	return f
}

// load asks for files that are not known yet. What it finds stays; so does what must not be read.
func (s *session) load(files []wire.File) error {
	var asks []wire.Ask
	var wanted []wire.File
	for _, f := range files {
		if _, known := s.files[f]; !known {
			asks = append(asks, wire.Ask{Kind: wire.AskFile, Source: f.Source, Path: f.Path})
			wanted = append(wanted, f)
		}
	}
	if len(asks) == 0 {
		return nil
	}
	answers, err := s.ask(asks)
	for i, a := range answers {
		s.files[wanted[i]] = a
	}
	return err
}

// get gives what is at a path, with its bytes if it is a file.
func (s *session) get(f wire.File) (wire.Answer, error) {
	if err := s.load([]wire.File{f}); err != nil {
		return wire.Answer{}, err
	}
	a := s.files[f]
	return a, refused(a)
}

// stat says what is at a path of the app's source. Of a file it does not ask for the bytes.
func (s *session) stat(name string) (wire.Status, error) {
	if a, known := s.files[wire.File{Path: name}]; known {
		return a.Status, refused(a)
	}
	answers, err := s.ask([]wire.Ask{{Kind: wire.AskStat, Path: name}})
	if err != nil {
		return 0, err
	}
	return answers[0].Status, refused(answers[0])
}

// preload loads files of a folder and tells which exist.
func (s *session) preload(folder string, names []string) (map[string]bool, error) {
	files := make([]wire.File, len(names))
	for i, name := range names {
		files[i] = wire.File{Path: path.Join(folder, name)}
	}
	if err := s.load(files); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for i, f := range files {
		a := s.files[f]
		if err := refused(a); err != nil {
			return nil, err
		}
		found[names[i]] = a.Status == wire.ItIsFile
	}
	return found, nil
}

// list gives the names in a folder of the app's source.
func (s *session) list(folder string) ([]wire.Entry, error) {
	f := wire.File{Path: folder}
	if entries, known := s.folders[f]; known {
		return entries, nil
	}
	answers, err := s.ask([]wire.Ask{{Kind: wire.AskDir, Path: folder}})
	if err != nil {
		return nil, err
	}
	if err := refused(answers[0]); err != nil {
		return nil, err
	}
	var entries []wire.Entry
	if answers[0].Status == wire.ItIsFolder {
		if err := json.Unmarshal(answers[0].Data, &entries); err != nil {
			return nil, err
		}
	}
	s.folders[f] = entries
	return entries, nil
}

// says asks about the cluster.
func (s *session) says(kind, about string) string {
	answers, err := s.ask([]wire.Ask{{Kind: kind, Path: about}})
	if err != nil {
		panic(err) // within a template; the session is broken and says so
	}
	return string(answers[0].Data)
}

func (s *session) kubeVersion() string { return s.says(wire.AskKube, "") }

func (s *session) has(name string) bool {
	yes, _ := strconv.ParseBool(s.says(wire.AskHas, name))
	return yes
}

// warn tells a person something, once.
func (s *session) warn(code, message string, place fault.Place) {
	w := wire.Warning{Code: code, Message: message, Place: place}
	for _, known := range s.warnings {
		if known == w {
			return
		}
	}
	if len(s.warnings) < 100 {
		s.warnings = append(s.warnings, w)
	}
}
