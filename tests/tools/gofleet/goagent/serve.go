package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"gofleet/kiampb"
)

func serve(ctx context.Context, o *options) error {
	if o.iptables {
		remove, err := addRedirect(o.host, o.port, o.hostInterface)
		if err != nil {
			return err
		}
		if !o.keepRedirect {
			defer func() {
				if err := remove(); err != nil {
					log.Print(err)
				}
			}()
		}
	}
	connection, err := dial(ctx, o)
	if err != nil {
		return fmt.Errorf("error creating server gateway: %v", err)
	}
	defer connection.Close()
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", o.port))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(kiampb.NewKiamServiceClient(connection), o.allowIPQuery)}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	fmt.Printf("listening on %s\n", listener.Addr())
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// The Go release closes after five seconds what is still open.
	limited, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(limited)
}
