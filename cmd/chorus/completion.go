package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"chorus/node/config"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// completionScripts ask "chorus complete WORD..." for candidates; where there are none, the shell completes
// the names of files.
var completionScripts = map[string]string{
	"bash": `# bash completion of chorus: source <(chorus completion bash)
_chorus() {
  local IFS=$'\n' word
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("${word%%$'\t'*}"); done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _chorus chorus
`,
	"zsh": `#compdef chorus
# zsh completion of chorus: source <(chorus completion zsh)
_chorus() {
  local -a candidates
  local line
  while IFS= read -r line; do candidates+=("${line//$'\t'/:}"); done < <("${words[1]}" complete -- "${(@)words[2,$CURRENT]}" 2>/dev/null)
  if (( ${#candidates} )); then _describe chorus candidates; else _files; fi
}
compdef _chorus chorus
`,
	"fish": `# fish completion of chorus: chorus completion fish | source
complete -c chorus -a '(chorus complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}

// Run prints the script.
func (c *completionCommand) Run() error {
	_, err := fmt.Print(completionScripts[c.Shell])
	return err
}

type completeCommand struct {
	Words []string `arg:"" optional:"" help:"What was typed behind chorus; the last word is to be completed."`
}

// Run prints the candidates, each with a tab and what it is for.
func (c *completeCommand) Run(ctx context.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, candidate := range complete(newParser(ctx).Model.Node, words) {
		if _, err := fmt.Fprintln(os.Stdout, candidate); err != nil {
			return err
		}
	}
	return nil
}

// complete returns what the last word may become.
func complete(node *kong.Node, words []string) (candidates []string) {
	var flag *kong.Flag // whose value comes next
	last := ""
	if len(words) > 0 {
		last, words = words[len(words)-1], words[:len(words)-1]
	}
	for _, word := range words {
		switch child := childOf(node, word); {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(word, "-"):
			flag = flagOf(node, word)
		case child != nil:
			node = child
		}
	}
	add := func(name, help string) {
		if strings.HasPrefix(name, last) {
			candidates = append(candidates, name+"\t"+strings.TrimSuffix(help, "."))
		}
	}
	switch {
	case flag != nil && flag.Name == "set":
		for _, s := range config.Settings() {
			if slices.Contains(config.Keys(), s.Key) {
				add(s.Key+"=", s.Help)
			}
		}
	case flag != nil:
		for _, value := range flag.EnumSlice() {
			add(value, "")
		}
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				add("--"+f.Name, f.Help)
			}
		}
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				add(child.Name, child.Help)
			}
		}
		for _, p := range node.Positional {
			for _, value := range p.EnumSlice() {
				add(value, "")
			}
		}
	}
	return candidates
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name && !child.Hidden {
			return child
		}
	}
	return nil
}

// flagOf returns the flag that a word names when its value is the next word.
func flagOf(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if (word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)) && !f.IsBool() {
				return f
			}
		}
	}
	return nil
}
