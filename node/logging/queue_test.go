package logging

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// gate is an output that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	got  bytes.Buffer
}

func (g *gate) Write(line []byte) (int, error) {
	<-g.open
	return g.got.Write(line)
}

func TestLogThatBlocksDropsLines(t *testing.T) {
	t.Parallel()
	out := &gate{open: make(chan struct{})}
	q := &logQueue{out: out}
	reported := make(chan int, 1)
	q.report = func(dropped int) { reported <- dropped }

	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 2 * maxLogQueue / len(line) {
		if _, err := q.Write(line); err != nil { // it would block for ever if it waited
			t.Fatal(err)
		}
	}
	began := time.Now()
	q.flush(time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("flush waited %s for an output that takes nothing", took)
	}
	close(out.open)
	if dropped := <-reported; dropped == 0 {
		t.Error("none were dropped")
	}
	q.flush(time.Minute)
	if out.got.Len() < maxLogQueue/2 || out.got.Len() > maxLogQueue {
		t.Errorf("%d bytes were written", out.got.Len())
	}
}

func TestLogKeepsTheOrderOfLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	q := &logQueue{out: &out, report: func(int) {}}
	var want strings.Builder
	for i := range 1000 {
		line := strings.Repeat("y", i%7) + "\n"
		want.WriteString(line)
		_, _ = io.WriteString(q, line)
	}
	q.flush(time.Minute)
	if out.String() != want.String() {
		t.Error("lines are missing or out of order")
	}
}
