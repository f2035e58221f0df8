import { identityKey } from "../../../src/domain/role-identity.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { type AgentOptions, startAgent, type TestAgent } from "./agent.ts";
import { type GoPod, type GoServer, startGoServer } from "./go-server.ts";
import { createPki, type Pki } from "./pki.ts";
import type { PodAnswer } from "./pod-client.ts";
import { roleBaseArn, startReplica, type TestReplica } from "./replica.ts";
import { aPodWithRole, createWorld, type World } from "./world.ts";

/** A cluster in the middle of its migration: servers of the Go release and ours behind one name, and agents of ours. */
export interface Fleet extends AsyncDisposable {
  readonly world: World;
  readonly pki: Pki;
  /** Those that DNS names; a test may name others. */
  addresses: readonly string[];
  /** Of every server. */
  readonly port: number;
  /** Makes pods that every server started from now on knows, by address and role. */
  run(pods: Readonly<Record<string, string>>): void;
  /** At an address of its own, which DNS names from then on. */
  startGoServer(flags?: Readonly<Record<string, string>>): Promise<GoServer>;
  /** @param address one that DNS names already, in place of one of its own */
  startReplica(address?: string): Promise<TestReplica>;
  /** Of node-a. */
  startAgent(options?: Partial<AgentOptions>): Promise<TestAgent>;
  /** Which release issued an answer's credentials, and for which role: `go reader`, `ours reader`. */
  readonly issuedBy: (answer: Pick<PodAnswer, "accessKeyId">) => string | undefined;
}

export async function createFleet(): Promise<Fleet> {
  const resources = new AsyncDisposableStack();
  const world = createWorld();
  const pki = createPki();
  const pods: GoPod[] = [];
  const replicas: TestReplica[] = [];
  let servers = 0;

  /** On the loopback each server has an address of its own. */
  function nextAddress(): string {
    servers += 1;
    return `127.0.0.${servers}`;
  }

  const fleet: Fleet = {
    world,
    pki,
    addresses: [],
    port: await freePort(),
    run(roles) {
      for (const [ip, role] of Object.entries(roles)) {
        world.put(aPodWithRole(role, ip));
        pods.push({ ip, role });
      }
    },
    async startGoServer(flags = {}) {
      const place = { address: nextAddress(), port: fleet.port };
      const server = resources.use(await startGoServer({ tls: pki.server(), ...place, pods, flags }));
      fleet.addresses = [...fleet.addresses, server.address];
      return server;
    },
    async startReplica(address = nextAddress()) {
      const place = { address, port: fleet.port };
      const replica = resources.use(await startReplica(place, world, { tls: pki.server() }));
      replicas.push(replica);
      fleet.addresses = [...new Set([...fleet.addresses, address])];
      return replica;
    },
    async startAgent(options = {}) {
      const place = { addresses: () => fleet.addresses, port: fleet.port };
      return resources.use(await startAgent(place, { tls: pki.nodeAgent("node-a"), ...options }));
    },
    issuedBy({ accessKeyId = "" }) {
      const byGo = /^GO-(.+)-\d+$/.exec(accessKeyId)?.[1];
      const calls = replicas.flatMap(({ sts }) => sts.calls);
      const call = calls.find(({ identity }) => accessKeyId.startsWith(`ASIA-${identityKey(identity)}-`));
      const byOurs = call?.identity.role.slice(roleBaseArn.length);
      return byGo === undefined ? byOurs && `ours ${byOurs}` : `go ${byGo}`;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
  return fleet;
}
