import { identityKey } from "../../../src/domain/role-identity.ts";
import { type AgentOptions, startAgent, type TestAgent } from "./agent.ts";
import { createPki, type Pki } from "./pki.ts";
import type { PodAnswer } from "./pod-client.ts";
import { type ReplicaOptions, roleBaseArn, startReplica, type TestReplica } from "./replica.ts";
import { createWorld, type World } from "./world.ts";

/** Servers and agents of one process, over real TLS on the loopback, and the pods that they know. */
export interface Cluster extends AsyncDisposable {
  readonly world: World;
  readonly pki: Pki;
  /** Every replica started so far. */
  readonly replicas: readonly TestReplica[];
  /** Where the next connection of an agent may go: every replica unless the test says otherwise. */
  named: (replica: TestReplica) => boolean;
  /** One more, each at an address of its own. */
  startReplica(options?: Partial<ReplicaOptions>): Promise<TestReplica>;
  /** One more, of node-a and in sync unless told otherwise. */
  startAgent(options?: Partial<AgentOptions> & { readonly waits?: boolean }): Promise<TestAgent>;
  /** The name of the role that an answer's credentials were issued for: STS is the only one who knows. */
  readonly roleOf: (answer: Pick<PodAnswer, "accessKeyId">) => string | undefined;
}

/** A cluster of one replica unless told otherwise. */
export async function createCluster(replicas = 1, options: Partial<ReplicaOptions> = {}): Promise<Cluster> {
  const resources = new AsyncDisposableStack();
  const world = createWorld();
  const pki = createPki();
  const started: TestReplica[] = [];

  const cluster: Cluster = {
    world,
    pki,
    replicas: started,
    named: () => true,
    async startReplica(own = {}) {
      // The port is one for all, because --server-address has one.
      const place = { address: `127.0.0.${started.length + 1}`, port: started[0]?.port ?? 0 };
      const replica = await startReplica(place, world, { tls: pki.server(), ...options, ...own });
      started.push(resources.use(replica));
      return replica;
    },
    async startAgent({ waits = true, ...own } = {}) {
      const addresses = () => started.filter(cluster.named).map(({ address }) => address);
      const tls = pki.nodeAgent(own.nodeName ?? "node-a");
      const agent = resources.use(await startAgent({ addresses, port: started[0]?.port ?? 0 }, { tls, ...own }));
      if (waits) {
        await agent.inSync();
      }
      return agent;
    },
    roleOf({ accessKeyId }) {
      const calls = started.flatMap(({ sts }) => sts.calls);
      const call = calls.find(({ identity }) => accessKeyId?.startsWith(`ASIA-${identityKey(identity)}-`));
      return call?.identity.role.slice(roleBaseArn.length);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
  try {
    for (let count = 0; count < replicas; count += 1) {
      await cluster.startReplica();
    }
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
