// Command peer is a node that a test drives: it reads operations on the server's side of Socket.IO
// from standard input, one JSON object in a line, and writes their results to standard output. It
// is configured like chorus serve, with CHORUS_* variables.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"chorus/adapter/emitter"
	"chorus/codec"
	"chorus/node"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := node.LoadConfig("")
	if err != nil {
		return err
	}
	n, err := node.New(cfg)
	if err != nil {
		return err
	}
	p := &peer{io: n.IO(), out: json.NewEncoder(os.Stdout)}
	for _, name := range []string{"/", "/chat"} {
		if err := p.handle(p.io.Of(name, nil)); err != nil {
			return err
		}
	}
	if cfg.Cluster.Redis.URL != "" {
		var closeEmitter func() error
		if p.emitter, closeEmitter, err = node.OpenEmitter(ctx, cfg); err != nil {
			return err
		}
		defer closeEmitter() //nolint:errcheck // nothing is lost
	}
	go p.serve(os.Stdin) // ends with the process
	return n.Run(ctx)
}

type peer struct {
	io      *socket.Server
	emitter *emitter.Emitter // nil without a cluster

	mu  sync.Mutex
	out *json.Encoder
}

// handle registers what clients and other servers can make this server do.
func (p *peer) handle(nsp socket.Namespace) error {
	if err := nsp.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		_ = s.On("remember", func(args ...any) {
			args, reply := codec.SplitAck(args)
			memo, err := codec.Arg[any]("remember", args, 0)
			if err != nil {
				reply(err.Error())
				return
			}
			data, _ := s.Data().(map[string]any)
			data = maps.Clone(data) // others may be reading it
			data["memo"] = memo
			s.SetData(data)
			reply("remembered")
		})
		_ = s.On("enter", func(args ...any) {
			args, reply := codec.SplitAck(args)
			rooms, err := codec.Arg[[]socket.Room]("enter", args, 0)
			if err != nil {
				reply(err.Error())
				return
			}
			s.Join(rooms...)
			reply("entered")
		})
	}); err != nil {
		return err
	}
	for event, answer := range map[string]func(args []any) []any{
		"ask": func(args []any) []any {
			return []any{map[string]any{"from": "go", "asked": args[0], "nsp": nsp.Name()}}
		},
		"echo":    func(args []any) []any { return args[:1] },
		"nothing": func([]any) []any { return nil },
	} {
		if err := nsp.On(event, func(args ...any) {
			if ack, ok := args[len(args)-1].(socket.Ack); ok {
				ack(answer(args), nil)
			}
		}); err != nil {
			return err
		}
	}
	if err := nsp.On("silent", func(...any) {}); err != nil {
		return err
	}
	return nsp.On("note", func(args ...any) { p.write(map[string]any{"note": wrap(args), "nsp": nsp.Name()}) })
}

// operation is what a test wants done.
type operation struct {
	ID    int
	Op    string
	Nsp   string
	To    []string
	Not   []string
	Flags struct {
		Volatile, Local bool
		Emitter         bool // as a program that is not a server does it
		Compress        *bool
		Timeout         duration
	}
	Event string
	Args  []any
	Rooms []string
	Close bool
}

func (p *peer) serve(in *os.File) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			p.write(map[string]any{"id": op.ID, "error": err.Error()})
			continue
		}
		p.do(op, func(result any, err error) {
			answer := map[string]any{"id": op.ID, "result": wrap(result)}
			if err != nil {
				answer["error"] = err.Error()
			}
			p.write(answer)
		})
	}
}

func (p *peer) write(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.out.Encode(v)
}

// do does an operation and calls done once.
func (p *peer) do(op operation, done func(any, error)) {
	if op.Flags.Emitter {
		done(nil, p.emit(op))
		return
	}
	nsp := p.io.Of(op.Nsp, nil)
	target := op.target(nsp)
	args := unwrap(op.Args).([]any) //nolint:errcheck,forcetypeassert // a list stays one
	switch op.Op {
	case "emit":
		done(nil, target.Emit(op.Event, args...))
	case "emitWithAck":
		target.EmitWithAck(op.Event, args...)(func(answers []any, err error) { done(answers, err) })
	case "fetchSockets":
		target.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
			described := make([]any, len(sockets))
			for i, s := range sockets {
				described[i] = map[string]any{"id": s.Id(), "rooms": s.Rooms().Keys(), "data": wrap(s.Data()), "handshake": s.Handshake()}
			}
			done(described, err)
		})
	case "socketsJoin":
		target.SocketsJoin(names(op.Rooms)...)
		done(nil, nil)
	case "socketsLeave":
		target.SocketsLeave(names(op.Rooms)...)
		done(nil, nil)
	case "disconnectSockets":
		target.DisconnectSockets(op.Close)
		done(nil, nil)
	case "serverSideEmit":
		done(nil, nsp.ServerSideEmit(op.Event, args...))
	case "serverSideEmitWithAck":
		if err := nsp.ServerSideEmitWithAck(op.Event, args...)(func(answers []any, err error) { done(answers, err) }); err != nil {
			done(nil, err)
		}
	case "serverCount":
		done(nsp.Adapter().ServerCount(), nil)
	default:
		done(nil, fmt.Errorf("no operation %q", op.Op))
	}
}

// emit does an operation by way of package emitter.
func (p *peer) emit(op operation) error {
	ctx := context.Background()
	e := p.emitter.Of(op.Nsp).To(op.To...).Except(op.Not...)
	if op.Flags.Volatile {
		e = e.Volatile()
	}
	if op.Flags.Compress != nil {
		e = e.Compress(*op.Flags.Compress)
	}
	args := unwrap(op.Args).([]any) //nolint:errcheck,forcetypeassert // a list stays one
	switch op.Op {
	case "emit":
		return e.Emit(ctx, op.Event, args...)
	case "socketsJoin":
		return e.SocketsJoin(ctx, op.Rooms...)
	case "socketsLeave":
		return e.SocketsLeave(ctx, op.Rooms...)
	case "disconnectSockets":
		return e.DisconnectSockets(ctx, op.Close)
	case "serverSideEmit":
		return e.ServerSideEmit(ctx, op.Event, args...)
	default:
		return fmt.Errorf("no operation %q of an emitter", op.Op)
	}
}

func (op *operation) target(nsp socket.Namespace) *socket.BroadcastOperator {
	target := nsp.To(names(op.To)...).Except(names(op.Not)...)
	if op.Flags.Volatile {
		target = target.Volatile()
	}
	if op.Flags.Local {
		target = target.Local()
	}
	if op.Flags.Compress != nil {
		target = target.Compress(*op.Flags.Compress)
	}
	if op.Flags.Timeout > 0 {
		target = target.Timeout(op.Flags.Timeout.std())
	}
	return target
}
