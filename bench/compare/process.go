package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a program that was started and listens.
type process struct {
	command *exec.Cmd
	address string
	log     string
	ended   chan struct{}
}

const (
	startTimeout = 15 * time.Second
	stopTimeout  = 5 * time.Second
	startPause   = 20 * time.Millisecond
)

// start starts a program and waits until it listens. What it prints goes into a file of dir.
func start(ctx context.Context, dir, name, address string, argv, env []string) (*process, error) {
	p := &process{address: address, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()                              //nolint:errcheck // the program has its own descriptor
	p.command = exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // programs of this benchmark; stop ends them, in order
	p.command.Env = append(os.Environ(), env...)
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the program
		_ = p.command.Wait() // how it ended is in its log
		close(p.ended)
	}()
	if err := p.await(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w: %s", name, err, p.tail())
	}
	return p, nil
}

func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var dialer net.Dialer
	for {
		if conn, err := dialer.DialContext(ctx, "tcp", p.address); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("does not listen: %w", ctx.Err())
		case <-p.ended:
			return fmt.Errorf("has ended")
		case <-time.After(startPause):
		}
	}
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop ends the program and waits for that.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// tail is the last of what the program printed.
func (p *process) tail() string {
	const most = 300
	text, _ := os.ReadFile(p.log)
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return strings.TrimSpace(string(text))
}

// freeAddress returns an address of loopback that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
