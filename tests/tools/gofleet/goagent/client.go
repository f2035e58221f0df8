package main

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"

	"gofleet/kiampb"
)

// dial connects as the Go release does: round robin over what DNS names, no service config, no retries of its own, and
// an error where nothing is reached in --gateway-timeout-creation.
func dial(ctx context.Context, o *options, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	host, _, err := net.SplitHostPort(o.serverAddress)
	if err != nil {
		return nil, fmt.Errorf("error parsing hostname: %v", err)
	}
	transport, err := o.files.Client(host)
	if err != nil {
		return nil, fmt.Errorf("error reading tls certificates: %v", err)
	}
	creation, cancel := context.WithTimeout(ctx, o.creationTimeout)
	defer cancel()
	dialOptions := append(more,
		grpc.WithKeepaliveParams(o.keepalive),
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithBlock(),
	)
	//lint:ignore SA1019 that is what the Go release calls
	connection, err := grpc.DialContext(creation, fmt.Sprintf("dns://%s/%s", o.dnsServer, o.serverAddress), dialOptions...)
	if err != nil {
		return nil, fmt.Errorf("error dialing grpc server: %v", err)
	}
	return connection, nil
}

// method is one of the three calls.
type method func(context.Context, kiampb.KiamServiceClient, ...grpc.CallOption) (any, error)

func roleOf(ip string) method {
	return func(ctx context.Context, client kiampb.KiamServiceClient, options ...grpc.CallOption) (any, error) {
		return client.GetPodRole(ctx, &kiampb.GetPodRoleRequest{Ip: ip}, options...)
	}
}

func credentialsOf(ip, role string) method {
	return func(ctx context.Context, client kiampb.KiamServiceClient, options ...grpc.CallOption) (any, error) {
		return client.GetPodCredentials(ctx, &kiampb.GetPodCredentialsRequest{Ip: ip, Role: role}, options...)
	}
}

func health(ctx context.Context, client kiampb.KiamServiceClient, options ...grpc.CallOption) (any, error) {
	return client.GetHealth(ctx, &kiampb.GetHealthRequest{}, options...)
}
