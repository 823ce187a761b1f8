package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

var (
	errDuration = errors.New("write a number and a unit, as 500ms, 30s, 2m, 12h, 1d or 2w")
	errSize     = errors.New("write a number and a unit, as 512B, 64KB, 10MB or 1GiB")
	errRate     = errors.New("write a number and a time, as 20/s, 100/m or 5000/h, or 0 for no limit")
	errByteRate = errors.New("write a size and a time, as 1MB/s, or 0 for no limit")
)

// daysPattern has the sign, the weeks, the days and the rest of a duration.
var daysPattern = regexp.MustCompile(`^([+-]?)(?:(\d+)w)?(?:(\d+)d)?(.*)$`)

// ParseDuration reads what time.ParseDuration reads, and weeks and days before it: 30d, 1w, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	parts := daysPattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, errDuration
	}
	var total time.Duration
	for i, unit := range []time.Duration{7 * day, day} {
		if parts[i+2] == "" {
			continue
		}
		n, err := strconv.ParseInt(parts[i+2], 10, 64)
		if err != nil || n > int64(math.MaxInt64/2/unit) {
			return 0, errDuration
		}
		total += time.Duration(n) * unit
	}
	rest := parts[4]
	if parts[2] != "" || parts[3] != "" {
		if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			return 0, errDuration
		}
		if rest == "" {
			rest = "0"
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || total+d < total {
		return 0, errDuration
	}
	if total += d; parts[1] == "-" {
		total = -total
	}
	return total, nil
}

// FormatDuration writes a duration in its largest units: 30d, 1h30m, 25s.
func FormatDuration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Size is a number of bytes. Its text is a number with a unit: KB, MB and GB are powers of 1000, KiB, MiB
// and GiB of 1024. A number alone counts bytes.
type Size int64

var sizeUnits = []struct {
	name string
	size Size
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := strings.TrimSpace(string(text)), Size(1)
	for _, unit := range sizeUnits {
		if n := len(number) - len(unit.name); n > 0 && strings.EqualFold(number[n:], unit.name) {
			number, factor = strings.TrimSpace(number[:n]), unit.size
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n < 0 || n > math.MaxInt64/int64(factor) {
			return errSize
		}
		*s = Size(n) * factor
		return nil
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n < float64(math.MaxInt64/int64(factor))) || strings.ContainsAny(number, "eExX") {
		return errSize
	}
	*s = Size(n * float64(factor))
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Size) String() string {
	best, unit := int64(s), "B"
	for _, u := range sizeUnits {
		if n := int64(s / u.size); s != 0 && s%u.size == 0 && n < best {
			best, unit = n, u.name
		}
	}
	return strconv.FormatInt(best, 10) + unit
}

// Rate is a number of things in a time: 20/s. The zero value is no limit.
type Rate struct {
	Count int64
	Per   time.Duration
}

// PerSecond returns the things per second.
func (r Rate) PerSecond() float64 { return perSecond(r.Count, r.Per) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Rate) UnmarshalText(text []byte) error {
	number, per, ok := cutRate(string(text))
	count, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || count < 0 || count > 0 && per == 0 {
		return errRate
	}
	*r = Rate{Count: count, Per: per}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r Rate) String() string {
	if r.Count == 0 {
		return "0"
	}
	return fmt.Sprintf("%d/%s", r.Count, perName(r.Per))
}

// ByteRate is a number of bytes in a time: 1MB/s. The zero value is no limit.
type ByteRate struct {
	Size Size
	Per  time.Duration
}

// PerSecond returns the bytes per second.
func (r ByteRate) PerSecond() float64 { return perSecond(int64(r.Size), r.Per) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *ByteRate) UnmarshalText(text []byte) error {
	number, per, ok := cutRate(string(text))
	var size Size
	if !ok || size.UnmarshalText([]byte(number)) != nil || size > 0 && per == 0 {
		return errByteRate
	}
	*r = ByteRate{Size: size, Per: per}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (r ByteRate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r ByteRate) String() string {
	if r.Size == 0 {
		return "0"
	}
	return r.Size.String() + "/" + perName(r.Per)
}

func perSecond(n int64, per time.Duration) float64 {
	if per == 0 {
		return 0
	}
	return float64(n) / per.Seconds()
}

var rateTimes = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}

// cutRate splits 20/s into 20 and one second. Without a time, per is 0.
func cutRate(text string) (number string, per time.Duration, ok bool) {
	number, unit, found := strings.Cut(strings.TrimSpace(text), "/")
	if !found {
		return number, 0, true
	}
	per, ok = rateTimes[strings.TrimSpace(unit)]
	return strings.TrimSpace(number), per, ok
}

func perName(per time.Duration) string {
	for name, d := range rateTimes {
		if d == per {
			return name
		}
	}
	return per.String()
}
