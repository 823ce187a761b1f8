package permission

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// subjectMark is what stands for the token's subject in a pattern.
const subjectMark = "{sub}"

// Why a pattern is none. They hold nothing of the pattern.
var (
	errPatternEscape = errors.New(`a pattern ends with a backslash, behind which a character belongs`)
	errPatternBrace  = errors.New(`a pattern has a brace that is not {sub}: write \{ for the character itself`)
	errPatternUTF8   = errors.New(`a pattern is not UTF-8`)
)

// pattern is a glob for names: "*" stands for any run of characters, also none, "?" for exactly one,
// {sub} for the token's subject, and a backslash takes the special meaning from what follows it. All
// else stands for itself. A pattern matches a whole name or not at all.
type pattern struct {
	text   string
	pieces []piece
}

// piece is a part of a pattern.
type piece struct {
	kind    pieceKind
	literal string
}

type pieceKind uint8

const (
	pieceLiteral pieceKind = iota
	pieceSubject
	pieceOne
	pieceRun
)

// parsePattern reads a pattern. A brace that is not {sub} is refused: it is a typo, or alternatives,
// which these globs do not have.
func parsePattern(text string) (pattern, error) {
	if !utf8.ValidString(text) {
		return pattern{}, errPatternUTF8
	}
	p := pattern{text: text}
	var literal strings.Builder
	add := func(kind pieceKind) {
		if literal.Len() > 0 {
			p.pieces = append(p.pieces, piece{pieceLiteral, literal.String()})
			literal.Reset()
		}
		// A run behind a run adds nothing.
		if n := len(p.pieces); kind != pieceLiteral && (kind != pieceRun || n == 0 || p.pieces[n-1].kind != pieceRun) {
			p.pieces = append(p.pieces, piece{kind: kind})
		}
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			add(pieceRun)
		case '?':
			add(pieceOne)
		case '{':
			if !strings.HasPrefix(text[i:], subjectMark) {
				return pattern{}, errPatternBrace
			}
			add(pieceSubject)
			i += len(subjectMark) - 1
		case '}':
			return pattern{}, errPatternBrace
		case '\\':
			if i++; i == len(text) {
				return pattern{}, errPatternEscape
			}
			literal.WriteByte(text[i])
		default:
			literal.WriteByte(text[i])
		}
	}
	add(pieceLiteral)
	return p, nil
}

// parsePatterns reads a list of patterns. Its error begins with the position of the bad one.
func parsePatterns(texts []string) ([]pattern, error) {
	patterns := make([]pattern, len(texts))
	for i, text := range texts {
		p, err := parsePattern(text)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		patterns[i] = p
	}
	return patterns, nil
}

// matches tells whether a name fits, in time proportional to the length of the name times that of the
// pattern: of all runs only the last one met is ever made longer, since the ones before it have found
// the earliest place for what follows them. The subject stands for itself, whatever characters it has;
// without one a pattern with {sub} matches nothing.
func (p *pattern) matches(name, subject string) bool {
	next, at := 0, 0     // in the pieces, in the name
	run, runEnd := -1, 0 // the last run met, and where in the name it ends
	for {
		switch {
		case next == len(p.pieces):
			if at == len(name) {
				return true
			}
		case p.pieces[next].kind == pieceRun:
			run, runEnd = next, at
			next++
			continue
		default:
			if n := p.pieces[next].width(name[at:], subject); n > 0 {
				next, at = next+1, at+n
				continue
			}
		}
		if run < 0 || runEnd == len(name) {
			return false
		}
		_, n := utf8.DecodeRuneInString(name[runEnd:])
		runEnd += n
		next, at = run+1, runEnd
	}
}

// width returns how many bytes at the beginning of a name a piece takes, 0 when it does not fit. No
// piece but a run fits nothing.
func (p *piece) width(name, subject string) int {
	literal := p.literal
	switch p.kind {
	case pieceOne:
		_, n := utf8.DecodeRuneInString(name)
		return n
	case pieceSubject:
		literal = subject
	}
	if !strings.HasPrefix(name, literal) {
		return 0
	}
	return len(literal)
}
