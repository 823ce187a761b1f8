package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"chorus/node/config"
)

const secret = "a secret of thirty-two bytes or more"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chorus.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKubernetesServices(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{
		"CHORUS_PORT=tcp://10.0.0.1:3000", "CHORUS_SERVICE_HOST=10.0.0.1", "CHORUS_SERVICE_PORT=3000", "CHORUS_SERVICE_PORT_HTTP=3000",
		"CHORUS_SERVICE_PORT_HTTP_ALT=3000", "CHORUS_PORT_3000_TCP=tcp://10.0.0.1:3000", "CHORUS_PORT_3000_TCP_PROTO=tcp",
		"CHORUS_PORT_3000_TCP_PORT=3000", "CHORUS_PORT_3000_TCP_ADDR=10.0.0.1", "CHORUS_PORT_53_UDP=udp://10.0.0.1:53", "CHORUS_PORT_53_UDP_PROTO=udp",
		"CHORUS_REDIS_MASTER_PORT=tcp://10.0.0.2:6379", "CHORUS_REDIS_MASTER_SERVICE_HOST=10.0.0.2", "CHORUS_REDIS_MASTER_SERVICE_PORT=6379",
		"CHORUS_REDIS_MASTER_SERVICE_PORT_TCP_REDIS=6379", "CHORUS_REDIS_MASTER_PORT_6379_TCP=tcp://10.0.0.2:6379",
		"CHORUS_REDIS_MASTER_PORT_6379_TCP_PROTO=tcp", "CHORUS_REDIS_MASTER_PORT_6379_TCP_PORT=6379", "CHORUS_REDIS_MASTER_PORT_6379_TCP_ADDR=10.0.0.2",
		"CHORUS_V6_SERVICE_HOST=fd00::1", "CHORUS_V6_PORT=tcp://[fd00::1]:80", "CHORUS_SCTP_PORT_1_SCTP_PROTO=sctp",
		"CHORUS_AUTH_SERVICE_HOST=10.0.0.3", "CHORUS_2_PORT=tcp://10.0.0.1:1",
	} {
		if _, err := config.Load(config.Sources{Environ: []string{variable}}); err != nil {
			t.Errorf("%s: %v", variable, err)
		}
	}
	for variable, near := range map[string]string{
		"CHORUS_PORT=3000": "CHORUS_LISTEN", "CHORUS_AUTH_SECRTE=x": "CHORUS_AUTH_SECRET", "CHORUS_ADMIN_LISTN=x": "CHORUS_ADMIN_LISTEN",
		"CHORUS_REDIS_SERVICE_HOST=redis://x": "", "CHORUS_REDIS_SERVICE_PORT=many": "", "CHORUS_REDIS_SERVICE_PORT=70000": "", "CHORUS_REDIS_PORT=6379": "",
		"CHORUS_REDIS_PORT=http://10.0.0.1:80": "", "CHORUS_REDIS_PORT_TCP=tcp://10.0.0.1:1": "", "CHORUS_REDIS_URL=redis://x": "CHORUS_CLUSTER_REDIS_URL",
		"CHORUS_SERVICE_HOSTS=10.0.0.1": "", "CHORUSX_SERVICE=1": "-", "CHORUS_AUTH_SECRTE_FILE=x": "CHORUS_AUTH_SECRET_FILE", "CHORUS_=x": "",
	} {
		_, err := config.Load(config.Sources{Environ: []string{variable}})
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case near == "-": // not ours
			if err != nil {
				t.Errorf("%s: %v", variable, err)
			}
		case err == nil || !strings.Contains(err.Error(), name+": there is no such setting"):
			t.Errorf("%s: %v", variable, err)
		case near != "" && !strings.HasSuffix(err.Error(), "did you mean "+near+"?"):
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestFilesWithMarks(t *testing.T) {
	t.Parallel()
	wide := utf16.Encode([]rune("\ufefflisten: :4000\n"))
	little := make([]byte, 0, 2*len(wide))
	for _, unit := range wide {
		little = append(little, byte(unit), byte(unit>>8))
	}
	binary := " \x00\xff\x01" + strings.Repeat("x", 32) + "\n"
	for _, test := range []struct {
		name, yaml, secret, want, err string
	}{
		{name: "a mark in YAML", yaml: "\ufefflisten: :4000\n"},
		{name: "CRLF in YAML", yaml: "listen: :4000\r\nauth:\r\n  mode: event\r\n"},
		{name: "UTF-16", yaml: string(little), err: "UTF-16"},
		{name: "a mark in a secret", secret: "\ufeff" + secret + "\r\n", want: secret},
		{name: "a binary secret", secret: binary, want: binary},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			from := config.Sources{}
			if test.yaml != "" {
				from.File = write(t, test.yaml)
			} else {
				from.Environ = []string{"CHORUS_AUTH_SECRET_FILE=" + write(t, test.secret)}
			}
			cfg, err := config.Load(from)
			switch {
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("got %v", err)
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err == "" && test.yaml != "" && cfg.Listen != ":4000":
				t.Errorf("listen is %q", cfg.Listen)
			case test.secret != "" && cfg.Auth.Secret != test.want:
				t.Errorf("the secret is %q", cfg.Auth.Secret)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	path := write(t, "listn: :1\nping_interval: soon\nauth:\n  mode: magic\n  leeway: 1h\n")
	cfg, err := config.Load(config.Sources{File: path, Environ: []string{"CHORUS_LOG_LEVL=x", "CHORUS_MAX_ROOMS=0"}, Set: []string{"drain.timeout=x", "log.format=xml"}})
	if err == nil {
		t.Fatal("it is right")
	}
	text := err.Error()
	for _, fault := range cfg.Check() {
		text += "\n" + fault.Error()
	}
	for _, want := range []string{
		path + ":1:1: listn: there is no such setting; did you mean listen?",
		path + `:2:16: ping_interval: "soon" is not a duration such as 30s, 2m or 1d`,
		path + `:4:9: auth.mode: "magic" is none of: handshake, event, both`,
		path + ":5:11: auth.leeway: 1h is more than the most, 2m",
		"variable CHORUS_LOG_LEVL: there is no such setting; did you mean CHORUS_LOG_LEVEL?",
		"variable CHORUS_MAX_ROOMS: max_rooms: 0 is less than the least, 1",
		`--set: drain.timeout: "x" is not a duration such as 30s, 2m or 1d`,
		`--set: log.format: "xml" is none of: text, json`,
	} {
		if !strings.Contains(text, "configuration: "+want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "no key") {
		t.Error("it asks for a key that may be there, misspelt")
	}
}
