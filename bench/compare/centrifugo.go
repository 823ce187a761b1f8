package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// The server binary of Centrifugo, which the Go module proxy has.
const (
	centrifugoModule  = "github.com/centrifugal/centrifugo/v6"
	centrifugoVersion = "v6.9.1"
)

// centrifugoBinary is in the source tree, so that it is built once: that takes minutes.
func centrifugoBinary(p place) string {
	return filepath.Join(filepath.Dir(p.dir), "bin", "centrifugo-"+centrifugoVersion, "centrifugo")
}

// installCentrifugo builds the binary, unless it is there.
func installCentrifugo(ctx context.Context, p place) error {
	binary := centrifugoBinary(p)
	if _, err := os.Stat(binary); err == nil {
		return nil
	}
	command := exec.CommandContext(ctx, "go", "install", centrifugoModule+"@"+centrifugoVersion) //nolint:gosec // constants
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+filepath.Dir(binary))
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go install: %w: %s", err, lastLine(output))
	}
	return nil
}

// centrifugoCommand configures a process with variables alone. Without a configuration file Centrifugo only warns.
func centrifugoCommand(p place) (argv, env []string) {
	host, port, _ := net.SplitHostPort(p.listen) // freeAddress made it
	env = []string{
		"CENTRIFUGO_HTTP_SERVER_ADDRESS=" + host, "CENTRIFUGO_HTTP_SERVER_PORT=" + port, "CENTRIFUGO_LOG_LEVEL=warn",
		"CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY=" + secret, "CENTRIFUGO_CLIENT_ALLOWED_ORIGINS=*",
		"CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOW_SUBSCRIBE_FOR_CLIENT=true",
		"CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOW_PUBLISH_FOR_SUBSCRIBER=true",
	}
	if p.redis != "" {
		env = append(env, "CENTRIFUGO_ENGINE_TYPE=redis", "CENTRIFUGO_ENGINE_REDIS_ADDRESS=redis://"+p.redis)
	}
	if p.deflate {
		env = append(env, "CENTRIFUGO_WEBSOCKET_COMPRESSION=true", "CENTRIFUGO_WEBSOCKET_COMPRESSION_MIN_SIZE=1024")
	}
	return []string{centrifugoBinary(p)}, env
}
