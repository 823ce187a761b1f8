package codec

import "github.com/zishang520/socket.io/parsers/socket/v3/parser"

// Defaults of Options.
const (
	// DefaultMaxAttachments is what the official parser takes, on servers and clients.
	DefaultMaxAttachments = 10

	// DefaultMaxNamespaceBytes is what the library's own parser takes.
	DefaultMaxNamespaceBytes = 512

	// DefaultMaxDepth is far beyond what people nest, and far below what exhausts a stack.
	DefaultMaxDepth = 256

	// DefaultMaxArguments keeps what a packet costs in memory near to its length.
	DefaultMaxArguments = 1000
)

// Options are the bounds of a parser. A packet from a client that exceeds one is an error, and the
// connection is closed. Zero stands for the default.
type Options struct {
	// MaxAttachments is how many attachments a packet from a client may announce; 0 stands for
	// DefaultMaxAttachments. The connection holds all of them until the last one is here. Packets
	// that the server emits are not bound by it, but the official clients take ten at most.
	MaxAttachments int

	// MaxNamespaceBytes is how long the name of a namespace may be; 0 stands for
	// DefaultMaxNamespaceBytes. Clients of Socket.IO v2 send a query with it.
	MaxNamespaceBytes int

	// MaxDepth is how deep arrays and objects may lie in one another, the list of arguments being
	// the first level; 0 stands for DefaultMaxDepth. It holds for what a program emits as well:
	// there, a value that lies deeper is unsendable.
	MaxDepth int

	// MaxArguments is how many arguments an event or an acknowledgement from a client may have,
	// the event's name included; 0 stands for DefaultMaxArguments.
	MaxArguments int

	// OnUnsendable is called with an error that wraps ErrUnsendable when a packet cannot be sent as the program asked:
	// a value that has no JSON is sent as null; an ill-formed packet, such as an event without a name, is not sent at
	// all. The goroutine that emits calls it, so calls may overlap. nil: none.
	OnUnsendable func(error)

	// OnConnect is called with the namespace as the client wrote it, before a CONNECT packet is handed on. The goroutine
	// that reads the connection calls it. nil: none.
	OnConnect func(namespace string)

	// OnInvalid is called with the error for which a connection is closed: what the client sent is no packet, or
	// exceeds a bound. nil stands for nothing.
	OnInvalid func(error)
}

// New returns a parser for ServerOptions.SetParser. Its encoders may be used by several goroutines
// at a time. A decoder belongs to one connection, whose packets come one after the other; it may be
// destroyed meanwhile.
func New(opts Options) parser.Parser {
	setDefault(&opts.MaxAttachments, DefaultMaxAttachments)
	setDefault(&opts.MaxNamespaceBytes, DefaultMaxNamespaceBytes)
	setDefault(&opts.MaxDepth, DefaultMaxDepth)
	setDefault(&opts.MaxArguments, DefaultMaxArguments)
	if opts.OnUnsendable == nil {
		opts.OnUnsendable = func(error) {}
	}
	if opts.OnConnect == nil {
		opts.OnConnect = func(string) {}
	}
	if opts.OnInvalid == nil {
		opts.OnInvalid = func(error) {}
	}
	return &factory{opts: opts}
}

// Is tells whether a parser is one of New: whether arguments are json.RawMessage.
func Is(p parser.Parser) bool {
	_, ok := p.(*factory)
	return ok
}

func setDefault(bound *int, value int) {
	if *bound <= 0 {
		*bound = value
	}
}

// factory makes the two halves of a parser; they share its options.
type factory struct{ opts Options }

func (f *factory) NewEncoder() parser.Encoder { return &encoder{opts: &f.opts} }

func (f *factory) NewDecoder() parser.Decoder { return &decoder{opts: &f.opts} }
