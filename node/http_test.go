package node_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chorus/node"
)

// Requests that are refused or need no body end soon, however slowly their body comes.
func TestRequestsThatNeverEnd(t *testing.T) {
	n := run(t, valid())
	const endless = "Content-Length: 100000\r\n\r\n{"
	for name, request := range map[string]string{
		"healthz":                "POST /healthz HTTP/1.1\r\nHost: x\r\n" + endless,
		"readyz, GET":            "GET /readyz HTTP/1.1\r\nHost: x\r\n" + endless,
		"not found":              "POST /nowhere HTTP/1.1\r\nHost: x\r\n" + endless,
		"foreign origin":         "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n" + endless,
		"unknown session":        "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\n" + endless,
		"handshake by POST":      "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n" + endless,
		"unknown transport":      "PUT /socket.io/?EIO=4&transport=x HTTP/1.1\r\nHost: x\r\n" + endless,
		"handshake with a body":  "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n" + endless,
		"chunked":                "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
		"expect":                 "POST /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + endless,
		"unsupported revision":   "DELETE /socket.io/?EIO=9&transport=polling HTTP/1.1\r\nHost: x\r\n" + endless,
		"preflight with a body":  "OPTIONS /socket.io/ HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nAccess-Control-Request-Method: POST\r\n" + endless,
		"upgrade with a body":    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + endless,
		"metrics are not public": "PATCH /metrics HTTP/1.1\r\nHost: x\r\n" + endless,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", n.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			answer, err := io.ReadAll(conn) // until the node closes
			if err != nil && strings.Contains(err.Error(), "timeout") {
				t.Fatalf("the connection is open still, after %q", answer)
			}
			if !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
				t.Errorf("no answer but %q", answer)
			}
		})
	}
}

// Load balancers ask for health with either method.
func TestHealthByHead(t *testing.T) {
	n := run(t, valid())
	for _, path := range []string{"/healthz", "/readyz"} {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			r, _ := http.NewRequest(method, "http://"+n.addr+path, nil)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || (len(body) == 0) != (method == http.MethodHead) {
				t.Errorf("%s %s: %d %q", method, path, response.StatusCode, body)
			}
		}
		response, err := http.Post("http://"+n.addr+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") == "" {
			t.Errorf("POST %s: %d %v", path, response.StatusCode, response.Header)
		}
	}
}

// A poll waits for longer than other requests may take.
func TestConnectionsThatServeNobodyGiveWay(t *testing.T) {
	cfg := valid()
	cfg.Limits.TCP, cfg.Limits.TCPPerAddress = 5, 5
	cfg.Admin.Listen = freeAddr(t)
	n := run(t, cfg)
	http.DefaultClient.CloseIdleConnections()

	webSocket := join(t, n.addr, token(t))
	_, body := get(t, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling")
	_, sid, _ := strings.Cut(body, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	polled := make(chan error, 1)
	poll, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer poll.Close()
	fmt.Fprintf(poll, "GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n\r\n", sid)
	eventually(t, "the poll waits", func() bool { return n.Waits(sid) })

	var idle []net.Conn
	for range 50 { // far more than there are places
		conn, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /slow HTTP/1.1\r\n") // and never more
		idle = append(idle, conn)
	}
	_ = idle[0].SetReadDeadline(time.Now().Add(patience))
	if _, err := idle[0].Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the first idle connection is open still: %v", err)
	}

	// Everybody who does something is served.
	newcomer := join(t, n.addr, token(t))
	newcomer.send(`421["message","hi"]`)
	newcomer.await("431")
	webSocket.await(`42["message","hi"]`)
	go func() {
		response, err := http.ReadResponse(bufio.NewReader(poll), nil)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", response.StatusCode)
		}
		polled <- err
	}()
	eventually(t, "the session is closed", func() bool { n.IO().Engine().Close(); return !n.Waits(sid) })
	if err := <-polled; err != nil {
		t.Errorf("the waiting poll: %v", err)
	}
	if status, _ := get(t, "http://"+cfg.Admin.Listen+"/healthz"); status != http.StatusOK {
		t.Errorf("the admin address answers %d", status)
	}
}

// During drain.delay the node is not ready, and takes clients as before.
func TestDrainDelay(t *testing.T) {
	cfg := valid()
	cfg.Listen = freeAddr(t)
	cfg.Drain.Delay = 2 * time.Second
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	url := "http://" + cfg.Listen
	eventually(t, "the node listens", func() bool {
		response, err := http.Get(url + "/readyz")
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	})
	cancel()
	eventually(t, "the node is not ready", func() bool {
		status, _ := get(t, url+"/readyz")
		return status == http.StatusServiceUnavailable
	})
	late := join(t, cfg.Listen, token(t))
	late.awaitClose()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}
