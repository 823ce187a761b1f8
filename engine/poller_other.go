//go:build !linux

package engine

import "errors"

// poller reads many WebSockets with one goroutine. This system has none: each WebSocket has a goroutine.
type poller struct{}

func newPoller(*Server) (*poller, error) { return nil, errors.ErrUnsupported }

func (p *poller) close()                     {}
func (p *poller) watch(*watched) bool        { return false }
func (p *poller) leave(_ *watched, _ func()) {}
func (p *poller) release(*watched)           {}
func (p *poller) look() bool                 { return false }
