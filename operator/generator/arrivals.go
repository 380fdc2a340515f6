package main

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// schedule holds the instants at which requests are due, as times since the beginning. They are settled before the
// first request, so that nothing that happens later, a slow server least of all, can move one of them.
type schedule []time.Duration

// poisson draws arrivals with exponential gaps: what many users who know nothing of each other look like to a server.
// Their number is rate times length, whatever the seed; given its number, a Poisson process is just this, and no step
// gets more requests than another by chance.
func poisson(rate float64, length time.Duration, seed uint64) schedule {
	source := rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15))
	due, at := make(schedule, max(1, int(math.Round(rate*length.Seconds())))), 0.0
	for i := range due {
		at += source.ExpFloat64()
		due[i] = time.Duration(at * float64(time.Second))
	}
	scale := length.Seconds() / (at + source.ExpFloat64())
	for i := range due {
		due[i] = time.Duration(float64(due[i]) * scale)
	}
	return due
}

// pacer makes vegeta keep a schedule. It waits by itself instead of telling vegeta how long to sleep, because that
// sleep could not be ended.
type pacer struct {
	due      schedule
	begin    time.Time
	begun    chan struct{} // closed once begin is set
	stopped  chan struct{}
	stopOnce sync.Once
}

func newPacer(due schedule) *pacer {
	return &pacer{due: due, begun: make(chan struct{}), stopped: make(chan struct{})}
}

// Pace returns when the next request is due, or at once when it is overdue.
func (p *pacer) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if hits == 0 {
		p.begin = time.Now().Add(-elapsed)
		close(p.begun)
	}
	if hits >= uint64(len(p.due)) {
		return 0, true
	}
	if wait := time.Until(p.begin.Add(p.due[hits])); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.stopped:
		}
	}
	select {
	case <-p.stopped:
		return 0, true
	default:
		return 0, false
	}
}

// Rate is asked for by nobody: vegeta has it for its own plots.
func (p *pacer) Rate(time.Duration) float64 { return 0 }

// stop ends the sending; what has been sent is still waited for.
func (p *pacer) stop() { p.stopOnce.Do(func() { close(p.stopped) }) }
