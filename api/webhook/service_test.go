package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/api/sign"
	"chorus/api/webhook"
	"chorus/chat/notice"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backEnd is a receiver.
type backEnd struct {
	*httptest.Server
	answer func(kind string, data map[string]any) int

	mu   sync.Mutex
	got  []string // "kind room seq" of what was taken
	seen map[string]int
}

func startBackEnd(t *testing.T, answer func(kind string, data map[string]any) int) *backEnd {
	t.Helper()
	b := &backEnd{answer: answer, seen: make(map[string]int)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Type string
			Data map[string]any
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		status := b.answer(body.Type, body.Data)
		b.mu.Lock()
		b.seen[r.Header.Get("Webhook-Id")]++
		if status < 300 {
			b.got = append(b.got, fmt.Sprintf("%v %v", body.Data["room"], body.Data["n"]))
		}
		b.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backEnd) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.got...)
}

// queue is what both queues are.
type queue interface {
	webhook.Queue
	webhook.Admin
}

func TestDelivery(t *testing.T) {
	signer, err := sign.New([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t, redistest.Options{})
	target := notice.Target{Name: "crm", MaxBacklog: 1000, MaxBytes: 1 << 20}
	for _, kind := range []string{"memory", "redis"} {
		t.Run(kind, func(t *testing.T) {
			var mu sync.Mutex
			failures := map[string]int{"room0": 1}
			b := startBackEnd(t, func(_ string, data map[string]any) int {
				mu.Lock()
				defer mu.Unlock()
				room, _ := data["room"].(string)
				if failures[room] > 0 {
					failures[room]--
					return http.StatusInternalServerError
				}
				return http.StatusNoContent
			})
			var q queue
			var put func(room, n int)
			if kind == "memory" {
				m := webhook.NewMemory(target)
				q, put = m, func(room, n int) {
					name := fmt.Sprintf("room%d", room)
					m.Put(webhook.Event{ID: fmt.Sprintf("id%d-%d", room, n), Kind: notice.RoomJoined, Seq: int64(n), Subject: name, Data: fmt.Sprintf(`"room":%q,"n":%d`, name, n)})
				}
			} else {
				client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2, ContextTimeoutEnabled: true})
				t.Cleanup(func() { _ = client.Close() })
				script := redis.NewScript(notice.PutLua + `put(cjson.decode(ARGV[1]), cjson.decode(ARGV[2])) return 1`)
				spec, _ := json.Marshal(notice.SpecTarget{Key: notice.Key("p", "crm"), Most: 1000, Bytes: 1 << 20})
				q, put = webhook.NewRedis(client, "p", "node", target), func(room, n int) {
					name := fmt.Sprintf("room%d", room)
					e, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("id%d-%d", room, n), "kind": notice.RoomJoined, "at": "1", "seq": n, "key": name, "fold": "", "data": fmt.Sprintf(`"room":%q,"n":%d`, name, n)})
					if err := script.Run(t.Context(), client, nil, spec, e).Err(); err != nil {
						t.Error(err)
					}
				}
			}
			s := webhook.New(webhook.Options{
				Targets: []webhook.Target{{Name: "crm", URL: b.URL, Signer: signer, AllowPrivate: true, Timeout: 5 * time.Second}},
				Queue:   func(*webhook.Target) webhook.Queue { return q },
			})
			s.Start()
			defer s.Close()
			const rooms, each = 5, 20
			for n := range each {
				for room := range rooms {
					put(room, n)
				}
			}
			redistest.Eventually(t, "all are delivered", func() bool { return len(b.taken()) == rooms*each })
			next := make(map[string]int)
			for _, got := range b.taken() {
				room, n, _ := strings.Cut(got, " ")
				if n != fmt.Sprint(next[room]) {
					t.Fatalf("%s comes as number %d", got, next[room])
				}
				next[room]++
			}
			if b.seen["id0-0"] != 2 || b.seen["id1-0"] != 1 {
				t.Errorf("attempts: %d, %d", b.seen["id0-0"], b.seen["id1-0"])
			}
			redistest.Eventually(t, "nothing waits", func() bool {
				st, err := q.Status(t.Context())
				return err == nil && st.Backlog == 0 && st.Bytes == 0 && st.Delivered == rooms*each && st.Failed == 1 && st.Error == "status 500"
			})
			if id, err := q.Test(t.Context()); err != nil || id == "" {
				t.Errorf("%q, %v", id, err)
			}
			redistest.Eventually(t, "the test event", func() bool { return len(b.taken()) == rooms*each+1 })
		})
	}
}
