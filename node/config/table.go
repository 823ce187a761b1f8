package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:generate go test -count=1 -run TestDocsHaveEverySetting . -update

// Table returns all settings as Markdown, for docs/configuration.md.
func Table() string {
	var out strings.Builder
	out.WriteString("| key | type | default | |\n|---|---|---|---|\n")
	for _, s := range Settings() {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", s.Key, s.typeText(), s.defaultText(), s.helpText())
	}
	return out.String()
}

func (s *Setting) typeText() string {
	if len(s.Choices) == 0 {
		return s.Type
	}
	return "`" + strings.Join(s.Choices, "`, `") + "`"
}

func (s *Setting) defaultText() string {
	switch {
	case s.Default == "":
		return markCode(s.Empty)
	case s.Empty != "" && (s.Default == "0" || s.Default == "0s"):
		return "`" + s.Default + "`: " + markCode(s.Empty)
	}
	return "`" + s.Default + "`"
}

func (s *Setting) helpText() string {
	text := markCode(s.Help)
	if limit := s.limitText(); limit != "" {
		text += " " + limit
	}
	if s.Default != "" && s.Default != "0" && s.Default != "0s" && s.Empty != "" {
		text += " " + zeroOf(s) + ": " + markCode(s.Empty) + "."
	}
	if s.Secret == Secret {
		text += " Secret."
	}
	if s.Reload {
		text += " Can be reloaded."
	}
	return strings.TrimSpace(text)
}

// limitText returns the limits of a setting, unless they say no more than that a value is positive.
func (s *Setting) limitText() string {
	least := s.Min
	if slices.Contains([]string{"0", "0s", "1", "1ms"}, least) {
		least = ""
	}
	switch {
	case least == "" && s.Max == "":
		return ""
	case s.Max == "":
		return "At least " + least + "."
	case least == "":
		return "At most " + s.Max + "."
	}
	return least + " to " + s.Max + "."
}

// zeroOf returns how the empty value of a setting is written.
func zeroOf(s *Setting) string {
	if s.Type == "text" || s.Type == "list" {
		return "Empty"
	}
	return "0"
}

// code matches what help texts write in quotes.
var code = regexp.MustCompile(`(^|[ (])'([^']+)'`)

func markCode(text string) string {
	return strings.ReplaceAll(code.ReplaceAllString(text, "$1`$2`"), "|", `\|`)
}
