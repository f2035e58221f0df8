import { expect, test } from "bun:test";
import { failureOf, setUp } from "./set-up.ts";

test("a Go agent's request for a role that is not the pod's is an event, each time", async () => {
  const server = setUp();
  server.put({ role: "reader" });
  const { kiam } = server.as();

  for (const role of ["writer", "writer"]) {
    await failureOf(kiam.getPodCredentials({ ip: "10.0.0.1", role }));
  }

  const told =
    "happened default/reader-1 KiamRoleForbidden failed assuming role \"writer\": requested 'writer' but annotated with 'reader', forbidden";
  expect(server.eventsTold).toEqual([told, told]);
});

test("credentials that STS did not give are an event, with code and message, and a line in the log", async () => {
  const server = setUp();
  server.sts.onCall((call) => call.fail("throttled", "Throttling"));
  server.put({ role: "reader" });

  await failureOf(server.as().kiam.getPodCredentials({ ip: "10.0.0.1", role: "reader" }));

  expect(server.eventsTold).toEqual([
    "happened default/reader-1 KiamCredentialError failed retrieving credentials: Throttling: Throttling, said STS",
  ]);
  expect(
    server.logger.lines
      .filter(({ level }) => level === "error")
      .map(({ message, fields }) => [message, fields?.["pod.name"]]),
  ).toEqual(expect.arrayContaining([["error retrieving credentials: Throttling: Throttling, said STS", "reader-1"]]));
});

test("a pod in a loop has one line in the log, and an event each time", async () => {
  const server = setUp();
  server.sts.onCall((call) => call.fail("refused", "AccessDenied"));
  server.put({ role: "reader" });
  const { kiam } = server.as();

  for (let time = 0; time < 3; time += 1) {
    await failureOf(kiam.getPodCredentials({ ip: "10.0.0.1", role: "reader" }));
  }

  expect(server.logger.lines.filter(({ message }) => message.startsWith("error retrieving")).length).toBe(1);
  expect(server.eventsTold.length).toBe(3);
});

test("this release's agents that ask for a pod bring its denial to it as well", async () => {
  const server = setUp();
  server.put({ role: "admin" });
  const { node } = server.as({ certifiedFor: "node-a" });

  await node.lookupPod({ claim: { nodeName: "node-a", hostIp: "" }, address: "10.0.0.1", withCredentials: true });

  expect(server.eventsTold.map((line) => line.split(":")[0])).toEqual([
    'happened default/reader-1 KiamRoleForbidden failed assuming role "admin"',
  ]);
});

test("pods that get what they ask for, and those that ask for nothing, have no events", async () => {
  const server = setUp();
  server.sts.onCall((call) => call.issue());
  server.put({ uid: "a", role: "reader" });
  server.put({ uid: "b", addresses: ["10.0.0.2"] });
  const { kiam, node } = server.as({ certifiedFor: "node-a" });

  await kiam.getPodCredentials({ ip: "10.0.0.1", role: "reader" });
  await kiam.getPodRole({ ip: "10.0.0.2" });
  await node.lookupPod({ claim: { nodeName: "node-a", hostIp: "" }, address: "10.0.0.2", withCredentials: true });

  expect(server.eventsTold).toEqual([]);
});

test("an address that nobody has is an error with the address, once a minute", async () => {
  const server = setUp();
  const { kiam } = server.as();
  const ask = async () => {
    const asked = failureOf(kiam.getPodRole({ ip: "10.0.0.9" }));
    await server.clock.waiting(800);
    await server.clock.advance(800);
    await asked;
  };

  await ask();
  await ask();
  const soon = server.logger.lines.filter(({ level }) => level === "error");
  await server.clock.advance(60_000);
  await ask();
  const later = server.logger.lines.filter(({ level }) => level === "error");

  expect(soon).toEqual([
    { level: "error", message: "error finding pod: no pod found", fields: { "pod.ip": "10.0.0.9" } },
  ] as never);
  expect(later.length).toBe(2);
});
