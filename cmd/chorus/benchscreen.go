package main

import (
	"fmt"
	"os"
	"time"

	"chorus/bench"
)

// benchScreen is one line of a terminal that tells what a run does.
type benchScreen struct {
	file *os.File // nil when it is no terminal
}

func newBenchScreen(file *os.File) *benchScreen {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &benchScreen{}
	}
	return &benchScreen{file: file}
}

// eraseLine goes to the beginning of the line and erases it.
const eraseLine = "\r\x1b[K"

func (s *benchScreen) show(p bench.Progress) {
	if s.file == nil {
		return
	}
	line := fmt.Sprintf("%s  %d connected", p.Phase, p.Connected)
	if p.Left > 0 {
		line = fmt.Sprintf("%s, %s left  %d connected", p.Phase, p.Left.Round(time.Second), p.Connected)
	}
	if p.Dropped > 0 {
		line += fmt.Sprintf("  %d closed", p.Dropped)
	}
	if p.Deliveries > 0 {
		line += fmt.Sprintf("  %.0f deliveries/s", p.PerSecond)
	}
	_, _ = fmt.Fprint(s.file, eraseLine+line) // a terminal that is gone shows nothing
}

func (s *benchScreen) clear() {
	if s.file != nil {
		_, _ = fmt.Fprint(s.file, eraseLine)
	}
}
