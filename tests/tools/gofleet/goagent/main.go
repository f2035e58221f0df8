// Goagent is on the wire what the Go release's agent is: a grpc-go client of KiamService with its dial options, and the
// metadata routes that pods ask.
//
//	goagent serve …                     the agent, until SIGTERM; writes "listening on ADDRESS"
//	goagent call … role IP              one call; writes {"code", "text", "answer", "peer"}
//	goagent call … credentials IP ROLE
//	goagent call … health
//	goagent load … IP ROLE              calls all three methods until --for is over or SIGTERM; writes "calling" to standard
//	                                    error, and at the end {"calls", "failures": {"Code: text": n},
//	                                    "peers": {"address": n}, "connections": n, "slowestMs": n}
//
// A call or load has no retries but those that grpc-go makes without being told; the agent's routes try again as the Go
// release's do. serve writes "listening on ADDRESS" to standard output.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver/dns"

	"gofleet/mutualtls"
)

// options are the Go release's flags, as far as they matter here, and --dns-server.
type options struct {
	files           mutualtls.Files
	serverAddress   string
	dnsServer       string
	creationTimeout time.Duration
	keepalive       keepalive.ClientParameters

	host          string
	port          int
	allowIPQuery  bool
	iptables      bool
	hostInterface string
	keepRedirect  bool

	loadFor     time.Duration
	parallel    int
	pause       time.Duration
	waitForCall time.Duration
}

func main() {
	log.SetPrefix("goagent: ")
	if len(os.Args) < 2 {
		log.Fatal("say serve, call or load")
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func run(command string, arguments []string) error {
	var o options
	flags := flag.NewFlagSet("goagent", flag.ExitOnError)
	o.files.Bind(flags)
	flags.StringVar(&o.serverAddress, "server-address", "localhost:9610", "gRPC address to Kiam server service")
	flags.StringVar(&o.dnsServer, "dns-server", "", "host:port of the DNS server that resolves it; else the system's")
	flags.Func("dns-min-interval", "Least time between two questions to DNS; grpc-go's 30s where it is left out", func(text string) error {
		interval, err := time.ParseDuration(text)
		dns.SetMinResolutionInterval(interval)
		return err
	})
	flags.DurationVar(&o.creationTimeout, "gateway-timeout-creation", time.Second, "Timeout to create the kiam gateway")
	flags.DurationVar(&o.keepalive.Time, "grpc-keepalive-time-duration", 10*time.Second, "gRPC keepalive time")
	flags.DurationVar(&o.keepalive.Timeout, "grpc-keepalive-timeout-duration", 2*time.Second, "gRPC keepalive timeout")
	flags.BoolVar(&o.keepalive.PermitWithoutStream, "grpc-keepalive-permit-without-stream", false, "gRPC keepalive ping even with no RPC")
	flags.StringVar(&o.host, "host", "", "Host IP address; serve listens on all")
	flags.IntVar(&o.port, "port", 3100, "HTTP port")
	flags.BoolVar(&o.allowIPQuery, "allow-ip-query", false, "Allow client IP to be specified with ?ip")
	flags.BoolVar(&o.iptables, "iptables", false, "Add IPTables rules")
	flags.StringVar(&o.hostInterface, "host-interface", "docker0", "Network interface for pods to configure IPTables")
	flags.BoolVar(&o.keepRedirect, "no-iptables-remove", false, "Leave iptables rules at shutdown")
	flags.DurationVar(&o.loadFor, "for", time.Minute, "How long load calls")
	flags.IntVar(&o.parallel, "parallel", 4, "How many of load's calls are made at a time")
	flags.DurationVar(&o.pause, "pause", 0, "How long each of load's callers waits after a call")
	flags.DurationVar(&o.waitForCall, "timeout", 5*time.Second, "How long one call may take")
	if err := flags.Parse(arguments); err != nil {
		return err
	}

	stopping, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	switch command {
	case "serve":
		return serve(stopping, &o)
	case "call":
		return call(stopping, &o, flags.Args())
	case "load":
		return load(stopping, &o, flags.Args())
	default:
		return fmt.Errorf("unknown command %q", command)
	}
}
