import type { Fault } from "../../fakes/sts-faults/fault.ts";
import { faults } from "../../fakes/sts-faults/fault.ts";
import { createStsFaultProxy, type StsFaultProxy } from "../../fakes/sts-faults/proxy.ts";
import { type Caller, callerOf } from "../cluster/caller.ts";
import { createMovedClock, type MovedClock } from "../cluster/clocks.ts";
import { createCluster } from "../cluster/cluster.ts";
import { type PodAnswer, podAt } from "../cluster/pod-client.ts";
import { roleBaseArn, type TestReplica } from "../cluster/replica.ts";
import type { World } from "../cluster/world.ts";
import { realAssumeRole } from "./sts-world.ts";

/** A cluster whose one replica asks a real server of STS through faults. */
export interface FaultyCluster extends AsyncDisposable {
  readonly world: World;
  readonly server: TestReplica;
  readonly proxy: StsFaultProxy;
  /** The server's; agents keep real time. */
  readonly clock: MovedClock;
  /** One of node-a, in sync. */
  startAgent(): Promise<FaultyAgent>;
  /** Asks the server by hand, as an agent of the Go release. */
  readonly go: Caller["kiam"];
  /** What the server warned of. */
  readonly warnings: readonly string[];
}

export interface FaultyAgent {
  /** A pod's request for its role's credentials. */
  ask(role: string, address: string): Promise<PodAnswer>;
}

/** @param target the URL of the server of STS */
export async function createFaultyCluster(target: string, sessionDurationSeconds?: number): Promise<FaultyCluster> {
  await using resources = new AsyncDisposableStack();
  const clock = createMovedClock();
  const warnings: string[] = [];
  const proxy = resources.use(await createStsFaultProxy({ target, clock }));
  const assumeRole = realAssumeRole(proxy.url, clock, {
    sessionDurationSeconds,
    onWarn: (text) => warnings.push(text),
  });
  const cluster = resources.use(await createCluster(0));
  const server = await cluster.startReplica({ assumeRole, clock });
  const caller = resources.use(callerOf(server, cluster.pki.agent()));
  const undo = resources.move();
  return {
    ...{ clock, proxy, server, warnings, go: caller.kiam, world: cluster.world },
    async startAgent() {
      const agent = await cluster.startAgent();
      return { ask: (role, address) => podAt(address, agent).credentials(role) };
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

/** The name of the role that STS issued an answer's key for. */
export function issuedFor({ issued }: StsFaultProxy, { accessKeyId = "" }: Pick<PodAnswer, "accessKeyId">) {
  return issued.get(accessKeyId)?.asker.split(" ")[0]?.slice(roleBaseArn.length);
}

/** The fault for one role's requests, and none for others'. */
export function onlyFor(role: string, fault: Fault): StsFaultProxy["decide"] {
  return ({ form }) => (form.get("RoleArn") === `${roleBaseArn}${role}` ? fault : faults.none);
}

export function requestsFor(role: string, { requests }: StsFaultProxy): number {
  return requests.filter(({ form }) => form.get("RoleArn") === `${roleBaseArn}${role}`).length;
}
