package config_test

import (
	"testing"
	"time"

	"chorus/node/config"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "1d": day, "30d": 30 * day, "2w": 14 * day, "1w1d12h": 8*day + 12*time.Hour, "-1d": -day, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute,
	} {
		got, err := config.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q is %s, %v", text, got, err)
		}
		if again, err := config.ParseDuration(config.FormatDuration(got)); err != nil || again != got {
			t.Errorf("%s is written as %q", got, config.FormatDuration(got))
		}
	}
	for _, text := range []string{"", "1", "d", "1.5d", "1d1w", "1d-1h", "soon", "99999999999d", "200000d", "1 d", "--1d"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{
		"0": 0, "512": 512, "512B": 512, "4KB": 4000, "4kb": 4000, "4KiB": 4096, "10MB": 1e7, "1.5MB": 1.5e6, "1 GiB": 1 << 30, "2TB": 2e12,
	} {
		var got config.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v", text, got, err)
		}
		var again config.Size
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%d is written as %q", got, got)
		}
	}
	for _, text := range []string{"", "B", "-1", "1XB", "1e3", "0x10", "9999999999TB", "NaN", "Inf", "many"} {
		var got config.Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"0": 0, "50/s": 50, "60/m": 1, "3600/h": 1, "10 / s": 10} {
		var got config.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got.PerSecond() != want {
			t.Errorf("%q is %v, %v", text, got.PerSecond(), err)
		}
	}
	for text, want := range map[string]float64{"0": 0, "1MB/s": 1e6, "60KB/m": 1000} {
		var got config.ByteRate
		if err := got.UnmarshalText([]byte(text)); err != nil || got.PerSecond() != want {
			t.Errorf("%q is %v, %v", text, got.PerSecond(), err)
		}
	}
	for _, text := range []string{"", "50", "50/", "/s", "50/x", "-1/s", "1.5/s"} {
		var got config.Rate
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
