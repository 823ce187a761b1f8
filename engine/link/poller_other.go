//go:build !linux

package link

import "errors"

// Poller reads many links with one goroutine. This system has none: each WebSocket has a goroutine.
type Poller struct{}

// NewPoller fails.
func (*Group) NewPoller() (*Poller, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (p *Poller) Close()                  {}
func (p *Poller) watch(*Link) bool        { return false }
func (p *Poller) leave(_ *Link, _ func()) {}
func (p *Poller) release(*Link)           {}
