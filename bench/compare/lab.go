package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lab has what all measurements need: binaries and a Redis.
type lab struct {
	dir   string // of the benchmark, in the source tree
	temp  string
	redis *process
	hook  *http.Server // a back end that allows everything
	asked string       // its URL

	missing map[string]error // why servers could not be installed, by their names
}

func openLab(ctx context.Context, dir string) (*lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "chorus-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, temp: temp}
	if err := l.open(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) open(ctx context.Context) (err error) {
	fmt.Println("building")
	for _, build := range []struct{ dir, packages string }{
		{filepath.Dir(l.dir), "./bench/server"}, {filepath.Join(l.dir, "peers"), "./..."},
	} {
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", l.temp+"/", build.packages) //nolint:gosec // constants
		command.Dir = build.dir
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w: %s", build.packages, err, output)
		}
	}
	if l.hook, l.asked, err = startHook(ctx); err != nil {
		return err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	l.redis, err = start(ctx, l.temp, "redis", address, []string{
		"redis-server", "--bind", "127.0.0.1", "--port", portOf(address), "--save", "", "--appendonly", "no", "--dir", l.temp,
	}, nil)
	return err
}

// install installs what the servers need. A server that cannot be installed is missing.
func (l *lab) install(ctx context.Context, servers []server) {
	l.missing = map[string]error{}
	for _, s := range servers {
		if s.install == nil {
			continue
		}
		fmt.Println("installing", s.name)
		if err := s.install(ctx, place{bin: l.temp, dir: l.dir}); err != nil {
			l.missing[s.name] = err
			fmt.Printf("%s is left out: %v\n", s.name, err)
		}
	}
}

// lastLine returns the last line that a program printed, which usually has the reason of its failure.
func lastLine(output []byte) string {
	text := strings.TrimSpace(string(output))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func (l *lab) close() {
	if l.hook != nil {
		_ = l.hook.Close() // nobody waits for an answer
	}
	if l.redis != nil {
		l.redis.stop()
	}
	_ = os.RemoveAll(l.temp)
}

// cluster is the running processes of a server.
type cluster struct {
	processes []*process
	urls      []string
	pids      []int
}

// serverNice is the priority of servers, below that of the generator and of Redis. Their clients
// would be on other machines; here, what the generator waits for a core must not count as the
// server's latency.
const serverNice = "5"

func (l *lab) start(ctx context.Context, s server, nodes int, deflate bool) (*cluster, error) {
	c := &cluster{}
	for i := range nodes {
		address, err := freeAddress(ctx)
		if err != nil {
			return c, err
		}
		argv, env := s.command(place{bin: l.temp, dir: l.dir, listen: address, redis: l.redisFor(s), hook: l.asked, deflate: deflate})
		argv = append([]string{"nice", "-n", serverNice}, argv...)
		p, err := start(ctx, l.temp, fmt.Sprintf("%s-%d", s.name, i), address, argv, env)
		if err != nil {
			return c, err
		}
		c.processes, c.urls, c.pids = append(c.processes, p), append(c.urls, "http://"+address), append(c.pids, p.pid())
	}
	return c, nil
}

func (l *lab) redisFor(s server) string {
	if s.name == floorName {
		return ""
	}
	return l.redis.address
}

func (c *cluster) stop() {
	for _, p := range c.processes {
		p.stop()
	}
}
