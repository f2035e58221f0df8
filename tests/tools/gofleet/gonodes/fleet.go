package main

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"gofleet/nodepb"
)

// fleet is all nodes together.
type fleet struct {
	mutex     sync.Mutex
	addresses []string
	connected int
	measured
}

// measured is what became of them since the last reset.
type measured struct {
	since       time.Time
	attempts    int
	lastAttempt time.Time
	snapshots   int
	lastInSync  time.Time
	// Allowed pods of snapshots of whose identity their node had no credentials.
	bare       int
	gaps       int
	longestGap time.Duration
	failures   map[string]int
	// From when a change was made until it was here, ms.
	pods, credentials []float64
}

func newFleet(addresses []string) *fleet {
	return &fleet{addresses: addresses}
}

func (f *fleet) servers() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.addresses
}

func (f *fleet) setServers(addresses []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.addresses = addresses
}

func (f *fleet) attempted() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.attempts++
	f.lastAttempt = time.Now()
}

func (f *fleet) failed(err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.failures[status.Code(err).String()]++
}

func (f *fleet) snapshot(bare int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.snapshots++
	f.bare += bare
	f.lastInSync = time.Now()
}

// inSync is called when a node has another stream than the former, which may be over.
func (f *fleet) inSync(former *stream) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.connected++
	if former != nil && former.isOver() {
		f.gaps++
		f.longestGap = max(f.longestGap, time.Since(former.endedAt))
	}
}

func (f *fleet) left(*stream) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.connected--
}

func (f *fleet) changed(changes *nodepb.Changes, at time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, pod := range changes.Pods {
		for _, address := range pod.Addresses {
			if stamp, ok := stampOfAddress(address); ok {
				f.pods = append(f.pods, sinceMs(stamp, at))
			}
		}
	}
	for _, each := range changes.Credentials {
		if stamp, ok := stampOfCredentials(each.GetRoleCredentials()); ok {
			f.credentials = append(f.credentials, sinceMs(stamp, at))
		}
	}
}

func (f *fleet) reset() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.measured = measured{since: time.Now(), failures: map[string]int{}}
}

type latencies struct {
	Count int     `json:"count"`
	P50Ms float64 `json:"p50Ms"`
	P99Ms float64 `json:"p99Ms"`
	MaxMs float64 `json:"maxMs"`
}

type report struct {
	Connected     int            `json:"connected"`
	Attempts      int            `json:"attempts"`
	LastAttemptMs int64          `json:"lastAttemptMs"`
	Snapshots     int            `json:"snapshots"`
	LastInSyncMs  int64          `json:"lastInSyncMs"`
	BarePods      int            `json:"barePods"`
	Gaps          int            `json:"gaps"`
	LongestGapMs  int64          `json:"longestGapMs"`
	Failures      map[string]int `json:"failures"`
	Pods          latencies      `json:"pods"`
	Credentials   latencies      `json:"credentials"`
}

func (f *fleet) report() report {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return report{
		Connected:     f.connected,
		Attempts:      f.attempts,
		LastAttemptMs: f.sinceResetMs(f.lastAttempt),
		Snapshots:     f.snapshots,
		LastInSyncMs:  f.sinceResetMs(f.lastInSync),
		BarePods:      f.bare,
		Gaps:          f.gaps,
		LongestGapMs:  f.longestGap.Milliseconds(),
		Failures:      f.failures,
		Pods:          summary(f.pods),
		Credentials:   summary(f.credentials),
	}
}

// sinceResetMs is 0 for what has not happened.
func (f *fleet) sinceResetMs(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Sub(f.since).Milliseconds()
}

func summary(values []float64) latencies {
	if len(values) == 0 {
		return latencies{}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(part float64) float64 { return sorted[min(len(sorted)-1, int(float64(len(sorted))*part))] }
	return latencies{Count: len(sorted), P50Ms: at(0.5), P99Ms: at(0.99), MaxMs: sorted[len(sorted)-1]}
}

func sinceMs(stamp int64, at time.Time) float64 {
	return float64(at.UnixMicro()-stamp) / 1000
}

// stampOfAddress is that of fd00::/64 only.
func stampOfAddress(text string) (int64, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil || !address.Is6() {
		return 0, false
	}
	bytes := address.As16()
	if bytes[0] != 0xfd {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(bytes[8:])), true
}

func stampOfCredentials(encoded []byte) (int64, bool) {
	var credentials nodepb.RoleCredentials
	if len(encoded) == 0 || proto.Unmarshal(encoded, &credentials) != nil {
		return 0, false
	}
	rest, ok := strings.CutPrefix(credentials.SessionToken, "stamp-")
	if !ok {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, "-")
	stamp, err := strconv.ParseInt(digits, 10, 64)
	return stamp, err == nil
}
