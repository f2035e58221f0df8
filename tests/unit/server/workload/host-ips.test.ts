import { expect, test } from "bun:test";
import { createHostIps } from "../../../../src/server/workload/host-ips.ts";
import { aPod } from "../../../fakes/pods.ts";

const onA = aPod({ nodeName: "a", hostIp: "192.168.0.1" });
const onB = aPod({ nodeName: "b", hostIp: "192.168.0.1" });

test("an address is the node's whose pods report it", () => {
  const hostIps = createHostIps();

  hostIps.add(onA);
  hostIps.add(aPod({ nodeName: "b", hostIp: "192.168.0.2" }));

  expect(hostIps.nodeOf("192.168.0.1")).toBe("a");
  expect(hostIps.nodeOf("192.168.0.2")).toBe("b");
  expect(hostIps.nodeOf("192.168.0.3")).toBeUndefined();
  expect(hostIps.nodeOf("")).toBeUndefined();
});

test("an address that two nodes' pods report is nobody's, until one node has it alone again", () => {
  const hostIps = createHostIps();

  hostIps.add(onA);
  hostIps.add(onA);
  hostIps.add(onB);
  expect(hostIps.nodeOf("192.168.0.1")).toBeUndefined();
  hostIps.remove(onA);
  expect(hostIps.nodeOf("192.168.0.1")).toBeUndefined();
  hostIps.remove(onA);

  expect(hostIps.nodeOf("192.168.0.1")).toBe("b");
  hostIps.remove(onB);
  expect(hostIps.nodeOf("192.168.0.1")).toBeUndefined();
});

test("an IPv6 address is found however it is written", () => {
  const hostIps = createHostIps();

  hostIps.add(aPod({ nodeName: "a", hostIp: "fd00:0::1" }));

  expect(hostIps.nodeOf("FD00::1")).toBe("a");
});

test("pods without node or without host address report nothing", () => {
  const hostIps = createHostIps();

  hostIps.add(aPod({ nodeName: "", hostIp: "192.168.0.1" }));
  hostIps.add(aPod({ nodeName: "a", hostIp: "" }));

  expect(hostIps.nodeOf("192.168.0.1")).toBeUndefined();
  expect(hostIps.nodeOf("")).toBeUndefined();
});
