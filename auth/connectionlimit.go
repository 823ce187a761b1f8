package auth

import "context"

type ConnectionLimit struct{}

func (l *ConnectionLimit) admit(ctx context.Context, subject, conn string, replaced func()) (func(), error) {
	return func() {}, nil
}
func (r *Revocations) watch(func(affected func(*Claims) bool)) {}
