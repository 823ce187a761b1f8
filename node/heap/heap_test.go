package heap

import (
	"context"
	"runtime"
	"testing"
)

// Each collection is told of, also those that come later.
func TestAfterCollections(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	collected := afterCollections(ctx)
	<-collected // the first one is told at once
	for range 3 {
		runtime.GC()
		<-collected
	}
}
