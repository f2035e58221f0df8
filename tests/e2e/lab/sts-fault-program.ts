/**
 * Runs in a namespace of the lab: the fault proxy, told over HTTP on the next port what to do: PUT takes a fault as JSON, GET
 * tells how many requests there were.
 * argv: host, port, URL of the server of STS.
 */
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Fault } from "../../fakes/sts-faults/fault.ts";
import { createStsFaultProxy } from "../../fakes/sts-faults/proxy.ts";

const [, , host = "127.0.0.1", port = "0", target = ""] = process.argv;
const proxy = await createStsFaultProxy({ target, clock: systemClock, listen: { host, port: Number(port) } });

Bun.serve({
  hostname: host,
  port: Number(port) + 1,
  async fetch(request) {
    if (request.method === "PUT") {
      const fault: Fault = JSON.parse(await request.text());
      proxy.decide = () => fault;
    }
    return Response.json({ requests: proxy.requests.length });
  },
});
process.stdout.write("listening\n");
