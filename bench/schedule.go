package bench

import "time"

// schedule says when messages are due: at a fixed rate, whatever became of the ones before.
type schedule struct {
	start int64   // nanoseconds on the clock of the run
	rate  float64 // per second
}

// at returns when message i is due.
func (s schedule) at(i uint64) int64 {
	return s.start + int64(float64(i)*float64(time.Second)/s.rate)
}
