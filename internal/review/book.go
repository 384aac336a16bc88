package review

import (
	"encoding/json"
	"strconv"

	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/shelf"
)

// book remembers what was said of pull requests, in a file per Repo. What is not remembered is said again, which changes nothing.
type book struct {
	files *shelf.Shelf
	repos map[string]*chapter
}

// chapter is what is remembered of a Repo: its open pull requests.
type chapter struct {
	Pulls map[int]said `json:"pulls"`
}

// said is what was said of a pull request last, and what that was made from.
type said struct {
	Head    string      `json:"head"`
	Tip     string      `json:"tip,omitempty"` // "": no plan was made
	State   forge.State `json:"state,omitempty"`
	Text    string      `json:"text,omitempty"`    // of the status
	Comment string      `json:"comment,omitempty"` // digest of the comment
	Asked   bool        `json:"asked,omitempty"`   // a fork's head that somebody with the right asked for
	// Approval is who had approved, where a rule of a policy asks for that; "" if none does.
	Approval string `json:"approval,omitempty"`
	Open     bool   `json:"open,omitempty"` // something could not be asked: it is tried again
}

// holds tells whether what was said is still all that there is to say. Where approval is asked for, the forge has to be asked.
func (s said) holds(pull forge.Pull, at *Desk) bool {
	return s.planned(pull, at) && s.Approval == ""
}

// planned tells whether the plan that was said is of what is there now.
func (s said) planned(pull forge.Pull, at *Desk) bool {
	return s.Head == pull.Head.Commit && !s.Open && s.Tip == at.Tip // of a fork that nobody asked for there is no plan
}

// of gives what is remembered of a Repo, by this life or the one before.
func (b *book) of(repo string) *chapter {
	c := b.repos[repo]
	if c == nil {
		c = &chapter{}
		if data, err := b.files.Read(fileOf(repo)); err == nil && json.Unmarshal(data, c) != nil {
			c = &chapter{} // a broken one is none
		}
		if c.Pulls == nil {
			c.Pulls = map[int]said{}
		}
		b.repos[repo] = c
	}
	return c
}

// note keeps what was said of a pull request.
func (b *book) note(repo string, number int, s said) error {
	b.of(repo).Pulls[number] = s
	return b.write(repo)
}

// drop forgets a pull request.
func (b *book) drop(repo string, number int) error {
	delete(b.of(repo).Pulls, number)
	return b.write(repo)
}

func (b *book) write(repo string) error {
	data, err := json.Marshal(b.of(repo))
	if err != nil {
		return err
	}
	return b.files.Put(fileOf(repo), data)
}

func (b *book) forget(repo string) {
	delete(b.repos, repo)
	b.files.Remove(fileOf(repo))
}

// fileOf is the name of a Repo's file.
func fileOf(repo string) string { return digestOf(repo)[:32] + ".json" }

// planFile is the name of the file of a whole plan.
func planFile(repo string, number int) string {
	return digestOf(repo + " " + strconv.Itoa(number))[:32] + ".json"
}

func digestOf(text string) string { return object.DigestBytes([]byte(text))[len("sha256:"):] }
