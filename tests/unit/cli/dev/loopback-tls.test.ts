import { expect, test } from "bun:test";
import { randomBytes, X509Certificate } from "node:crypto";
import { loopbackTls } from "../../../../src/cli/dev/loopback-tls.ts";

const nowMs = Date.UTC(2026, 5, 15);

test("server and agent have certificates of one authority, each for its own part", () => {
  const { server, agent } = loopbackTls(nowMs, randomBytes);

  const [serverCert, agentCert, authority] = [server.cert, agent.cert, server.ca].map(
    (pem) => new X509Certificate(pem),
  );
  expect(agent.ca).toBe(server.ca);
  expect(authority?.ca).toBe(true);
  expect([serverCert, agentCert].map((cert) => authority && cert?.verify(authority.publicKey))).toEqual([true, true]);
  expect(serverCert?.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1");
  expect(agentCert?.subjectAltName).toContain("DNS:dev.node.kiam");
});

test("they are good for as long as anybody runs it, by a clock that is a little off", () => {
  const { server, agent } = loopbackTls(nowMs, randomBytes);

  for (const pem of [server.cert, agent.cert, server.ca]) {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    expect(validFromDate.getTime()).toBeLessThanOrEqual(nowMs - 3_600_000);
    expect(validToDate.getTime()).toBeGreaterThanOrEqual(nowMs + 7 * 24 * 3_600_000);
  }
});

test("no two runs share a key", () => {
  const [first, second] = [loopbackTls(nowMs, randomBytes), loopbackTls(nowMs, randomBytes)];

  const keys = [first.server.key, first.agent.key, second.server.key, second.agent.key];

  expect(new Set(keys).size).toBe(4);
});
