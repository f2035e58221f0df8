// Goserver is on the wire what the Go release's server is: KiamService by grpc-go over mutual TLS, its keepalive and
// connection age, the default policy against pings (a client that pings an idle connection gets GOAWAY "too_many_pings"),
// its error texts with code Unknown, and a graceful stop at SIGTERM.
//
// Instead of a cluster it reads --pods, a JSON file that is read again for each call:
//
//	{"pods": [{"ip": "10.0.0.5", "role": "reader", "namespace": "a", "name": "b"}]}
//
// A pod may also say "forbidden": true (policy denies it), "error": "text" (every call about it fails by that) and
// "delayMs" (every call about it takes so long). Credentials are AssumeRole's of --sts-endpoint, else made up, with the
// role in the access key: GO-<role>-<number>.
//
// It writes "listening on ADDRESS" to standard output, and at the end {"calls": {"GetPodRole": 12, …}}.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"gofleet/kiampb"
	"gofleet/mutualtls"
)

func main() {
	log.SetPrefix("goserver: ")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(arguments []string) error {
	var files mutualtls.Files
	var parameters keepalive.ServerParameters
	var pods podFile
	var issuer issuer
	flags := flag.NewFlagSet("goserver", flag.ExitOnError)
	files.Bind(flags)
	bind := flags.String("bind", "localhost:9610", "gRPC bind address")
	flags.StringVar(&issuer.baseARN, "role-base-arn", "arn:aws:iam::123456789012:role/", "Base ARN for roles")
	flags.StringVar(&issuer.endpoint, "sts-endpoint", "", "STS to call; credentials are made up where it is empty")
	flags.DurationVar(&issuer.duration, "session-duration", 15*time.Minute, "Requested session duration")
	flags.StringVar((*string)(&pods), "pods", "", "JSON file with the pods")
	flags.DurationVar(&parameters.Time, "grpc-keepalive-time-duration", 10*time.Second, "gRPC keepalive time")
	flags.DurationVar(&parameters.Timeout, "grpc-keepalive-timeout-duration", 2*time.Second, "gRPC keepalive timeout")
	flags.DurationVar(&parameters.MaxConnectionIdle, "grpc-max-connection-idle-duration", 15*time.Minute, "gRPC max connection idle")
	flags.DurationVar(&parameters.MaxConnectionAge, "grpc-max-connection-age-duration", 15*time.Minute, "gRPC max connection age")
	flags.DurationVar(&parameters.MaxConnectionAgeGrace, "grpc-max-connection-age-grace-duration", 15*time.Minute, "gRPC max connection age grace")
	if err := flags.Parse(arguments); err != nil {
		return err
	}

	transport, err := files.Server()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *bind)
	if err != nil {
		return err
	}
	calls := newCounter()
	server := grpc.NewServer(
		grpc.Creds(transport),
		grpc.KeepaliveParams(parameters),
		grpc.UnaryInterceptor(calls.intercept),
	)
	kiampb.RegisterKiamServiceServer(server, &service{pods: pods, issuer: &issuer})

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	if err := server.Serve(listener); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"calls": calls.seen()})
}
