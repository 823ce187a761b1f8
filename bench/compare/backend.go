package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"chorus/bench"
)

// What a back end has beside the nodes.
const (
	apiSecret  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	apiKey     = "chk_bench_" + apiSecret
	hookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" //nolint:gosec // of this benchmark alone

	apiWorkers  = 16 // requests at a time
	apiTime     = 6 * time.Second
	apiTimeout  = 10 * time.Second
	hookTimeout = 10 * time.Second
)

// apiHash is how a node knows the key.
func apiHash() string {
	sum := sha256.Sum256([]byte(apiSecret))
	return hex.EncodeToString(sum[:])
}

// startHook starts a back end that allows everything, and returns its URL. It is a part of this process, whose CPU time is not
// that of the server.
func startHook(ctx context.Context) (*http.Server, string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server := &http.Server{ReadHeaderTimeout: hookTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the answer is the same
		w.WriteHeader(http.StatusNoContent)
	})}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	return server, "http://" + listener.Addr().String(), nil
}

// overAPI publishes over the HTTP API of the first node, as fast as a few workers can, to a room with one member on each node.
func overAPI(ctx context.Context, _ *lab, c *cluster, _ bench.Options, quick bool) (*bench.Report, error) {
	duration := apiTime
	if quick {
		duration /= 3
	}
	client := &http.Client{Timeout: apiTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: apiWorkers}}
	defer client.CloseIdleConnections()
	if err := publishOverAPI(ctx, client, c.urls[0]); err != nil { // a first one, which is not measured
		return nil, err
	}
	var times []time.Duration
	cpu, err := usageDuring(c.pids, func() (err error) {
		times, err = publishTogether(ctx, client, c.urls[0], time.Now().Add(duration))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	quantile := func(share float64) float64 {
		return times[int(share*float64(len(times)-1))].Seconds() * kilo
	}
	count := uint64(len(times))
	return &bench.Report{
		Load:    &bench.LoadReport{Sent: count, Deliveries: count, DeliveriesPerSecond: float64(count) / duration.Seconds()},
		Latency: &bench.LatencyReport{P50: quantile(0.5), P99: quantile(0.99)},
		Server:  &bench.ServerReport{CPUMicrosPerDelivery: cpu.Seconds() * mega / float64(count)},
	}, nil
}

// publishTogether has the workers publish until end, and returns how long each request took.
func publishTogether(ctx context.Context, client *http.Client, url string, end time.Time) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failure error
	var workers sync.WaitGroup
	for range apiWorkers {
		workers.Go(func() { // ends at end, or with the first error
			var times []time.Duration
			var err error
			for err == nil && time.Now().Before(end) {
				begin := time.Now()
				err = publishOverAPI(ctx, client, url)
				times = append(times, time.Since(begin))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			if err != nil {
				failure = err
			}
		})
	}
	workers.Wait()
	return all, failure
}

func publishOverAPI(ctx context.Context, client *http.Client, url string) error {
	body := []byte(`{"to":{"rooms":["api"]},"value":{"text":"a message of about a hundred bytes, as in the other scenarios, from a back end"}}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1/publish", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost with it
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST /publish: %s: %s", response.Status, answer)
	}
	return err
}
