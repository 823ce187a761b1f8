package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of what is written about scaling, and the marks in the page between which it is.
const (
	scalePage  = "scaling.md"
	scaleChart = "scaling.svg"
	scaleRaw   = "scaling.json"

	scaleBegin = "<!-- measured: make scale writes what follows -->"
	scaleEnd   = "<!-- end of what was measured -->"
)

// writeScale puts what was measured into the page of the directory, beside its prose.
func writeScale(dir string, points []point, machine []fact) error {
	page := filepath.Join(dir, scalePage)
	text, err := os.ReadFile(page) //nolint:gosec // a file of the source tree
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), scaleBegin)
	_, after, ends := strings.Cut(rest, scaleEnd)
	if !begins || !ends {
		return fmt.Errorf("%s does not have the lines %q and %q", page, scaleBegin, scaleEnd)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\nMeasured on %s.\n\n![chart](%s)\n\n%s", before, scaleBegin, time.Now().UTC().Format("2 January 2006"), scaleChart, scaleMarkdown(points))
	b.WriteString("### Machine and versions\n\n| | |\n|---|---|\n")
	for _, f := range machine {
		fmt.Fprintf(&b, "| %s | %s |\n", f.name, f.value)
	}
	fmt.Fprintf(&b, "\n%s%s", scaleEnd, after)
	raw, err := json.MarshalIndent(points, "", " ")
	if err != nil {
		return err
	}
	for name, content := range map[string]string{scalePage: b.String(), scaleChart: drawScale(points), scaleRaw: string(raw) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil { //nolint:gosec // for everybody to read
			return err
		}
	}
	fmt.Println("written:", page)
	return nil
}
