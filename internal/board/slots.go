package board

import "strings"

// slot is where a row is kept. A row that replaces another is kept where that was.
type slot = int32

// slots keep the rows. What every query looks at of every row lies beside them in one piece each, so that going over all rows
// does not lead through the whole memory.
type slots struct {
	entries []*entry
	codes   [][columnCount]int32 // numbers of the values that rows are chosen by
	texts   []string             // what is searched, in small letters
	sieves  []sieve              // of the texts
	free    []slot
}

// put keeps a row where another was, or where none is.
func (s *slots) put(e, before *entry, codes [columnCount]int32) {
	switch {
	case before != nil:
		e.slot = before.slot
	case len(s.free) > 0:
		e.slot = s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
	default:
		e.slot = slot(len(s.entries))
		s.entries, s.codes = append(s.entries, nil), append(s.codes, codes)
		s.texts, s.sieves = append(s.texts, ""), append(s.sieves, sieve{})
	}
	s.entries[e.slot], s.codes[e.slot] = e, codes
	s.reword(e)
}

// drop forgets a row.
func (s *slots) drop(e *entry) {
	s.entries[e.slot], s.texts[e.slot] = nil, ""
	s.free = append(s.free, e.slot)
}

// reword takes in what is searched in a row.
func (s *slots) reword(e *entry) {
	text := textOf(&e.Row)
	s.texts[e.slot], s.sieves[e.slot] = text, sieveOf(text)
}

// sieve says of a text which three bytes follow each other in it, some of them with the same bit. A word of which one is missing
// is not in the text, and nobody needs to look.
type sieve [8]uint64

func sieveOf(text string) sieve {
	var s sieve
	for i := 0; i+3 <= len(text); i++ {
		bit := bitOf(text[i : i+3])
		s[bit>>6] |= 1 << (bit & 63)
	}
	return s
}

// bitOf gives one of 512 bits for three bytes: the upper ones of a product with a large odd number, which depend on all of them.
func bitOf(three string) uint16 {
	n := uint32(three[0]) | uint32(three[1])<<8 | uint32(three[2])<<16
	return uint16(n * 0x9e3779b1 >> 23)
}

// word is one of a search.
type word struct {
	text   string
	bits   []uint16            // of each three bytes in it; none for a shorter one
	values [columnCount][]bool // by the numbers of a column, whether it is in the value; nil if it is in none
}

func (b *Board) wordsOf(text string) []word {
	var out []word
	for _, w := range strings.Fields(strings.ToLower(text)) {
		one := word{text: w}
		for _, i := range []int{columnEnv, columnCluster, columnRepo, columnNamespace} { // in no text: rows are told apart by their numbers
			one.values[i] = b.columns[i].having(w)
		}
		for i := 0; i+3 <= len(w); i++ {
			one.bits = append(one.bits, bitOf(w[i:i+3]))
		}
		out = append(out, one)
	}
	return out
}

// mayHave tells whether a text with this sieve may have a word.
func (s *sieve) mayHave(w *word) bool {
	for _, bit := range w.bits {
		if s[bit>>6]&(1<<(bit&63)) == 0 {
			return false
		}
	}
	return true
}

// inValues tells whether a word is in one of a row's values: what half of the fleet has is found without a look at its text.
func (w *word) inValues(codes *[columnCount]int32) bool {
	for i, having := range w.values {
		if having != nil && having[codes[i]] {
			return true
		}
	}
	return false
}

// has tells whether all words are in a row.
func (s *slots) has(at slot, words []word) bool {
	for i := range words {
		if w := &words[i]; !w.inValues(&s.codes[at]) && !s.sieves[at].mayHave(w) {
			return false
		}
	}
	for i := range words {
		if w := &words[i]; !w.inValues(&s.codes[at]) && !strings.Contains(s.texts[at], w.text) {
			return false
		}
	}
	return true
}
