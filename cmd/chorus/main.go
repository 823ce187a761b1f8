// Command chorus runs a node of a Chorus cluster, or a whole cluster for development, and has the
// small tools around it: tokens, the check of a configuration, the probe of a container.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"chorus/node/config"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitFailure = 1 // it could not be done, or the answer is no
	exitUsage   = 2 // the command line is wrong
)

type commands struct {
	Serve      serveCommand      `cmd:"" help:"Run one node."`
	Dev        devCommand        `cmd:"" help:"Run a whole cluster in one process, for development; needs nothing but this binary."`
	Token      tokenCommands     `cmd:"" help:"Make tokens, check them, and revoke them."`
	API        apiCommands       `cmd:"" name:"api" help:"Make keys for the HTTP API."`
	Publish    publishCommand    `cmd:"" help:"Say something to everyone, rooms, users or sockets, by the HTTP API."`
	Rooms      roomsCommand      `cmd:"" help:"List the rooms with somebody in them."`
	Who        whoCommand        `cmd:"" help:"List the users in a room."`
	History    historyCommand    `cmd:"" help:"Read the history of a room."`
	Kick       kickCommand       `cmd:"" help:"Put a user out of a room, or out of all; the user may come back."`
	Ban        banCommand        `cmd:"" help:"Keep a user out of a room, or of all."`
	Tail       tailCommand       `cmd:"" help:"Print what happens in the cluster."`
	Emit       emitCommand       `cmd:"" help:"Send an event to clients of the cluster."`
	Webhooks   webhooksCommands  `cmd:"" help:"Look at what waits for the webhooks, and repair it."`
	Check      checkCommand      `cmd:"" help:"Check the configuration and print what is in force, secrets masked."`
	Why        whyCommand        `cmd:"" help:"Say what a user may do in a room, and which rule, bar or limit decides."`
	Reload     reloadCommand     `cmd:"" help:"Have a node on this machine read its configuration again, as SIGHUP does."`
	Drain      drainCommand      `cmd:"" help:"Have a node on this machine move its clients to the other nodes and end, as SIGTERM does."`
	Types      typesCommand      `cmd:"" help:"Print TypeScript types of the declared events, for the official client."`
	Bench      benchCommand      `cmd:"" help:"Put load on servers and measure them."`
	Health     healthCommand     `cmd:"" help:"Ask a node whether it is ready: exit code 0 or 1, for containers."`
	Completion completionCommand `cmd:"" help:"Print a script that completes the commands, flags and settings of chorus in a shell."`
	Complete   completeCommand   `cmd:"" hidden:"" passthrough:""`
	Help       helpCommand       `cmd:"" help:"Explain chorus or one of its commands."`
	Version    versionCommand    `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	parser := newParser(ctx)
	selected, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chorus:", withoutValues(err.Error(), args)+helpHint(err))
		return exitUsage
	}
	err = selected.Run()
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "chorus:", oneLine(err))
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "chorus:", lines(err, os.Stderr))
	return exitFailure
}

func newParser(ctx context.Context) *kong.Kong {
	return kong.Must(&commands{},
		kong.Name("chorus"),
		kong.Description("A Socket.IO cluster with JWT authentication, over Redis."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Vars{"version": versionLine()},
		kong.TypeMapper(durationType, kong.MapperFunc(decodeDuration)),
	)
}

var durationType = reflect.TypeFor[time.Duration]()

// decodeDuration reads durations as the configuration does, with days and weeks.
func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := config.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 30s, 2m or 1d", text)
	}
	target.SetInt(int64(d))
	return nil
}

// usageError is an error of the command line, not of what the command does.
type usageError struct{ error }

// usagef returns a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// helpHint names the help of the command that could not be parsed.
func helpHint(err error) string {
	var parse *kong.ParseError
	command := ""
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		command = " " + parse.Context.Selected().Path()
		command = strings.Replace(command, " chorus", "", 1)
	}
	return "; chorus help" + command + " shows how to use it"
}

// word matches what a person types as a command or a flag.
var word = regexp.MustCompile(`^(-{0,2}[a-z][a-z-]{0,15}|-[a-zA-Z])$`)

// withoutValues hides the arguments that an error of the parser repeats, unless they look like commands or
// flags: a secret may have slipped out of --set.
func withoutValues(text string, args []string) string {
	for _, arg := range args {
		name, value, hasValue := strings.Cut(arg, "=")
		if hasValue && word.MatchString(name) {
			arg = value
		}
		if arg != "" && !word.MatchString(arg) {
			quoted := strconv.Quote(arg)
			text = strings.NewReplacer(arg, "...", quoted[1:len(quoted)-1], "...").Replace(text)
		}
	}
	return text
}

// oneLine joins the lines of an error, of which each says what to do about one thing.
func oneLine(err error) string {
	return strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; ")
}

// lines returns the text of an error: on a terminal with a line for each thing that is wrong, else as one
// line, which logs keep together.
func lines(err error, out *os.File) string {
	if !isTerminal(out) {
		return oneLine(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "\n        ")
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
