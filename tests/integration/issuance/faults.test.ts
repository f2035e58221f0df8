import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Sts } from "../../e2e/lab/sts.ts";
import { waitFor } from "../../e2e/lab/wait.ts";
import { type FaultName, faults } from "../../fakes/sts-faults/fault.ts";
import { keepAsking } from "../cluster/keep-asking.ts";
import { credentialsOf } from "../cluster/pod-client.ts";
import { aPodWithRole } from "../cluster/world.ts";
import { createFaultyCluster, issuedFor, onlyFor, requestsFor } from "./faulty-cluster.ts";
import { startLoopbackSts } from "./loopback-sts.ts";

const minuteMs = 60_000;
const [readersAddress, writersAddress] = ["127.1.0.1", "127.1.0.2"];

let moto: Sts;
beforeAll(async () => {
  moto = await startLoopbackSts();
});
afterAll(() => moto?.[Symbol.asyncDispose]());

/** With a pod that may be a reader and one that may be a writer, and an agent that serves them. */
async function createTwoPods() {
  const cluster = await createFaultyCluster(moto.endpoint);
  const { ask } = await cluster.startAgent();
  const run = () => {
    cluster.world.put(aPodWithRole("reader", readersAddress));
    cluster.world.put(aPodWithRole("writer", writersAddress));
  };
  return {
    ...cluster,
    run,
    askReader: () => ask("reader", readersAddress),
    askWriter: () => ask("writer", writersAddress),
  };
}

const cantBe = "MalformedResponse: STS answered with an expiration that can't be, or the clocks disagree";
const ofServer = (code: string) => `${code}: STS does not take the server's own credentials (${code})`;
const lost = "ECONNRESET: STS could not be reached (ECONNRESET)";

describe("what a pod is told of STS's trouble, and how many requests a call costs; others are served, and it passes", () => {
  test.each<[FaultName, number, string]>([
    ["throttled", 1, "Throttling: STS asks for fewer calls"],
    ["overloaded", 3, "ServiceUnavailable: STS answered 503 (ServiceUnavailable)"],
    ["internal", 3, "InternalFailure: STS answered 500 (InternalFailure)"],
    ["gateway", 3, "Unknown: STS answered 502 (Unknown)"],
    ["resetBefore", 3, lost],
    ["resetAfter", 3, lost],
    ["truncated", 3, lost],
    ["malformed", 1, "Error: STS answered 200 (Error)"],
    ["empty", 1, "MalformedResponse: STS answered without credentials"],
    ["expired", 1, cantBe],
    ["centuries", 1, cantBe],
    ["expiredToken", 1, ofServer("ExpiredToken")],
    ["unknownKey", 1, ofServer("InvalidClientTokenId")],
    ["requestExpired", 1, ofServer("RequestExpired")],
  ])("%s", async (name, requests, message) => {
    await using cluster = await createTwoPods();
    const { proxy, server } = cluster;
    proxy.decide = onlyFor("reader", faults[name]);
    cluster.run();

    const told = await cluster.askReader();
    await waitFor("as many requests as the calls make", async () => {
      const calls = await server.metric("kiam_sts_issuing_errors_total");
      return requestsFor("reader", proxy) === calls * requests || undefined;
    });
    const other = await cluster.askWriter();
    proxy.decide = () => faults.none;
    const ask = () => cluster.go.getPodCredentials({ ip: readersAddress, role: "reader" });
    const served = await waitFor("the trouble to pass", ask, 3_000);

    expect([told.status, told.message]).toEqual([503, `STS gave no credentials: ${message}`]);
    expect([issuedFor(proxy, other), issuedFor(proxy, served)]).toEqual(["writer", "reader"]);
  });
});

test("a server's clock that is wrong is put right by what STS says of the time, at the cost of one more request", async () => {
  await using cluster = await createTwoPods();
  const { proxy } = cluster;
  const wrong = { ...faults.requestExpired, dateOffsetMs: 60 * minuteMs };
  proxy.decide = ({ signedAtMs }) => (signedAtMs > Date.now() + 30 * minuteMs ? faults.none : wrong);
  cluster.world.put(aPodWithRole("reader", readersAddress));

  const served = await cluster.askReader();

  expect(issuedFor(proxy, served)).toBe("reader");
  expect(proxy.requests.length).toBe(2);
});

test("a hang ends after five seconds, and the pod is told so; another role's does not wait", async () => {
  await using cluster = await createTwoPods();
  const { proxy } = cluster;
  proxy.decide = onlyFor("reader", faults.hang);
  cluster.run();
  const askedAtMs = performance.now();

  const hanging = cluster.askReader();
  const other = await cluster.askWriter();
  const otherTookMs = performance.now() - askedAtMs;
  const told = await hanging;

  expect(issuedFor(proxy, other)).toBe("writer");
  expect(otherTookMs).toBeLessThan(2_000);
  expect(told.status).toBe(503);
  expect(performance.now() - askedAtMs).toBeWithin(4_500, 6_500);
  expect(requestsFor("reader", proxy)).toBe(1);
});

test("whatever befalls renewals, what is held is served all the while, and renewed when STS is well", async () => {
  await using cluster = await createTwoPods();
  const { proxy, clock, server } = cluster;
  cluster.run();
  const first = await waitFor("the credentials", credentialsOf(cluster.askReader));
  const stop = keepAsking(cluster.askReader);

  /** By a clock that goes many times as fast while it looks: a pause after failures may be a minute. */
  const waitInHaste = (what: string, look: () => boolean | Promise<boolean>) =>
    waitFor(what, async () => {
      clock.putForward(1_000);
      return (await look()) || undefined;
    });
  clock.putForward(38 * minuteMs);
  for (const name of ["throttled", "denied", "hang", "expiredToken", "resetAfter", "expired"] as const) {
    const before = proxy.requests.length;
    proxy.decide = () => faults[name];
    await waitInHaste(`a renewal that meets ${name}`, () => proxy.requests.length > before);
  }
  proxy.decide = () => faults.none;
  await waitInHaste("the renewals", async () => (await server.metric("kiam_sts_renewals_total")) === 2);
  const renewed = await waitFor("the successor", async () => {
    const answer = await cluster.askReader();
    return answer.accessKeyId === first.accessKeyId ? undefined : answer;
  });
  const reads = await stop();

  expect(issuedFor(proxy, renewed)).toBe("reader");
  expect(reads.filter(({ status }) => status !== 200)).toEqual([]);
  expect(new Set(reads.map((read) => issuedFor(proxy, read)))).toEqual(new Set(["reader"]));
});
