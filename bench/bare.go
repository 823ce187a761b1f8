package bench

import "net/url"

// bare is no protocol at all: a frame is a message.
type bare struct{}

func (bare) target(server *url.URL) string { return pathOr(server, "/") }

func (bare) join(joining, member) error { return nil }

func (bare) publish(dst []byte, _ string, value []byte) []byte { return append(dst, value...) }

func (bare) request(dst []byte, _ uint32, value []byte) []byte { return append(dst, value...) }

func (bare) read(frame []byte) ([]byte, kind, []byte) { return frame, delivery, nil }

func (bare) pong() []byte { return nil }
