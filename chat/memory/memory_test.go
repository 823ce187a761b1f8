package memory_test

import (
	"context"
	"testing"

	"chorus/chat/memory"
	"chorus/chat/store"
	"chorus/chat/storetest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, limits store.Limits, sink store.Sink) store.Store {
		t.Helper()
		s := memory.New(memory.Options{Limits: limits})
		s.Start(sink)
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
