package main

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"google.golang.org/grpc/credentials"

	"gofleet/nodepb"
)

// As src/agent/feed/subscriber.ts has it.
const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 15 * time.Second
	goodStream   = 15 * time.Second
)

// node is one agent.
type node struct {
	name string
	// Where it is: a server bounds what one address may do.
	source    net.Addr
	transport credentials.TransportCredentials
	fleet     *fleet
	// The stream that it is fed by; nil while there is none.
	current *stream
	// Of what identities it has ever been given credentials.
	credentials map[string]bool
	tried       map[string]bool
}

// follow keeps a stream open to one server after another.
func (n *node) follow(ctx context.Context) {
	attempt := 0
	for ctx.Err() == nil {
		opened := time.Now()
		n.fleet.attempted()
		next, err := open(ctx, n, n.choose())
		if err != nil {
			n.fleet.failed(err)
		} else {
			n.takeOver(next)
			select {
			case <-next.ended:
			case <-next.sentAway:
			}
			if time.Since(opened) >= goodStream {
				attempt = 0
			}
		}
		n.pause(ctx, backoff(attempt))
		attempt++
	}
}

func (n *node) dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: n.source}
	return dialer.DialContext(ctx, "tcp", address)
}

// choose takes one of the servers that were not tried in this round.
func (n *node) choose() string {
	servers := n.fleet.servers()
	left := []string{}
	for _, server := range servers {
		if !n.tried[server] {
			left = append(left, server)
		}
	}
	if len(left) == 0 {
		n.tried, left = nil, servers
	}
	if n.tried == nil {
		n.tried = map[string]bool{}
	}
	chosen := left[rand.IntN(len(left))]
	n.tried[chosen] = true
	return chosen
}

func (n *node) takeOver(next *stream) {
	n.tried = map[string]bool{next.address: true}
	former := n.current
	n.current = next
	n.fleet.inSync(former)
	if former != nil {
		former.stop()
	}
	go func() {
		<-next.ended
		n.fleet.left(next)
	}()
}

// pause is over when the stream ends that it was fed by meanwhile.
func (n *node) pause(ctx context.Context, length time.Duration) {
	var lost chan struct{}
	if n.current != nil && !n.current.isOver() {
		lost = n.current.ended
	}
	select {
	case <-ctx.Done():
	case <-time.After(length):
	case <-lost:
	}
}

// heed takes credentials up and says how many allowed pods of a snapshot have none.
func (n *node) heed(pods []*nodepb.Pod, credentials []*nodepb.IdentityCredentials) int {
	for _, each := range credentials {
		if each.GetRoleCredentials() != nil {
			n.credentials[each.Identity] = true
		}
	}
	bare := 0
	for _, pod := range pods {
		if allowed := pod.GetAllowed(); allowed != nil && !n.credentials[allowed.Identity] {
			bare++
		}
	}
	return bare
}

func backoff(attempt int) time.Duration {
	full := min(longestRetry, firstRetry<<min(attempt, 10))
	return full/2 + rand.N(full/2)
}
