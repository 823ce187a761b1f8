package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chorus/node/config"
)

// markers stand for a secret as a text and as a number.
const (
	marker       = "hunter2-MARKER-of-a-secret-that-is-long-enough"
	markerDigits = "7712345678901771"
)

// TestOutputRepeatsNoSecret puts a marker into every secret setting, in every wrong form and by every way,
// and searches all that the command prints.
func TestOutputRepeatsNoSecret(t *testing.T) {
	t.Setenv("CHORUS_LISTEN", "127.0.0.1:0")
	t.Setenv("CHORUS_ADMIN_LISTEN", "")
	for _, s := range config.Settings() {
		if s.Secret == config.Public || !slices.Contains(config.Keys(), s.Key) {
			continue
		}
		t.Run(s.Key, func(t *testing.T) {
			for _, yaml := range yamlForms(s.Key) {
				path := filepath.Join(t.TempDir(), "chorus.yaml")
				if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
					t.Fatal(err)
				}
				searchOutput(t, yaml, "-c", path)
			}
			for _, value := range valueForms() {
				searchOutput(t, "--set "+value, "--set", s.Key+"="+value)
				searchOutput(t, "--set with a space", "--set", s.Key, value)
				searchOutput(t, "--set with a colon", "--set", s.Key+":"+value)
				searchOutput(t, "a flag of the key", "--"+s.Key+"="+value)
				t.Run("variable", func(t *testing.T) {
					t.Setenv(config.Variable(s.Key), value)
					searchOutput(t, config.Variable(s.Key)+"="+value)
				})
				if strings.ContainsRune(value, 0) {
					continue
				}
				t.Run("file of a variable", func(t *testing.T) {
					t.Setenv(config.Variable(s.Key)+"_FILE", value)
					searchOutput(t, config.Variable(s.Key)+"_FILE="+value)
				})
			}
		})
	}
	for _, value := range valueForms() {
		searchOutput(t, "--redis "+value, "--redis", value)
	}
}

// valueForms are texts with a marker that are wrong for one setting or another.
func valueForms() []string {
	key := "-----BEGIN PRIVATE KEY-----\n" + marker + "\n-----END PRIVATE KEY-----\n"
	return []string{
		marker, markerDigits, "", "[" + marker + "]", "{" + marker, `"` + marker, key, base64.StdEncoding.EncodeToString([]byte(key)),
		"https://user:" + marker + "@host/path", "http://user:" + marker + "@host:port/", "redis://user:" + marker + "@127.0.0.1:1", "redis://" + marker + "@127.0.0.1:1",
		"redis://:" + marker + "@a,b", "redis+sentinel://:" + marker + "@a", "redis+cluster://:" + marker + "@a/1", "redis://127.0.0.1:1/?password=" + marker,
		"redis://127.0.0.1:1/" + marker, "redis://u:p/" + marker + "@h", "https://host/?token=" + marker, "rediss://" + marker, "unix://" + marker, "://" + marker,
		strings.Repeat(marker, 200),
	}
}

// yamlForms are files that set a key to a marker in wrong forms.
func yamlForms(key string) []string {
	path := strings.Split(key, ".")
	name := path[len(path)-1]
	group := func(line string) string {
		text := ""
		for i, part := range path[:len(path)-1] {
			text += strings.Repeat("  ", i) + part + ":\n"
		}
		for l := range strings.Lines(line) {
			text += strings.Repeat("  ", len(path)-1) + l
		}
		return text + "\n"
	}
	var forms []string
	for _, value := range []string{
		marker, markerDigits, "0x" + markerDigits, markerDigits + ".5", "[" + marker + "]", "[[" + marker + "]]", "[{a: " + marker + "}]", "{" + marker + ": a}", "{a: " + marker + "}",
		"[" + markerDigits + ", true]", "!!int " + marker, "!!binary " + marker, "*" + marker, "&" + marker, "&a " + markerDigits, `"` + marker, "'" + marker, "[" + marker, "{" + marker,
		"- " + marker, marker + ": " + marker, "|\n" + marker, "%" + marker, "@" + marker, "`" + marker, "\t" + marker, `"\x` + marker + `"`, "? " + marker, "!" + marker + " a", "<<: " + marker,
	} {
		forms = append(forms, group(name+": "+value))
	}
	return append(forms,
		group(name+" "+marker), group(name+":"+marker), group("{"+name+":"+marker+"}"), group("{"+name+" "+marker+"}"), group(name+"x: "+marker),
		group(name+": a\n"+name+": "+marker), group(marker+": a"), group("x"+name+": "+markerDigits), group("- "+name+": "+marker),
		group(name+": a\n "+marker+": b"), group(name+": "+marker+"\n\tx: y"), strings.Join(path[:len(path)-1], ".")+": "+marker+"\n", marker+"\n", marker+": "+marker+"\n",
		"--- "+marker+"\n--- "+marker+"\n", "%"+marker+"\n",
	)
}

// searchOutput runs check and looks for the marker in what it prints.
func searchOutput(t *testing.T, what string, args ...string) {
	t.Helper()
	out := output(t, append([]string{"check"}, args...)...)
	for _, secret := range []string{"MARKER", base64.StdEncoding.EncodeToString([]byte(marker))[4:20], markerDigits} {
		if strings.Contains(out, secret) {
			t.Errorf("%q is shown for %.80q:\n%s", secret, what, out)
		}
	}
	if strings.Contains(out, "panic") {
		t.Errorf("it panics: %s", out)
	}
}

// output returns what a command prints on both outputs.
func output(t *testing.T, args ...string) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = file, file
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	code := run(context.Background(), args)
	fmt.Fprintln(file, "exit code", code)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
