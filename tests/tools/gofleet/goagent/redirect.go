package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// addRedirect appends the Go release's rule to PREROUTING where it is not there yet; the answer removes it.
func addRedirect(host string, port int, hostInterface string) (func() error, error) {
	rule := []string{"-p", "tcp", "-d", "169.254.169.254", "--dport", "80", "-j", "DNAT",
		"--to-destination", fmt.Sprintf("%s:%d", host, port)}
	if strings.HasPrefix(hostInterface, "!") {
		rule = append(rule, "!")
	}
	rule = append(rule, "-i", strings.TrimPrefix(hostInterface, "!"))
	if iptables("-C", rule) != nil {
		if err := iptables("-A", rule); err != nil {
			return nil, err
		}
	}
	return func() error { return iptables("-D", rule) }, nil
}

func iptables(operation string, rule []string) error {
	arguments := append([]string{"--wait", "-t", "nat", operation, "PREROUTING"}, rule...)
	if output, err := exec.Command("iptables", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("iptables %v: %s", arguments, output)
	}
	return nil
}
