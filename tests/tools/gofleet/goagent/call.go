package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"gofleet/kiampb"
)

func call(ctx context.Context, o *options, arguments []string) error {
	ask, err := methodOf(arguments)
	if err != nil {
		return err
	}
	connection, err := dial(ctx, o)
	if err != nil {
		return err
	}
	defer connection.Close()
	limited, cancel := context.WithTimeout(ctx, o.waitForCall)
	defer cancel()
	var server peer.Peer
	answer, err := ask(limited, kiampb.NewKiamServiceClient(connection), grpc.Peer(&server))
	outcome := map[string]any{"code": status.Code(err).String(), "text": status.Convert(err).Message()}
	if err == nil {
		outcome["answer"] = answer
	}
	if server.Addr != nil {
		outcome["peer"] = server.Addr.String()
	}
	return json.NewEncoder(os.Stdout).Encode(outcome)
}

func methodOf(arguments []string) (method, error) {
	switch {
	case len(arguments) == 2 && arguments[0] == "role":
		return roleOf(arguments[1]), nil
	case len(arguments) == 3 && arguments[0] == "credentials":
		return credentialsOf(arguments[1], arguments[2]), nil
	case len(arguments) == 1 && arguments[0] == "health":
		return health, nil
	default:
		return nil, fmt.Errorf("call what? role IP, credentials IP ROLE, or health; not %q", arguments)
	}
}
