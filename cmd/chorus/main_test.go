package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func TestComplete(t *testing.T) {
	root := newParser(context.Background()).Model.Node
	for typed, want := range map[string]string{
		"se":                         "serve",
		"token re":                   "revoke",
		"serve --li":                 "--listen",
		"serve --set auth.mo":        "auth.mode=",
		"serve --redis x --set log.": "log.level= log.format=",
		"completion ":                "bash zsh fish",
		"serve --insecure --co":      "--config",
		"complet":                    "completion",
	} {
		var got []string
		for _, candidate := range complete(root, strings.Split(typed, " ")) {
			name, _, _ := strings.Cut(candidate, "\t")
			got = append(got, name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func TestUsageErrorsHideValues(t *testing.T) {
	const marker = "hunter2-MARKER"
	for _, args := range [][]string{
		{"serve", "--set", "auth.secret", marker}, {"serve", "--" + marker}, {"serve", "--auth-secret=" + marker}, {"serve", "--nodes=" + marker},
		{"dev", "--nodes", marker}, {"emit", "x", "--timeout", marker}, {"serve", "--set", "auth.secret=x", marker}, {marker}, {"completion", marker},
		{"serve", "--insecure=" + marker}, {"token", "--sub", "a", "--ttl=" + marker},
	} {
		_, err := newParser(context.Background()).Parse(args)
		if err == nil {
			t.Errorf("%q is taken", args)
			continue
		}
		if shown := withoutValues(err.Error(), args); strings.Contains(shown, marker) {
			t.Errorf("%q: %s", args, shown)
		}
	}
	for args, want := range map[string]string{"srve": "srve", "serve --lisen :1": "--lisen", "token revoke --undoo": "--undoo"} {
		list := strings.Split(args, " ")
		_, err := newParser(context.Background()).Parse(list)
		if err == nil || !strings.Contains(withoutValues(err.Error(), list), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := (&configFlags{Set: []string{marker}}).load(); err == nil || strings.Contains(err.Error(), marker) || !errors.As(err, new(usageError)) {
		t.Errorf("got %v", err)
	}
}

func TestDurationFlags(t *testing.T) {
	var c commands
	parser := kong.Must(&c, kong.Vars{"version": ""}, kong.TypeMapper(durationType, kong.MapperFunc(decodeDuration)), kong.BindTo(context.Background(), (*context.Context)(nil)))
	if _, err := parser.Parse([]string{"token", "make", "--sub", "a", "--ttl", "1d12h"}); err != nil || c.Token.Make.TTL != 36*time.Hour {
		t.Errorf("got %s, %v", c.Token.Make.TTL, err)
	}
}
