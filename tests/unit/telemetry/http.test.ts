import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { Counter, Registry } from "prom-client";
import { serveTelemetry, TelemetryError, type TelemetryOptions } from "../../../src/telemetry/http.ts";
import { createFakeClock } from "../../fakes/clock.ts";

function options(more: Partial<TelemetryOptions> = {}): TelemetryOptions {
  const registry = new Registry();
  new Counter({ name: "things_total", help: "Things", registers: [registry] }).inc(3);
  return {
    listen: { host: "127.0.0.1", port: 0 },
    registry,
    healthy: () => undefined,
    ready: () => undefined,
    clock: createFakeClock(),
    ...more,
  };
}

async function ask(port: number, path: string, method = "GET") {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { status: response.status, type: response.headers.get("content-type"), body: await response.text() };
}

describe("what is served", () => {
  test("the metrics", async () => {
    await using server = await serveTelemetry(options());

    const answer = await ask(server.port, "/metrics");

    expect(answer.status).toBe(200);
    expect(answer.type).toStartWith("text/plain; version=0.0.4");
    expect(answer.body).toContain("things_total 3\n");
  });

  test("health and readiness, each with its reason", async () => {
    await using server = await serveTelemetry(options({ ready: () => "not in sync yet" }));

    const answers = [await ask(server.port, "/healthz"), await ask(server.port, "/readyz?verbose")];

    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, "ok\n"],
      [503, "not in sync yet\n"],
    ]);
  });

  test.each([
    ["GET", "/", 404],
    ["GET", "/metrics/", 404],
    ["GET", "/debug/pprof", 404],
    ["POST", "/metrics", 405],
    ["DELETE", "/healthz", 405],
    ["HEAD", "/healthz", 200],
  ])("%s %s is %d", async (method, path, expected) => {
    await using server = await serveTelemetry(options());

    const answer = await ask(server.port, path, method);

    expect(answer.status).toBe(expected);
  });

  test("metrics that can't be collected are an error without its reason", async () => {
    const registry = {
      metrics: () => Promise.reject(new Error("pod a/b")),
      contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    };
    await using server = await serveTelemetry(options({ registry }));

    const answer = await ask(server.port, "/metrics");

    expect([answer.status, answer.body]).toEqual([500, "metrics could not be collected\n"]);
  });
});

describe("where it listens", () => {
  test("an address that is taken is one line", async () => {
    await using first = await serveTelemetry(options());

    const second = serveTelemetry(options({ listen: { host: "127.0.0.1", port: first.port } }));

    await expect(second).rejects.toThrow(
      new TelemetryError(`can't serve metrics on 127.0.0.1:${first.port}: EADDRINUSE`),
    );
  });

  test("an address that is not ours is one line", async () => {
    const serving = serveTelemetry(options({ listen: { host: "203.0.113.1", port: 0 } }));

    await expect(serving).rejects.toThrow("can't serve metrics on 203.0.113.1:0: EADDRNOTAVAIL");
  });

  test("an empty host is every address, and after its end the port is free", async () => {
    const server = await serveTelemetry(options({ listen: { host: "", port: 0 } }));
    const answer = await ask(server.port, "/healthz");

    await server[Symbol.asyncDispose]();
    await using again = await serveTelemetry(options({ listen: { host: "", port: server.port } }));

    expect(answer.status).toBe(200);
    expect(again.port).toBe(server.port);
  });
});

describe("whoever holds on to it", () => {
  test("loses the oldest connection first, so that a probe still gets in", async () => {
    await using server = await serveTelemetry(options());
    const oldest = await hold(server.port);
    const closed = new Promise<void>((resolve) => oldest.once("close", () => resolve()));
    const others = await Promise.all(Array.from({ length: 63 }, () => hold(server.port)));

    const answer = await ask(server.port, "/healthz");
    await closed;

    expect(answer.status).toBe(200);
    expect(others.filter((socket) => socket.destroyed)).toEqual([]);
    for (const socket of others) {
      socket.destroy();
    }
  });

  test("may ask again and again on one connection, but not ahead of the answer", async () => {
    const metrics = () => new Promise<string>(() => undefined);
    await using server = await serveTelemetry(
      options({ registry: { metrics, contentType: Registry.PROMETHEUS_CONTENT_TYPE } }),
    );
    const patient = await hold(server.port);
    for (let round = 0; round < 3; round += 1) {
      patient.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      await new Promise<void>((resolve) => patient.once("data", () => resolve()));
    }
    const greedy = await hold(server.port);
    const closed = new Promise<void>((resolve) => greedy.once("close", () => resolve()));

    greedy.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2));
    await closed;

    expect(patient.destroyed).toBe(false);
    patient.destroy();
  });

  test("doesn't keep it from ending, in the middle of a request either", async () => {
    const collecting = Promise.withResolvers<string>();
    const asked = Promise.withResolvers<void>();
    const metrics = () => {
      asked.resolve();
      return collecting.promise;
    };
    const server = await serveTelemetry(
      options({ registry: { metrics, contentType: Registry.PROMETHEUS_CONTENT_TYPE } }),
    );
    const held = await hold(server.port);
    const closed = new Promise<void>((resolve) => held.once("close", () => resolve()));
    held.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    await asked.promise;

    await server[Symbol.asyncDispose]();
    await closed;

    expect(held.destroyed).toBe(true);
  });
});

/** A connection that has had an answer and asks for nothing more. */
async function hold(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  return socket;
}
