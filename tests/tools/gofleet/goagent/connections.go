package main

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// connectionCount counts the connections that a client opens.
type connectionCount struct {
	opened atomic.Int64
}

func (c *connectionCount) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, begins := event.(*stats.ConnBegin); begins {
		c.opened.Add(1)
	}
}

func (*connectionCount) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}
func (*connectionCount) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (*connectionCount) HandleRPC(context.Context, stats.RPCStats)                       {}
