package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// nodeCommand returns the command of the server in JavaScript, which the runtime runs.
func nodeCommand(runtime string, p place) (argv, env []string) {
	argv = []string{runtime, filepath.Join(p.dir, "peers", "node", "server.js"), "--listen", p.listen}
	if p.redis != "" {
		argv = append(argv, "--redis", p.redis)
	}
	if p.deflate {
		argv = append(argv, "--deflate")
	}
	return argv, []string{"BENCH_SECRET=" + secret}
}

// bunBinary is Bun, which its npm package brings.
func bunBinary(p place) string {
	return filepath.Join(p.dir, "peers", "bun", "node_modules", ".bin", "bun")
}

// installBun installs the version of the lock file, unless a Bun is there that runs.
func installBun(ctx context.Context, p place) error {
	if exec.CommandContext(ctx, bunBinary(p), "--version").Run() == nil { //nolint:gosec // a path of the source tree
		return nil
	}
	command := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	command.Dir, command.Env = filepath.Join(p.dir, "peers", "bun"), os.Environ()
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, lastLine(output))
	}
	if output, err := exec.CommandContext(ctx, bunBinary(p), "--version").CombinedOutput(); err != nil { //nolint:gosec // a path of the source tree
		return fmt.Errorf("bun --version: %w: %s", err, lastLine(output))
	}
	return nil
}
