import { expect, test } from "bun:test";
import { clientTimings, clientTimingsOf, pingTimingsOf } from "../../../src/cli/client-timings.ts";

test("what the flags say is what the connection gets", () => {
  const flags = {
    gatewayTimeoutMs: 500,
    keepaliveTimeMs: 20_000,
    keepaliveTimeoutMs: 3_000,
    keepaliveWithoutStream: true,
  };

  expect(clientTimingsOf(flags)).toEqual({
    connectTimeoutMs: 500,
    pingIntervalMs: 20_000,
    pingTimeoutMs: 3_000,
    pingIdle: true,
  });
});

test("0 is what grpc-go takes it for, and connecting never takes for ever", () => {
  const flags = { gatewayTimeoutMs: 0, keepaliveTimeMs: 0, keepaliveTimeoutMs: 0, keepaliveWithoutStream: false };

  expect(clientTimingsOf(flags)).toEqual({
    connectTimeoutMs: clientTimings.connectTimeoutMs,
    pingIntervalMs: 7_200_000,
    pingTimeoutMs: 20_000,
    pingIdle: false,
  });
});

test("pings are a second apart at least", () => {
  expect(pingTimingsOf({ keepaliveTimeMs: 1, keepaliveTimeoutMs: 1 })).toEqual({
    pingIntervalMs: 1_000,
    pingTimeoutMs: 1,
  });
});
