package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// operateTimeout bounds how long a node may take to answer.
const operateTimeout = 10 * time.Second

type reloadCommand struct {
	Node string `arg:"" default:"http://127.0.0.1:3900" help:"Admin address of the node."`
}

// Run has a node read its configuration again.
func (c *reloadCommand) Run(ctx context.Context) error {
	var answer struct {
		Restart []string `json:"restart"`
	}
	if err := operate(ctx, c.Node, "/reload", &answer); err != nil {
		return err
	}
	if len(answer.Restart) > 0 {
		fmt.Println("reloaded; these settings differ and need a restart: " + strings.Join(answer.Restart, ", "))
		return nil
	}
	fmt.Println("reloaded")
	return nil
}

type drainCommand struct {
	Node string `arg:"" default:"http://127.0.0.1:3900" help:"Admin address of the node."`
}

// Run has a node move its clients to the others and end.
func (c *drainCommand) Run(ctx context.Context) error {
	var answer struct {
		Connections uint64 `json:"connections"`
	}
	if err := operate(ctx, c.Node, "/drain", &answer); err != nil {
		return err
	}
	fmt.Printf("draining: %d connections are moved to other nodes\n", answer.Connections)
	return nil
}

// operate sends a request that changes a node to its admin address.
func operate(ctx context.Context, node, path string, answer any) error {
	if !strings.Contains(node, "://") {
		node = "http://" + node
	}
	ctx, cancel := context.WithTimeout(ctx, operateTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(node, "/")+path, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Chorus-Operator", "chorus")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the node at %s does not answer: name its admin address: %w", node, err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost with an answer that was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxOperateBody))
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusOK:
		return json.Unmarshal(body, answer)
	}
	var refused struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &refused) != nil || refused.Error == "" {
		refused.Error = strings.TrimSpace(string(body))
	}
	return fmt.Errorf("%s: %s", node, refused.Error)
}

// maxOperateBody bounds what is read of an answer.
const maxOperateBody = 64 << 10
