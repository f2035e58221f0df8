import { expect, test } from "bun:test";
import { ipv4 } from "../../../../src/agent/intercept/family.ts";
import { parseRules } from "../../../../src/agent/intercept/rule.ts";
import { shareTaken } from "../../../../src/agent/intercept/verdict.ts";
import { pattern } from "./patterns.ts";

test.each([
  ["-j ACCEPT", "all"],
  ["-p tcp -j ACCEPT", "all"],
  ["-p 6 -j ACCEPT", "all"],
  ["-p udp -j ACCEPT", "none"],
  ["! -p tcp -j ACCEPT", "none"],
  ["! -p udp -j ACCEPT", "all"],
  ["-d 169.254.169.254/32 -j ACCEPT", "all"],
  ["-d 169.254.0.0/16 -j ACCEPT", "all"],
  ["-d 0.0.0.0/0 -j ACCEPT", "all"],
  ["-d 169.254.169.253/32 -j ACCEPT", "none"],
  ["-d 169.254.169.254 -j ACCEPT", "all"],
  ["! -d 169.254.0.0/16 -j ACCEPT", "none"],
  ["! -d 10.0.0.0/8 -j ACCEPT", "all"],
  ["-d 169.254.0.254/255.255.0.255 -j ACCEPT", "some"],
  ["-s 10.0.0.0/8 -j ACCEPT", "some"],
  ["! -s 10.0.0.0/8 -j ACCEPT", "some"],
  ["-i cali+ -j ACCEPT", "all"],
  ["-i eth0 -j ACCEPT", "none"],
  ["! -i eth0 -j ACCEPT", "all"],
  ["-i cali123 -j ACCEPT", "some"],
  ["-i !eth0 -j ACCEPT", "none"],
  ["-p tcp -m tcp --dport 80 -j ACCEPT", "all"],
  ["-p tcp -m tcp --dport 81 -j ACCEPT", "none"],
  ["-p tcp -m tcp --dport 1:1024 -j ACCEPT", "all"],
  ["-p tcp -m tcp --dport :79 -j ACCEPT", "none"],
  ["-p tcp -m tcp ! --dport 80 -j ACCEPT", "none"],
  ["-p tcp -m tcp --sport 1024:65535 -j ACCEPT", "some"],
  ["-p tcp -m multiport --dports 22,70:90 -j ACCEPT", "all"],
  ["-p tcp -m multiport --dports 22,443 -j ACCEPT", "none"],
  ["-p tcp -m multiport --ports 22,443 -j ACCEPT", "some"],
  ["-m addrtype --dst-type LOCAL -j ACCEPT", "none"],
  ["-m addrtype ! --dst-type LOCAL -j ACCEPT", "all"],
  ["-m conntrack --ctstate NEW -j ACCEPT", "all"],
  ["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "none"],
  ["-m state --state NEW -j ACCEPT", "all"],
  ["-m mark --mark 0x1 -j ACCEPT", "some"],
  ["-m set --match-set pods src -j ACCEPT", "some"],
  ["-m rpfilter -j ACCEPT", "some"],
  ['-m comment --comment "-d 10.0.0.0/8" -j ACCEPT', "all"],
  ["-s 10.0.0.0/8 -p udp -j ACCEPT", "none"],
])("%s takes %s of what pods send to the metadata service", (text, expected) => {
  const [rule = { text, conditions: [] }] = parseRules("C", `-A C ${text}`);

  expect(shareTaken(rule, ipv4, pattern("cali+"))).toBe(expected as "all");
});
