package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"gofleet/kiampb"
)

// tally is what became of the calls of a load.
type tally struct {
	mutex       sync.Mutex
	Calls       int            `json:"calls"`
	Failures    map[string]int `json:"failures"`
	Peers       map[string]int `json:"peers"`
	Connections int64          `json:"connections"`
	SlowestMs   int64          `json:"slowestMs"`
}

func (t *tally) add(err error, server string, took time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.Calls++
	t.SlowestMs = max(t.SlowestMs, took.Milliseconds())
	if err != nil {
		t.Failures[fmt.Sprintf("%s: %s", status.Code(err), status.Convert(err).Message())]++
		return
	}
	t.Peers[server]++
}

func load(ctx context.Context, o *options, arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("load calls for whom? IP ROLE; not %q", arguments)
	}
	methods := []method{roleOf(arguments[0]), credentialsOf(arguments[0], arguments[1]), health}
	connections := &connectionCount{}
	connection, err := dial(ctx, o, grpc.WithStatsHandler(connections))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := kiampb.NewKiamServiceClient(connection)
	tally := &tally{Failures: map[string]int{}, Peers: map[string]int{}}
	until := time.Now().Add(o.loadFor)

	fmt.Fprintln(os.Stderr, "calling")
	var callers sync.WaitGroup
	for range o.parallel {
		callers.Go(func() {
			for turn := 0; ctx.Err() == nil && time.Now().Before(until); turn++ {
				// Of its own: the end of the load fails no call.
				limited, cancel := context.WithTimeout(context.Background(), o.waitForCall)
				var server peer.Peer
				start := time.Now()
				_, err := methods[turn%len(methods)](limited, client, grpc.Peer(&server))
				address := ""
				if server.Addr != nil {
					address = server.Addr.String()
				}
				tally.add(err, address, time.Since(start))
				cancel()
				select {
				case <-ctx.Done():
				case <-time.After(min(o.pause, time.Until(until))):
				}
			}
		})
	}
	callers.Wait()
	tally.Connections = connections.opened.Load()
	return json.NewEncoder(os.Stdout).Encode(tally)
}
