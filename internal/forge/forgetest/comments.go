package forgetest

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/forge"
)

func says(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	s.Comment(pull.Number, Ada, "please look")
	s.Comment(pull.Number, Eve, forge.Note{Mark: "plan", Text: "not Plumb's"}.Body())
	first, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "plan", Text: "one"})
	must(s, first, err)
	other, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "another", Text: "beside"})
	must(s, other, err)
	second, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "plan", Text: "two\n\n| a | b |\n|---|---|\n| ü | <details>x</details> |\n"})
	must(s, second, err)
	third, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "plan", Text: "two\n\n| a | b |\n|---|---|\n| ü | <details>x</details> |\n"})
	must(s, third, err)
	if first.ID != second.ID || second.ID != third.ID || other.ID == first.ID || first.URL == "" {
		s.Errorf("it is not one comment: %d, %d, %d, and %d beside", first.ID, second.ID, third.ID, other.ID)
	}
	list, err := s.Comments(s.ctx, pull.Number)
	var told []string
	for _, c := range must(s, list, err) {
		told = append(told, c.Author+": "+strings.ReplaceAll(c.Body, "\r\n", "\n"))
	}
	want := []string{
		Ada + ": please look", Eve + ": <!-- plumb:plan -->\nnot Plumb's",
		Bot + ": " + strings.TrimSpace(forge.Note{Mark: "plan", Text: "two\n\n| a | b |\n|---|---|\n| ü | <details>x</details> |"}.Body()), Bot + ": <!-- plumb:another -->\nbeside",
	}
	if diff := cmp.Diff(want, trimmed(told)); diff != "" {
		s.Errorf("(-want +got):\n%s", diff)
	}
}

func trimmed(texts []string) []string {
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts
}

func saysMuch(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	n := forge.Note{Mark: "plan", Text: strings.Repeat("a line of a plan ✓\n", 3000)}
	first, err := s.Say(s.ctx, pull.Number, n)
	must(s, first, err)
	list, err := s.Comments(s.ctx, pull.Number)
	if must(s, list, err); len(list) != 1 || !n.Same(list[0]) {
		s.Errorf("%d bytes were said, and it is not what stands there", len(n.Text))
	}
}
