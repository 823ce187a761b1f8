package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"chorus/bench"
	"chorus/node"
)

type benchCommand struct {
	configFlags
	URLs []string `arg:"" name:"url" help:"Servers, as http://localhost:3000; clients are spread over them."`

	Connections int           `short:"n" default:"100" help:"Number of clients."`
	ConnectRate float64       `placeholder:"N" help:"Clients that connect per second; default as fast as it goes."`
	Concurrency int           `default:"64" help:"Clients that connect at a time."`
	Senders     *int          `short:"s" placeholder:"10" help:"How many of the clients send, default 10 or all; 0 for idle connections."`
	Rate        float64       `short:"r" default:"100" help:"Messages per second of all senders; 0 for as fast as it goes."`
	InFlight    int           `default:"2" help:"With --rate 0: messages per sender on their way."`
	Payload     int           `default:"100" help:"Bytes of a message's value."`
	Echo        bool          `help:"Send requests, and time the acknowledgements; every client of --senders does."`
	Event       string        `placeholder:"NAME" help:"Event that the server sends to all, default message; with --echo one that it acknowledges, default echo."`
	Rooms       int           `help:"Spread the clients over so many rooms: --join-event puts each in one, and senders send --event to their rooms, with the room's name before the value."`
	JoinEvent   string        `default:"join" placeholder:"NAME" help:"Event with a room's name that puts a client in it."`
	Namespace   string        `placeholder:"NAME" help:"Namespace, as /chat."`
	Stalled     int           `help:"How many of the clients stop reading once they are connected."`
	WarmUp      time.Duration `default:"2s" help:"Time before what is measured."`
	Duration    time.Duration `short:"d" default:"10s" help:"Time that is measured."`
	Token       string        `help:"Token of all clients. Without it each gets one of its own, signed with the secret of the configuration when there is one."`
	PID         []int         `name:"pid" placeholder:"PID" help:"Process of the server on this machine, to account for its CPU time and memory. Can be repeated."`
	Protocol    string        `default:"socket.io" enum:"socket.io,centrifuge,bare" hidden:"" help:"What the clients speak."`
	JSON        bool          `name:"json" help:"Print the report as JSON."`
}

// Run puts load on the servers and prints what it measured.
func (c *benchCommand) Run(ctx context.Context) error {
	token, err := c.tokens()
	if err != nil {
		return err
	}
	opts := bench.Options{
		URLs: c.URLs, Protocol: bench.Protocol(c.Protocol), Namespace: c.Namespace, Token: token,
		Connections: c.Connections, ConnectRate: c.ConnectRate, ConnectConcurrency: c.Concurrency, Stalled: c.Stalled,
		Senders: c.senders(), Rate: c.Rate, InFlight: c.InFlight, Payload: c.Payload,
		Event: c.Event, Echo: c.Echo, Rooms: c.Rooms, JoinEvent: c.JoinEvent,
		WarmUp: c.WarmUp, Duration: c.Duration, PIDs: c.PID,
	}
	if err := c.check(); err != nil {
		return err
	}
	screen := newBenchScreen(os.Stderr)
	opts.Progress = screen.show
	report, err := bench.Run(ctx, opts)
	screen.clear()
	if err != nil {
		return explain(err)
	}
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.WriteTable(os.Stdout)
}

// check refuses what the library would take for "use the default".
func (c *benchCommand) check() error {
	switch {
	case c.Connections < 1:
		return usagef("--connections %d: at least one client is needed", c.Connections)
	case c.Duration <= 0:
		return usagef("--duration %s: it has to be longer than nothing", c.Duration)
	case c.Payload < 1:
		return usagef("--payload %d: it has to be at least one byte", c.Payload)
	}
	return nil
}

// defaultSenders is how many clients send, if there are so many.
const defaultSenders = 10

func (c *benchCommand) senders() int {
	if c.Senders != nil {
		return *c.Senders
	}
	return max(0, min(defaultSenders, c.Connections-c.Stalled))
}

// benchTokenLife is longer than any run.
const benchTokenLife = 24 * time.Hour

// tokens returns what makes the clients' tokens.
func (c *benchCommand) tokens() (func(int) (string, error), error) {
	if c.Token != "" {
		return func(int) (string, error) { return c.Token, nil }, nil
	}
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	if len(cfg.Secrets()) == 0 {
		return nil, nil
	}
	return func(client int) (string, error) {
		return node.Sign(cfg, map[string]any{"sub": fmt.Sprintf("bench-%d", client)}, benchTokenLife)
	}, nil
}

// explain adds what to do about an error to it.
func explain(err error) error {
	if errors.Is(err, bench.ErrRefused) && strings.Contains(err.Error(), "credentials_required") {
		return fmt.Errorf("%w: set CHORUS_AUTH_SECRET to that of the servers, or give a --token", err)
	}
	return err
}
