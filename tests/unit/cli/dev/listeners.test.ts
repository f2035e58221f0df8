import { expect, test } from "bun:test";
import type { MetadataPlace } from "../../../../src/cli/agent-parts.ts";
import { createDevListeners } from "../../../../src/cli/dev/listeners.ts";
import { anAddress, aPod } from "../../../fakes/pods.ts";

/** Metadata services that open no socket. `log` tells what was opened and closed; ports in `busy` can't be had. */
function listening(firstPort = 3100) {
  const places: MetadataPlace[] = [];
  const log: string[] = [];
  const busy = new Set<number>();
  const serveMetadata = async (place: MetadataPlace) => {
    if (busy.has(place.port)) {
      throw new Error(`can't listen on 127.0.0.1:${place.port}: address in use`);
    }
    places.push(place);
    log.push(`open ${place.port}`);
    return {
      port: place.port,
      async [Symbol.asyncDispose]() {
        log.push(`close ${place.port}`);
      },
    };
  };
  return { places, log, busy, listeners: createDevListeners({ serveMetadata }, firstPort) };
}

function devPod(name: string) {
  const address = anAddress(`10.0.0.${name.charCodeAt(0)}`);
  return { pod: aPod({ name, addresses: [address] }), address };
}

const [a, b, c] = [devPod("a"), devPod("b"), devPod("c")];

test("each pod has a listener of its own on loopback, which stands for its address", async () => {
  const { places, listeners } = listening();

  const problems = await listeners.reconcile([a, b]);

  expect(problems).toEqual([]);
  expect(places.map(({ hosts, port, callers }) => [hosts, port, callers])).toEqual([
    [["127.0.0.1"], 3100, { kind: "fixed", address: a.address }],
    [["127.0.0.1"], 3101, { kind: "fixed", address: b.address }],
  ]);
  expect([listeners.portOf(a.address), listeners.portOf(c.address)]).toEqual([3100, undefined]);
});

test("no listener asks the real metadata service for the instance's id", async () => {
  const { places, listeners } = listening();

  await listeners.reconcile([a]);

  expect(await places[0]?.readInstanceId(new AbortController().signal)).toBe("i-0000000000000000d");
});

test("the listener of a pod that is gone is closed, those of the others stay open", async () => {
  const { log, listeners } = listening();

  await listeners.reconcile([a, b]);
  await listeners.reconcile([b]);

  expect(log).toEqual(["open 3100", "open 3101", "close 3100"]);
  expect([listeners.portOf(a.address), listeners.portOf(b.address)]).toEqual([undefined, 3101]);
});

test("a pod that comes back has its port again, and no other ever has it", async () => {
  const { log, listeners } = listening();

  await listeners.reconcile([a]);
  await listeners.reconcile([b]);
  await listeners.reconcile([c, a]);

  expect(log).toEqual(["open 3100", "close 3100", "open 3101", "close 3101", "open 3102", "open 3100"]);
});

test("a port that is taken is told with its pod, and is had once it is free", async () => {
  const { busy, listeners } = listening();
  busy.add(3100);

  const first = await listeners.reconcile([a, b]);
  const portsThen = [listeners.portOf(a.address), listeners.portOf(b.address)];
  busy.clear();
  const second = await listeners.reconcile([a, b]);

  expect(first).toEqual([
    "no metadata service for pod default/a on port 3100: can't listen on 127.0.0.1:3100: address in use",
  ]);
  expect(portsThen).toEqual([undefined, 3101]);
  expect([second, listeners.portOf(a.address)]).toEqual([[], 3100]);
});

test("there are no ports past the last", async () => {
  const { log, listeners } = listening(65_535);

  const problems = await listeners.reconcile([a, b]);

  expect(log).toEqual(["open 65535"]);
  expect(problems).toEqual(["no port is left for pod default/b: start with a lower --port"]);
});

test("disposed, it closes them all", async () => {
  const { log, listeners } = listening();
  await listeners.reconcile([a, b]);

  await listeners[Symbol.asyncDispose]();

  expect(log.slice(2).sort()).toEqual(["close 3100", "close 3101"]);
});
