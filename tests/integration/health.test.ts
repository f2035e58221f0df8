import { expect, test } from "bun:test";
import { openHealthAsker } from "../../src/cli/health-client.ts";
import { resolveHost } from "../../src/cli/resolve-host.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { createTlsDirectory, type TlsDirectory } from "../unit/tls/tls-directory.ts";
import { createCluster } from "./cluster/cluster.ts";
import { createPki } from "./cluster/pki.ts";

/** What `kiam health` makes of the server at an address of the loopback. */
async function askAt({ files }: TlsDirectory, host: string, port: number, resolve = resolveHost) {
  const serverAddress = { host, port };
  const timings = {
    gatewayTimeoutMs: 1_000,
    keepaliveTimeMs: 10_000,
    keepaliveTimeoutMs: 2_000,
    keepaliveWithoutStream: false,
  };
  const flags = { certPath: files.cert, keyPath: files.key, caPath: files.ca, serverAddress, ...timings };
  const opened = await openHealthAsker(flags, { clock: systemClock, resolve });
  return opened.kind === "problem" ? opened : opened.ask(neverAborted());
}

const reasonIn = (answer: Awaited<ReturnType<typeof askAt>>) =>
  answer.kind === "failed" ? answer.reason : answer.kind;

test("a server that serves is well, whatever identity it asks of its agents, at its address or its name", async () => {
  await using cluster = await createCluster(1, { agentIdentity: "required" });
  await using files = await createTlsDirectory(cluster.pki.server());
  const port = cluster.replicas[0]?.port ?? 0;

  const answers = [await askAt(files, "127.0.0.1", port), await askAt(files, "localhost", port)];

  expect(answers).toEqual([
    { kind: "ok", message: "ok" },
    { kind: "ok", message: "ok" },
  ]);
});

test("a server is well that serves at one of its name's addresses", async () => {
  await using cluster = await createCluster();
  await using files = await createTlsDirectory(cluster.pki.agent());
  const resolve = async () => ["127.0.0.9", "127.0.0.1"];

  const answer = await askAt(files, "kiam-server", cluster.replicas[0]?.port ?? 0, resolve);

  expect(answer).toEqual({ kind: "ok", message: "ok" });
});

test("a server that is gone, or of another name or authority, is not well, and the reason is told", async () => {
  await using cluster = await createCluster(2);
  const [server, other] = cluster.replicas;
  const port = server?.port ?? 0;
  await using own = await createTlsDirectory(cluster.pki.agent());
  await using foreign = await createTlsDirectory(createPki("another authority").agent());

  const misnamed = await askAt(own, "127.0.0.2", port);
  const untrusted = await askAt(foreign, "127.0.0.1", port);
  await server?.kill();
  const gone = await askAt(own, "127.0.0.1", port);
  const nowhere = await askAt(own, "kiam-server.invalid", port);

  expect(other?.address).toBe("127.0.0.2");
  expect([misnamed, untrusted, gone, nowhere].map(reasonIn)).toEqual([
    expect.stringContaining("Hostname/IP does not match certificate's altnames"),
    `https://127.0.0.1:${port}: self signed certificate in certificate chain`,
    `https://127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    "kiam-server.invalid has no address",
  ]);
});

test("a probe whose certificate can't be used says so instead of asking", async () => {
  await using cluster = await createCluster();
  const expired = cluster.pki.nodeAgent("node-a", Date.now() - 60_000);
  await using files = await createTlsDirectory(expired);

  const opened = await askAt(files, "127.0.0.1", cluster.replicas[0]?.port ?? 0);

  expect(opened.kind === "problem" && opened.problem).toContain(`--cert ${files.files.cert} expired at`);
});
