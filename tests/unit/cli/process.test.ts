import { expect, test } from "bun:test";
import { createRegistry, serveTelemetryAt } from "../../../src/cli/process.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { metricOf } from "../../fixtures/metrics.ts";

test("every process tells its version", async () => {
  const registry = createRegistry(createFakeCommandIo());

  expect(await metricOf(registry, "kiam_build_info", { version: "1.2.3", commit: "0123abc" })).toBe(1);
});

test("without an address for it there is no telemetry listener", async () => {
  const io = createFakeCommandIo();

  expect(await serveTelemetryAt(undefined, createRegistry(io), () => undefined, io)).toBeUndefined();
});

test("telemetry says whether the process is ready, and is well as long as it answers", async () => {
  const io = createFakeCommandIo();
  let problem: string | undefined = "not in sync";
  const listen = { host: "127.0.0.1", port: await freePort() };
  await using _served = await serveTelemetryAt(listen, createRegistry(io), () => problem, io);
  const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${listen.port}${path}`)).status;

  const before = [await statusOf("/readyz"), await statusOf("/healthz")];
  problem = undefined;
  const after = [await statusOf("/readyz"), await statusOf("/healthz"), await statusOf("/metrics")];

  expect(before).toEqual([503, 200]);
  expect(after).toEqual([200, 200, 200]);
});
