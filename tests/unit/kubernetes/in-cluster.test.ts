import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directly } from "../../../src/domain/egress.ts";
import type { ApiConnection } from "../../../src/kubernetes/connection.ts";
import { inClusterConnection } from "../../../src/kubernetes/in-cluster.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const { pem } = createTestAuthority();

/** A directory as Kubernetes mounts it, gone when disposed. */
async function mounted(files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "kiam-service-account-"));
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  await Promise.all(Object.entries(files).map(([name, text]) => write(name, text)));
  return { directory, write, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

const whole = { "ca.crt": pem, token: "first\n", namespace: "kiam-system\n" };
const place = { host: "10.96.0.1", port: "443", egress: directly };

async function connected(options: Parameters<typeof inClusterConnection>[0]): Promise<ApiConnection> {
  const result = await inClusterConnection(options);
  if (result.kind !== "connection") {
    throw new Error(result.problem);
  }
  return result.connection;
}

test("a service account's files make a connection", async () => {
  await using mount = await mounted(whole);

  const connection = await connected({ ...place, directory: mount.directory });

  expect([connection.baseUrl, connection.namespace]).toEqual(["https://10.96.0.1:443", "kiam-system"]);
  expect(await connection.access(neverAborted())).toEqual({
    kind: "access",
    tls: { ca: pem, rejectUnauthorized: true },
    authorization: "Bearer first",
  });
});

test("an IPv6 address is written as URLs have it", async () => {
  await using mount = await mounted(whole);

  const connection = await connected({ ...place, host: "fd00::1", directory: mount.directory });

  expect(connection.baseUrl).toBe("https://[fd00::1]:443");
});

test("a token and an authority that were rotated are used for the next request", async () => {
  await using mount = await mounted(whole);
  const rotated = createTestAuthority("new CA").pem;

  const connection = await connected({ ...place, directory: mount.directory });
  await mount.write("token", "second");
  await mount.write("ca.crt", rotated);

  expect(await connection.access(neverAborted())).toMatchObject({
    tls: { ca: rotated },
    authorization: "Bearer second",
  });
});

test("a token that has gone missing is told, and used again when it is back", async () => {
  await using mount = await mounted(whole);

  const connection = await connected({ ...place, directory: mount.directory });
  await rm(join(mount.directory, "token"));
  const without = await connection.access(neverAborted());
  await mount.write("token", "third");
  const back = await connection.access(neverAborted());

  expect(without).toMatchObject({ kind: "unusable", problem: expect.stringContaining(join(mount.directory, "token")) });
  expect(back).toMatchObject({ authorization: "Bearer third" });
});

test.each([
  ["", "443"],
  ["10.96.0.1", ""],
])("host %p and port %p are not a cluster", async (host, port) => {
  expect(await inClusterConnection({ host, port, egress: directly })).toEqual({
    kind: "unusable",
    problem: "not in a cluster (no KUBERNETES_SERVICE_HOST and _PORT), and no --kubeconfig",
  });
});

test.each([
  ["no token", { "ca.crt": pem }, "token"],
  ["an empty token", { ...whole, token: " \n" }, "the token is empty"],
  ["no authority", { token: "t" }, "ca.crt"],
  ["an empty authority", { ...whole, "ca.crt": "" }, "no PEM certificate"],
  [
    "an authority that is none",
    { ...whole, "ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
    "can't be used",
  ],
])("a mount with %s is one line that says so", async (_, files, problem) => {
  await using mount = await mounted(files);

  const result = await inClusterConnection({ ...place, directory: mount.directory });

  const told = result.kind === "unusable" ? result.problem : "";
  expect(told).toContain(problem);
  expect(told).toContain(mount.directory);
  expect(told).not.toContain("\n");
});
