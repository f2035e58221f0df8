import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { Identity } from "./lab/pki.ts";

// What the Go release's guide and chart made goes on working, but for what this runtime's TLS refuses, which is named.

let lab: Lab;
let node: LabNode;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  node = await lab.addNode("node-1");
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** A key pair as somebody's program made it, by openssl's words for what is in it. */
interface Recipe {
  readonly subject: string;
  readonly extensions: readonly string[];
}

const rsa = ["-newkey", "rsa:2048", "-nodes"];

/** An RSA authority in a directory of its own, and what it signs. */
async function createAuthority(name: string, authority: Recipe) {
  const directory = join(lab.directory, name);
  await mkdir(directory);
  const [ca, caKey] = [join(directory, "ca.pem"), join(directory, "ca-key.pem")];
  const openssl = (...words: readonly string[]) => lab.control.must(["openssl", ...words]);
  const extensions = authority.extensions.flatMap((line) => ["-addext", line]);
  await openssl(...["req", "-x509", ...rsa, "-subj", authority.subject, ...extensions], "-keyout", caKey, "-out", ca);
  return async (file: string, recipe: Recipe): Promise<Identity> => {
    const base = join(directory, file);
    const [cert, key, request, lines] = [`${base}.pem`, `${base}-key.pem`, `${base}.csr`, `${base}.ext`];
    await openssl("req", "-new", ...rsa, "-subj", recipe.subject, "-keyout", key, "-out", request);
    await writeFile(lines, recipe.extensions.join("\n"));
    const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "30", "-extfile", lines];
    await openssl("x509", "-req", "-in", request, ...signing, "-out", cert);
    return { cert, key, ca };
  };
}

const usage = "extendedKeyUsage=serverAuth,clientAuth";
const leaf = ["keyUsage=critical,digitalSignature,keyEncipherment", "basicConstraints=critical,CA:FALSE"];

/** https://github.com/uswitch/kiam/blob/master/docs/TLS.md: one request file for servers and agents, without a common name. */
const guide = {
  authority: {
    subject: "/C=UK/L=London/O=uSwitch/OU=WWW/ST=London/CN=Kiam CA",
    extensions: ["keyUsage=critical,keyCertSign,cRLSign"],
  },
  pair: {
    subject: "/C=UK/L=London/O=uSwitch/OU=WWW/ST=London",
    extensions: [...leaf, usage, "subjectAltName=DNS:kiam-server,DNS:kiam-server:443,DNS:localhost:443,IP:127.0.0.1"],
  },
};

/** What Helm's genCA and genSignedCert make for the chart. */
const chart = {
  authority: {
    subject: "/CN=kiam-ca",
    extensions: ["keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign", usage],
  },
  pair: {
    subject: "/CN=kiam-server",
    extensions: [...leaf, usage, "subjectAltName=DNS:kiam-server,IP:127.0.0.1"],
  },
};

test.each([
  ["guide for cfssl", guide, "10.244.1.10"],
  ["Helm chart", chart, "10.244.1.11"],
] as const)("servers and agents start and serve with what the Go release's %s made", async (name, made, address) => {
  const issue = await createAuthority(name.replaceAll(" ", "-"), made.authority);
  const [server, agent] = [await issue("server", made.pair), await issue("agent", made.pair)];
  const role = "reader";

  await using serving = await lab.startServer({ identity: server });
  await serving.ready();
  await using asking = await node.startAgent({ identity: agent });
  await asking.ready();
  await using pod = await node.deployPod({ namespace: "team", name: role, address, role });
  const answer = await pod.http(`/latest/meta-data/iam/security-credentials/${role}`);

  expect(answer.status).toBe(200);
  expect(serving.output()).toContain("serving an agent that does not prove its node");
});

test("a certificate that is good for any usage and names none is refused by name, and pods get 503 and not the node's key", async () => {
  const issue = await createAuthority("any", guide.authority);
  const extensions = [...leaf, "extendedKeyUsage=anyExtendedKeyUsage", "subjectAltName=DNS:kiam-server"];
  const identity = await issue("agent", { ...guide.pair, extensions });

  await using agent = await node.startAgent({ identity });
  await agent.waitForLog(/no TLS yet: the certificate in --cert \S+agent\.pem has no extended key usage but ."any/);
  await using pod = await node.addPod({ name: "early", address: "10.244.1.12", veth: "cali12" });
  const answer = await pod.http("/latest/meta-data/iam/security-credentials/reader");

  expect(answer.status).toBe(503);
});
