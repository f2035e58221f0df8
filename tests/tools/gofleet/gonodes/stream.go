package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"

	"gofleet/nodepb"
)

// stream is one node's, to one server, over a connection of its own.
type stream struct {
	address  string
	ended    chan struct{}
	endedAt  time.Time
	sentAway chan struct{}
	stop     context.CancelFunc
}

const (
	firstMessage    = 10 * time.Second
	largestSnapshot = 16 << 20
	bufferBytes     = 8 << 10
)

// open resolves with the snapshot.
func open(parent context.Context, n *node, address string) (*stream, error) {
	ctx, stop := context.WithCancel(parent)
	connection, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(n.transport),
		grpc.WithContextDialer(n.dial),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 2 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestSnapshot)),
		grpc.WithReadBufferSize(bufferBytes), grpc.WithWriteBufferSize(bufferBytes),
	)
	if err != nil {
		stop()
		return nil, err
	}
	s := &stream{address: address, ended: make(chan struct{}), sentAway: make(chan struct{}), stop: stop}
	end := sync.OnceFunc(func() {
		stop()
		s.endedAt = time.Now()
		close(s.ended)
		connection.Close()
	})
	patience := time.AfterFunc(firstMessage, stop)
	defer patience.Stop()
	claim := &nodepb.WatchNodeRequest{Claim: &nodepb.NodeClaim{NodeName: n.name}}
	updates, err := nodepb.NewNodeServiceClient(connection).WatchNode(ctx, claim)
	if err != nil {
		end()
		return nil, err
	}
	first, err := updates.Recv()
	if err != nil {
		end()
		return nil, err
	}
	snapshot := first.GetSnapshot()
	if snapshot == nil {
		end()
		return nil, fmt.Errorf("a stream began without a snapshot")
	}
	n.fleet.snapshot(n.heed(snapshot.Pods, snapshot.Credentials))
	go func() {
		defer close(s.sentAway)
		connection.WaitForStateChange(ctx, connectivity.Ready)
	}()
	go func() {
		defer end()
		for {
			update, err := updates.Recv()
			if err != nil {
				return
			}
			if changes := update.GetChanges(); changes != nil {
				n.fleet.changed(changes, time.Now())
				n.heed(nil, changes.Credentials)
			}
		}
	}()
	return s, nil
}

func (s *stream) isOver() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}
