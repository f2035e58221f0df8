package main

import (
	"context"
	"maps"
	"path"
	"sync"

	"google.golang.org/grpc"
)

// counter counts calls by method.
type counter struct {
	mutex sync.Mutex
	calls map[string]int
}

func newCounter() *counter {
	return &counter{calls: map[string]int{}}
}

func (c *counter) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	c.mutex.Lock()
	c.calls[path.Base(info.FullMethod)]++
	c.mutex.Unlock()
	return handle(ctx, request)
}

func (c *counter) seen() map[string]int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return maps.Clone(c.calls)
}
