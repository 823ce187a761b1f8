//go:build !linux

package bench

import (
	"errors"
	"time"
)

var errProcess = errors.New("processes can be measured on Linux only")

func processTime(int) (time.Duration, error) { return 0, errProcess }

func processMemory(int) (int64, error) { return 0, errProcess }
