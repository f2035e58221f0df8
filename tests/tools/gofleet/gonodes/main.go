// Gonodes opens the node streams of many nodes, each over a TLS connection of its own from an address of the loopback of its
// own with a certificate of its own (EC P-256, issued by --ca and --ca-key), and moves between servers as our agent does: away from a lost server after 50 to 100
// ms and then at doubling intervals up to 15 s, to the next server before it leaves one that sends it away.
//
// Changes carry when they were made, in microseconds since the Unix epoch: a pod in the last 64 bits of its IPv6 address, as
// fd00::6:3f2a:1b2c:3d4e, credentials in their session token, as "stamp-1763800000000000-…".
//
// It reads commands from standard input, a line each, and answers each with a line on standard output:
//
//	report            what became of the nodes since the last reset, as JSON
//	reset             forgets what was measured
//	servers A:P,B:P   what DNS names from now on
//
// It ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
)

func main() {
	log.SetPrefix("gonodes: ")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("gonodes", flag.ExitOnError)
	nodes := flags.Int("nodes", 1000, "How many nodes: node-0, node-1, …")
	addresses := flags.String("servers", "", "What DNS names: host:port, comma separated")
	serverName := flags.String("server-name", "kiam-server", "Name that the servers' certificates must have")
	caPath := flags.String("ca", "", "CA certificate path")
	caKeyPath := flags.String("ca-key", "", "Path of the CA's key")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	authority, err := readAuthority(*caPath, *caKeyPath, *serverName)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fleet := newFleet(strings.Split(*addresses, ","))
	made := make([]*node, *nodes)
	for number := range made {
		name := fmt.Sprintf("node-%d", number)
		transport, err := authority.clientOf(name)
		if err != nil {
			return err
		}
		source := &net.TCPAddr{IP: net.IPv4(127, 1, byte(number/250), byte(number%250+1))}
		made[number] = &node{name: name, source: source, transport: transport, fleet: fleet, credentials: map[string]bool{}}
	}
	fleet.reset()
	for _, node := range made {
		go node.follow(ctx)
	}
	return obey(fleet)
}

// obey answers commands until there are no more.
func obey(fleet *fleet) error {
	input := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		command, argument, _ := strings.Cut(input.Text(), " ")
		var answer any = "ok"
		switch command {
		case "report":
			answer = fleet.report()
		case "reset":
			fleet.reset()
		case "servers":
			fleet.setServers(strings.Split(argument, ","))
		default:
			return fmt.Errorf("no command is called %q", command)
		}
		if err := output.Encode(answer); err != nil {
			return err
		}
	}
	return input.Err()
}
