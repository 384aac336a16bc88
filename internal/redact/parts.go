package redact

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is taken apart: what lies beyond is not looked for by itself, the whole value and its lines still are.
const (
	partsRead    = 256 << 10 // bytes of one value
	partsAtMost  = 256       // of one value
	partsDeep    = 3         // texts within base64 within texts
	pieceAtMost  = 8 << 10   // bytes of one part that has no quotes
	looksAtMost  = 8 << 10   // names and addresses that are looked at
	lookedAtMost = 1 << 20   // bytes that are looked at behind them
	hostAtMost   = 2 << 10   // bytes of an address before its path
	tokenAtLeast = 16        // bytes of a word that is taken for a credential without a name that says so
	hexAtLeast   = 32
)

// parts gives what is secret by itself within a value that is a file or an address: the password of a URL or of
// "user:password", what stands behind a name like password or token (JSON, YAML, ini, dotenv, connection strings, netrc),
// words that look drawn by lot, and the same within base64. A Docker configuration, a kubeconfig and the key of a service
// account are such files. name is the key of the value in its Secret.
//
// A part counts by its name or by how it looks, since most of a file is no secret, and hiding "production" everywhere
// would hide everything: see weigh and drawn.
func parts(name, value string) []string {
	t := taker{seen: map[string]bool{value: true}, looks: looksAtMost, bytes: lookedAtMost}
	value = value[:min(len(value), partsRead)]
	t.text(value, 0)
	t.inner(value, weigh(name) > 0, 0)
	return t.found
}

type taker struct {
	found        []string
	seen         map[string]bool
	looks, bytes int // what is left
}

// look tells whether n more bytes may be looked at, which a hostile value could have done again and again.
func (t *taker) look(n int) bool {
	t.looks, t.bytes = t.looks-1, t.bytes-n
	return t.looks >= 0 && t.bytes >= 0
}

func (t *taker) add(part string) {
	part = strings.TrimSpace(part)
	if len(part) < MinNeedle || t.seen[part] || len(t.found) >= partsAtMost {
		return
	}
	t.seen[part] = true
	t.found = append(t.found, part)
}

// text takes from a text whatever of it is secret.
func (t *taker) text(s string, deep int) {
	if deep > partsDeep || len(s) < MinNeedle {
		return
	}
	t.addresses(s)
	t.named(s, deep)
	t.fields(s)
	for word := range strings.FieldsFuncSeq(s, endsWord) {
		if drawn(word) {
			t.add(word)
			t.inner(word, false, deep)
		}
	}
}

// piece takes what stands behind a name: all of it, if the name says that it is secret.
func (t *taker) piece(s string, w weight, deep int) {
	s = strings.TrimSpace(s)
	if w == strong && !common[strings.ToLower(s)] || w == weak && mixed(s) {
		t.add(s)
		if scheme, rest, ok := strings.Cut(s, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic") || strings.EqualFold(scheme, "token")) {
			t.piece(rest, w, deep)
		}
	}
	t.inner(s, true, deep)
}

// inner takes what is in base64. Of user:password, which is what Basic authentication and Docker encode, the password counts
// where a name or the look has told that something is secret.
func (t *taker) inner(s string, told bool, deep int) {
	s = strings.Join(strings.Fields(s), "")
	if len(s) < MinNeedle || len(s) > partsRead {
		return
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "="))
	if err != nil || !readable(raw) {
		return
	}
	plain := string(raw)
	if told || drawn(s) {
		if user, password, ok := strings.Cut(plain, ":"); ok && user != "" && !strings.ContainsAny(plain, " \t\r\n") {
			t.add(password)
		} else {
			t.add(plain)
		}
	}
	t.text(plain, deep+1)
}

// addresses takes the passwords of URLs, written as they are and decoded. A user without a password counts if it looks like a token.
func (t *taker) addresses(s string) {
	for _, after, ok := strings.Cut(s, "://"); ok && t.look(hostAtMost/4); _, after, ok = strings.Cut(after, "://") {
		user, password, both := strings.Cut(userOf(after[:min(len(after), hostAtMost)]), ":")
		if !both {
			if drawn(user) {
				t.add(user)
			}
			continue
		}
		t.add(password)
		if plain, err := url.PathUnescape(password); err == nil {
			t.add(plain)
		}
	}
}

// userOf gives what stands before the @ of an address without its scheme, also where a password that nobody has encoded
// holds what ends a host.
func userOf(address string) string {
	if end := strings.IndexFunc(address, endsAddress); end >= 0 {
		address = address[:end]
	}
	host := address
	if end := strings.IndexAny(address, "/?#"); end >= 0 {
		host = address[:end]
	}
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		return host[:at]
	}
	user, _, ok := strings.Cut(address, "@")
	if !ok || !strings.Contains(user, ":") || strings.Contains(user, "://") || portFirst.MatchString(user) {
		return ""
	}
	return user
}

func endsAddress(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'<>`", r) }

// portFirst is what is no user and password: a host with its port, and a path in which there is an @.
var portFirst = regexp.MustCompile(`^[^:/]*:[0-9]{1,5}[/?#]|^[^:]*/`)

// named takes what stands behind names that say it is secret.
func (t *taker) named(s string, deep int) {
	for i := 0; i < len(s); i++ {
		if s[i] != ':' && s[i] != '=' || strings.HasPrefix(s[i:], "://") {
			continue
		}
		name := nameBefore(s[:i])
		w := weigh(name)
		if w == 0 {
			continue
		}
		from := i + 1
		for from < len(s) && (s[from] == ' ' || s[from] == '\t' || s[from] == '>' && s[i] == '=') {
			from++
		}
		for _, piece := range pieces(s[from:]) {
			if !t.look(len(piece)) {
				return
			}
			t.piece(piece, w, deep)
		}
	}
}

// nameBefore gives the name at the end of a text, without its quotes.
func nameBefore(s string) string {
	s = strings.TrimRight(s[max(0, len(s)-128):], " \t\"'")
	start := len(s)
	for start > 0 && (s[start-1] == '-' || s[start-1] == '_' || s[start-1] == '.' || isAlnum(s[start-1])) {
		start--
	}
	return s[start:]
}

// pieces gives what is behind a separator: a text in quotes or bare, or the entries of a list.
func pieces(s string) []string {
	switch {
	case s == "":
		return nil
	case s[0] == '"' || s[0] == '\'' || s[0] == '`':
		piece, _ := quoted(s)
		return []string{piece}
	case s[0] == '[':
		return entries(s[1:])
	case s[0] == '{' || s[0] == '|' || s[0] == '>' || strings.HasPrefix(s, "${"):
		return nil // what is inside has names of its own, or lines; a reference is no value
	case s[0] == '\n' || s[0] == '\r':
		return items(s)
	}
	return []string{bare(s)}
}

// quoted gives the text in the quotes with which s begins, and what is behind them.
func quoted(s string) (text, rest string) {
	end := 1
	for end < len(s) && s[end] != s[0] {
		if s[end] == '\\' && s[0] == '"' {
			end++
		}
		end++
	}
	end = min(end, len(s))
	inside := s[1:end]
	if s[0] == '"' && strings.Contains(inside, `\`) {
		if plain, err := strconv.Unquote(`"` + strings.ReplaceAll(inside, `\/`, `/`) + `"`); err == nil {
			inside = plain
		}
	}
	return inside, s[min(end+1, len(s)):]
}

// entries gives the entries of a list in brackets.
func entries(s string) []string {
	var all []string
	for len(all) < partsAtMost {
		s = strings.TrimLeft(s, " \t\r\n,")
		if s == "" || s[0] == ']' || s[0] == '{' || s[0] == '[' {
			return all
		}
		if s[0] == '"' || s[0] == '\'' {
			var entry string
			entry, s = quoted(s)
			all = append(all, entry)
			continue
		}
		end := strings.IndexAny(s, ",]\r\n")
		if end < 0 {
			return append(all, s[:min(len(s), pieceAtMost)])
		}
		all, s = append(all, s[:end]), s[end:]
	}
	return all
}

// items gives the entries of a list of YAML, one on a line.
func items(s string) []string {
	var all []string
	for line := range strings.Lines(strings.TrimLeft(s, "\r\n")) {
		item, ok := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !ok || len(all) == partsAtMost {
			return all
		}
		all = append(all, strings.Trim(item, `"'`))
	}
	return all
}

// bare gives the text without quotes with which s begins: up to the end of the line, to a comment, or to what is the next
// name of the same line (a=b c=d, a=b;c=d, a=b&c=d, {a: b, c: d}).
func bare(s string) string {
	s = s[:min(len(s), pieceAtMost)]
	if end := strings.IndexAny(s, "\r\n"); end >= 0 {
		s = s[:end]
	}
	if next := nextName.FindStringIndex(s); next != nil {
		s = s[:next[0]]
	}
	if comment := strings.Index(s, " #"); comment >= 0 {
		s = s[:comment]
	}
	return strings.TrimRight(s, " \t,;}])'\"")
}

var nextName = regexp.MustCompile(`[\s,;&]+["']?[A-Za-z_][A-Za-z0-9_.\-]*["']?(?: [A-Za-z]+)?\s*(?:=|:\s)`)

// fields takes passwords of files that have columns: .pgpass (host:port:database:user:password) and .netrc.
func (t *taker) fields(s string) {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		for _, columns := range []struct {
			hint string
			re   *regexp.Regexp
		}{{":", pgpass}, {"pass", netrc}} {
			if len(line) > hostAtMost || !strings.Contains(line, columns.hint) {
				continue
			}
			if m := columns.re.FindStringSubmatch(line); m != nil {
				t.add(m[1])
			}
		}
	}
}

var (
	pgpass = regexp.MustCompile(`^[^:\s]+:(?:\d{1,5}|\*):[^:\s]+:[^:\s]+:(\S+)$`)
	netrc  = regexp.MustCompile(`(?:^|\slogin\s+\S+\s+)(?:password|requirepass)\s+(\S+)$`)
)

// weight is how much a name says that what is behind it is secret.
type weight int

const (
	weak   weight = iota + 1 // it may be: key, auth, session
	strong                   // password, token, apiKey
)

var (
	strongWords = words("pass pwd pw psk")
	strongEnds  = []string{"password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "authorization", "apikey", "accesskey", "privatekey", "secretkey"} // of words, with or without s
	weakWords   = words("key keys auth bearer cookie session signature sig salt seed hash pat pin dsn connection private cert webhook")
	// describing are the last words of names of what is about a secret and none itself.
	describing = words("name names file files path dir url uri endpoint host type kind method mode provider id ids class ref length size ttl expiry expires expiration timeout rotation version enabled disabled required policy format algorithm alg issuer audience user username usage server count limit")
	// common are words that stand behind names that say secret, and that hiding everywhere would make a text unreadable.
	common = words("password secret default enabled disabled required optional private public always string bearer kubernetes serviceaccount service_account client_secret_basic client_secret_post scram-sha-256 changeit")
)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// weigh tells how much a name says that what is behind it is secret, 0 for not at all.
func weigh(name string) weight {
	var heavy weight
	var last, before string
	for _, last = range wordsOf(name) {
		singular := strings.TrimSuffix(last, "s")
		switch {
		case strongWords[last] || slices.ContainsFunc(strongEnds, func(end string) bool { return strings.HasSuffix(singular, end) || strings.HasSuffix(last, end) }),
			singular == "key" && (before == "api" || before == "access" || before == "private"):
			heavy = strong
		case weakWords[last]:
			heavy = max(heavy, weak)
		}
		before = last
	}
	if describing[last] {
		return 0
	}
	return heavy
}

// wordsOf gives the words of a name, small: apiKey, API_KEY and api-key have the same two.
func wordsOf(name string) []string {
	var all []string
	for _, run := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		start := 0
		for i := 1; i < len(run); i++ {
			next := i+1 < len(run) && isSmall(run[i+1])
			if !isSmall(run[i]) && (isSmall(run[i-1]) || next) {
				all, start = append(all, strings.ToLower(run[start:i])), i
			}
		}
		all = append(all, strings.ToLower(run[start:]))
	}
	return all
}

func isSmall(c byte) bool { return c >= 'a' && c <= 'z' }

// drawn tells whether a word looks drawn by lot, as tokens, keys and the hashes of passwords do: long, of large letters, small
// letters and digits that change often; or long, of hexadecimal digits. Names, addresses, paths, times and numbers do not.
func drawn(s string) bool {
	if len(s) < tokenAtLeast || len(s) > pieceAtMost || s[0] == '/' || s[0] == '.' {
		return false
	}
	var digits, small, large, hex, changes int
	last := byte(0)
	for i := range len(s) {
		kind := last
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits, hex, kind = digits+1, hex+1, '0'
		case isSmall(c):
			small, kind = small+1, 'a'
			if c <= 'f' {
				hex++
			}
		case c >= 'A' && c <= 'Z':
			large, kind = large+1, 'A'
		case strings.IndexByte("+/_=-.$~!%^*@", c) < 0:
			return false
		}
		if kind != last {
			changes, last = changes+1, kind
		}
	}
	if digits < 2 || small == 0 {
		return false
	}
	return large > 0 && changes >= len(s)/4 || hex == len(s) && len(s) >= hexAtLeast
}

// mixed tells whether a text is no plain word: letters and digits, of eight bytes or more, without spaces, and no host or path.
func mixed(s string) bool {
	if len(s) < MinNeedle+2 || strings.ContainsAny(s, " \t") || s[0] == '/' {
		return false
	}
	if strings.Contains(s, ".") && s == strings.ToLower(s) && !strings.ContainsAny(s, ":+=@") {
		return false
	}
	return strings.ContainsAny(s, "0123456789") && strings.ContainsFunc(s, unicode.IsLetter)
}

func readable(raw []byte) bool {
	return len(raw) >= MinNeedle && utf8.Valid(raw) && !slices.ContainsFunc([]rune(string(raw)), func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func endsWord(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\"'`,;:[]{}()<>\\|&?#", r)
}
