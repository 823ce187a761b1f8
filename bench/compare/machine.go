package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// fact is a line about where and with what was measured.
type fact struct{ name, value string }

func describeMachine(ctx context.Context, dir string) []fact {
	facts := []fact{
		{"CPU", strconv.Itoa(runtime.NumCPU()) + " cores, " + lineOf("/proc/cpuinfo", "model name")},
		{"memory", lineOf("/proc/meminfo", "MemTotal")},
		{"kernel", "Linux " + output(ctx, dir, "uname", "-r")},
		{"load average before", output(ctx, dir, "cut", "-d ", "-f1-3", "/proc/loadavg")},
		{"Go", runtime.Version()},
		{"this project", output(ctx, dir, "git", "describe", "--tags", "--always", "--dirty")},
		{"Redis", output(ctx, dir, "redis-server", "--version")},
		{"Node.js", output(ctx, dir, "node", "--version")},
	}
	for _, name := range []string{"socket.io", "@socket.io/redis-adapter", "redis", "jsonwebtoken"} {
		facts = append(facts, fact{"npm " + name, npmVersion(filepath.Join(dir, "peers", nodeName), name)})
	}
	facts = append(facts, fact{"npm bun", npmVersion(filepath.Join(dir, "peers", bunName), "bun")})
	facts = append(facts, fact{centrifugoModule, centrifugoVersion})
	for _, module := range []string{
		"github.com/centrifugal/centrifuge", "github.com/zishang520/socket.io/servers/socket/v3",
		"github.com/zishang520/socket.io/adapters/redis/v3",
	} {
		facts = append(facts, fact{module, output(ctx, filepath.Join(dir, "peers"), "go", "list", "-m", "-f", "{{.Version}}", module)})
	}
	return facts
}

// npmVersion returns the version of a package that the package.json of a folder names.
func npmVersion(dir, name string) string {
	var file struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "package.json")) //nolint:gosec // a file of the source tree
	if err != nil || json.Unmarshal(text, &file) != nil {
		return "unknown"
	}
	return file.Dependencies[name]
}

// lineOf returns what stands behind the key in a file of /proc.
func lineOf(path, key string) string {
	text, _ := os.ReadFile(path) //nolint:gosec // a constant
	for line := range bytes.Lines(text) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// output returns the first line that a program prints.
func output(ctx context.Context, dir, program string, args ...string) string {
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // constants
	command.Dir = dir
	text, err := command.Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
