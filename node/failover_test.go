package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/internal/redistest"
	"chorus/node"

	"github.com/gorilla/websocket"
)

// traffic is numbered messages that a client of one node sends, and a client of another hears.
type traffic struct {
	mu      sync.Mutex
	sent    int
	acked   map[int]bool // whether it was accepted
	heard   []int
	unready [2]bool // the node was, at some time
}

// every is the time between two messages.
const every = 2 * time.Millisecond

// startTraffic sends until stop is called, which returns when what was sent last is heard.
func startTraffic(t *testing.T, from, to *running) (tr *traffic, stop func()) {
	t.Helper()
	tr = &traffic{acked: make(map[int]bool)}
	sender, listener := join(t, from.addr, token(t)), join(t, to.addr, token(t))
	var wg sync.WaitGroup
	over := make(chan struct{})
	wg.Go(func() { // ends with stop
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
			}
			tr.mu.Lock()
			n := tr.sent
			tr.sent++
			tr.mu.Unlock()
			if err := sender.ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `42%d["message",%d]`, n, n)); err != nil {
				return
			}
		}
	})
	for _, client := range []*rawClient{sender, listener} {
		t.Cleanup(func() { _ = client.ws.Close() })
		go tr.read(client, client == listener) // ends with the connection
	}
	for i, n := range []*running{from, to} {
		wg.Go(func() { tr.watch(over, i, n.addr) }) // ends with stop
	}
	end := sync.OnceFunc(func() {
		close(over)
		wg.Wait()
	})
	t.Cleanup(end)
	return tr, func() {
		end()
		eventually(t, "the last message is acknowledged and heard", func() bool {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			return len(tr.acked) == tr.sent && slices.Contains(tr.heard, tr.sent-1)
		})
	}
}

func (tr *traffic) read(c *rawClient, listens bool) {
	for {
		_, frame, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		text := string(frame)
		switch {
		case listens && strings.HasPrefix(text, `42["message",`):
			var event []json.RawMessage
			if json.Unmarshal(frame[2:], &event) == nil {
				n, _ := strconv.Atoi(string(event[1]))
				tr.mu.Lock()
				tr.heard = append(tr.heard, n)
				tr.mu.Unlock()
			}
		case strings.HasPrefix(text, "43"):
			id, answer, _ := strings.Cut(text[2:], "[")
			n, _ := strconv.Atoi(id)
			tr.mu.Lock()
			tr.acked[n] = answer == accepted[1:]
			tr.mu.Unlock()
		}
	}
}

func (tr *traffic) watch(over chan struct{}, i int, addr string) {
	for {
		select {
		case <-over:
			return
		case <-time.After(5 * time.Millisecond):
		}
		response, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			tr.mu.Lock()
			tr.unready[i] = true
			tr.mu.Unlock()
		}
	}
}

// accepts waits until so many messages in a row are accepted, from the next one on, and returns the first of them.
func (tr *traffic) accepts(t *testing.T, n int) (first int) {
	t.Helper()
	tr.mu.Lock()
	first = tr.sent
	tr.mu.Unlock()
	eventually(t, "messages are accepted", func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for i := first; i < first+n; i++ {
			ok, answered := tr.acked[i]
			if answered && !ok {
				first = i + 1
			}
			if !ok {
				return false
			}
		}
		return true
	})
	return first
}

// verify fails unless messages are heard once and in order, and all that were accepted before from and since until.
// It returns how many that were accepted are not heard.
func (tr *traffic) verify(t *testing.T, from, until int) (lost []int) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	heard := make(map[int]bool)
	for i, n := range tr.heard {
		if i > 0 && n <= tr.heard[i-1] {
			t.Errorf("%d is heard after %d", n, tr.heard[i-1])
		}
		heard[n] = true
	}
	refused := 0
	for n := range tr.sent {
		switch {
		case !tr.acked[n]:
			refused++
		case !heard[n]:
			lost = append(lost, n)
			if n < from || n >= until {
				t.Errorf("%d was accepted and is not heard; Redis was away from %d to %d", n, from, until)
			}
		}
	}
	t.Logf("%d sent, %d refused, %d accepted and lost; Redis was away from %d to %d", tr.sent, refused, len(lost), from, until)
	return lost
}

// inStream returns the numbers that are in the stream.
func inStream(t *testing.T, server *redistest.Server) (numbers []int) {
	t.Helper()
	admin := server.Admin()
	defer admin.Close() //nolint:errcheck // only the test depends on it
	entries, err := admin.XRange(t.Context(), "socket.io", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		var data struct {
			Packet struct{ Data []json.RawMessage }
		}
		text, _ := entry.Values["data"].(string)
		if err := json.Unmarshal([]byte(text), &data); err != nil || len(data.Packet.Data) != 2 {
			t.Fatalf("an entry that is none of the test: %s", text)
		}
		n, err := strconv.Atoi(string(data.Packet.Data[1]))
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// failOver has a master die in the middle of traffic. die returns when another one has taken over, survivor is that.
func failOver(t *testing.T, cfg node.Config, notices bool, die func(), survivor func() *redistest.Server) {
	t.Helper()
	there := cfg
	cfg.Admin.Listen, there.Admin.Listen = freeAddr(t), freeAddr(t)
	a, b := run(t, cfg), run(t, there)
	tr, stop := startTraffic(t, a, b)
	tr.accepts(t, 100)
	tr.mu.Lock()
	from := tr.sent
	tr.mu.Unlock()
	// What was on its way at that moment may be lost, too.
	from -= 25
	die()
	a.ready(t, http.StatusOK)
	b.ready(t, http.StatusOK)
	until := tr.accepts(t, 100)
	stop()
	lost := tr.verify(t, from, until)
	if notices && tr.unready != [2]bool{true, true} {
		t.Errorf("the nodes were not ready at some time: %v, want both", tr.unready)
	}
	if cfg.Cluster.Adapter != node.AdapterStreams {
		if gaps := metric(t, there, "chorus_redis_gaps_total"); notices && gaps == "0" {
			t.Error("no gap is counted")
		}
		return
	}
	for _, n := range inStream(t, survivor()) {
		if !slices.Contains(tr.heard, n) {
			t.Errorf("%d is in the stream and not heard", n)
		}
		lost = slices.DeleteFunc(lost, func(m int) bool { return m == n })
	}
	t.Logf("%d were accepted by a master that had not passed them on", len(lost))
}

// TestSentinelFailover kills the master in the middle of traffic. With streams all that the new master has is heard.
func TestSentinelFailover(t *testing.T) {
	for _, name := range []string{node.AdapterPubSub, node.AdapterSharded, node.AdapterStreams} {
		t.Run(name, func(t *testing.T) {
			sentinels := redistest.StartSentinels(t, "hunter2")
			cfg := on("redis+sentinel://:hunter2@" + strings.Join(sentinels.Addrs, ",") + "/" + redistest.MasterName)
			cfg.Cluster.Adapter = name
			cfg.Auth.MaxConnections = 5
			failOver(t, cfg, true, sentinels.FailOver, sentinels.Master)
		})
	}
}

// TestRedisClusterFailover kills the master that has the channel, or the stream, of the main namespace.
func TestRedisClusterFailover(t *testing.T) {
	for name, key := range map[string]string{node.AdapterPubSub: "socket.io#/#", node.AdapterSharded: "socket.io#/#", node.AdapterStreams: "socket.io"} {
		t.Run(name, func(t *testing.T) {
			cluster := redistest.StartCluster(t)
			cfg := on("redis+cluster://" + strings.Join(cluster.Addrs(), ","))
			cfg.Cluster.Adapter = name
			// With pubsub a node is connected to any of the servers, and hears what is published on the others.
			master := cluster.MasterOf(key)
			failOver(t, cfg, name != node.AdapterPubSub, func() { cluster.FailOver(master) }, func() *redistest.Server { return cluster.Servers[master+3] })
		})
	}
}
