/**
 * Whoever has stolen a proof: asks a server of kiam the question on standard input, by each call that there is, with that
 * proof and nothing else, and prints what each answered as JSON.
 */
import { readFile } from "node:fs/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { connectRpc } from "../../../src/rpc/connect.ts";
import { KiamService } from "../../../src/rpc/gen/kiam/kiam_pb.ts";
import { NodeService } from "../../../src/rpc/gen/kiam/v1/node_pb.ts";
import { systemClock } from "../../../src/runtime/clock.ts";

const { address, cert, key, ca, authorization, nodeName, podAddress, role } = JSON.parse(await Bun.stdin.text());
const read = (path: string) => readFile(path, "utf8");
using connection = connectRpc(
  { address, port: 9610, serverName: "kiam-server" },
  {
    tls: { cert: await read(cert), key: await read(key), ca: await read(ca) },
    ...{ interceptors: [], clock: systemClock, pingIdle: true },
    ...{ connectTimeoutMs: 2_000, pingIntervalMs: 10_000, pingTimeoutMs: 2_000 },
  },
);
const node = createClient(NodeService, connection.transport);
const kiam = createClient(KiamService, connection.transport);
const options = authorization === undefined ? {} : { headers: { authorization } };
const claim = { nodeName };

async function watched(): Promise<readonly string[]> {
  const ending = new AbortController();
  try {
    for await (const { update } of node.watchNode({ claim }, { ...options, signal: ending.signal })) {
      return update.case === "snapshot" ? update.value.pods.map(({ name }) => name) : [];
    }
    return [];
  } finally {
    ending.abort();
  }
}

/** `role` in place of the answer's secrets. */
async function lookedUp(): Promise<string> {
  const question = { claim, address: podAddress, withCredentials: true };
  const { credentials } = await node.lookupPod(question, options);
  return credentials?.outcome.case === "roleCredentials" ? `credentials of ${credentials.identity}` : "no credentials";
}

const calls = {
  watchNode: watched,
  lookupPod: lookedUp,
  getPodRole: async () => (await kiam.getPodRole({ ip: podAddress }, options)).name,
  getPodCredentials: async () => (await kiam.getPodCredentials({ ip: podAddress, role }, options)).code,
};

const answers: Record<string, unknown> = {};
for (const [name, call] of Object.entries(calls)) {
  answers[name] = await call().catch((error: unknown) => {
    const { code, rawMessage } = ConnectError.from(error);
    return `${Code[code]}: ${rawMessage}`;
  });
}
process.stdout.write(JSON.stringify(answers));
