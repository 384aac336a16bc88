package contract

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// schema is a type of a description, written as
//
//	{id:int title:string body:string? user:{login:string} labels:[{name:string}]}
//
// Types are int, number, string, bool, time (RFC 3339), sha (a commit in full), url, any, one of some words (open|closed), an
// object or a list. A question mark makes a field nullable or, in a body, optional.
type schema struct {
	word     string
	words    []string
	fields   map[string]*schema // of an object
	item     *schema            // of a list
	optional bool
}

// parse reads a schema; "" is an object without fields.
func parse(text string) (*schema, error) {
	if strings.TrimSpace(text) == "" {
		return &schema{fields: map[string]*schema{}}, nil
	}
	p := &parser{rest: text}
	s, err := p.value()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	return s, err
}

type parser struct{ rest string }

func (p *parser) next(prefix string) bool {
	p.rest = strings.TrimLeft(p.rest, " \n\t")
	after, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = after
	}
	return ok
}

var word = regexp.MustCompile(`^[A-Za-z0-9_|.+-]+`)

func (p *parser) value() (*schema, error) {
	s := &schema{}
	switch {
	case p.next("{"):
		s.fields = map[string]*schema{}
		for !p.next("}") {
			name := word.FindString(p.rest)
			p.rest = p.rest[len(name):]
			if name == "" || !p.next(":") {
				return nil, fmt.Errorf("a field is expected at %q", p.rest)
			}
			field, err := p.value()
			if err != nil {
				return nil, err
			}
			s.fields[name] = field
		}
	case p.next("["):
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		if s.item = item; !p.next("]") {
			return nil, fmt.Errorf("] is expected at %q", p.rest)
		}
	default:
		s.word = word.FindString(p.rest)
		if p.rest = p.rest[len(s.word):]; s.word == "" {
			return nil, fmt.Errorf("a type is expected at %q", p.rest)
		}
		if strings.Contains(s.word, "|") {
			s.words = strings.Split(s.word, "|")
		}
	}
	s.optional = p.next("?")
	return s, nil
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// check gives "" or why a value is not of the type.
func (s *schema) check(v any) string {
	switch {
	case v == nil && s.optional:
		return ""
	case v == nil:
		return "is null"
	case s.fields != nil:
		return s.checkObject(v)
	case s.item != nil:
		list, ok := v.([]any)
		if !ok {
			return fmt.Sprintf("is no list: %v", v)
		}
		for i, item := range list {
			if why := s.item.check(item); why != "" {
				return fmt.Sprintf("has in place %d something that %s", i, why)
			}
		}
		return ""
	}
	if s.isOf(v) {
		return ""
	}
	return fmt.Sprintf("is not of type %s: %v", s.word, v)
}

func (s *schema) isOf(v any) bool {
	text, isText := v.(string)
	number, isNumber := v.(float64)
	switch s.word {
	case "int":
		return isNumber && number == float64(int64(number))
	case "number":
		return isNumber
	case "bool":
		_, ok := v.(bool)
		return ok
	case "any":
		return true
	case "string":
		return isText
	case "time":
		_, err := time.Parse(time.RFC3339, text)
		return isText && err == nil
	case "sha":
		return commit.MatchString(text)
	case "url":
		u, err := url.Parse(text)
		return isText && err == nil && u.IsAbs()
	}
	for _, w := range s.words {
		if text == w {
			return true
		}
	}
	return false
}

func (s *schema) checkObject(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("is no object: %v", v)
	}
	for name, field := range s.fields {
		value, ok := object[name]
		if !ok && field.optional {
			continue
		}
		if !ok {
			return "has no " + name
		}
		if why := field.check(value); why != "" {
			return "has a field " + name + " that " + why
		}
	}
	for name := range object {
		if s.fields[name] == nil {
			return "has a field " + name + ", which is not described"
		}
	}
	return ""
}
