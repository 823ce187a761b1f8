// Command chorus runs a node of a Chorus cluster, or a whole cluster for development, and has the
// small tools around it: tokens, the check of a configuration, the probe of a container.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run one node."`
	Dev     devCommand     `cmd:"" help:"Run a whole cluster in one process, for development; needs nothing but this binary."`
	Token   tokenCommands  `cmd:"" help:"Make tokens, check them, and revoke them."`
	Emit    emitCommand    `cmd:"" help:"Send an event to clients of the cluster."`
	Check   checkCommand   `cmd:"" help:"Check the configuration and print what is in force, secrets masked."`
	Bench   benchCommand   `cmd:"" help:"Put load on servers and measure them."`
	Health  healthCommand  `cmd:"" help:"Ask a node whether it is ready: exit code 0 or 1, for containers."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	var c commands
	parser := kong.Must(&c,
		kong.Name("chorus"),
		kong.Description("A Socket.IO cluster with JWT authentication, over Redis."),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	selected, err := parser.Parse(os.Args[1:])
	if err == nil {
		err = selected.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chorus:", oneLine(err))
		os.Exit(1)
	}
}

// oneLine joins the lines of an error, of which each says what to do about one thing.
func oneLine(err error) string {
	return strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; ")
}
