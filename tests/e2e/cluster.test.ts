import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readingsOf, type Spell, spellOf } from "./cluster/readings.ts";
import { canary } from "./lab/canary.ts";
import { repository } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";
import { askMetadata, createKiamCluster, inPod, type KiamCluster } from "./set-up/kiam-cluster.ts";

/** On a machine that builds the images for the first time. */
const upWithinMs = 900_000;
const sts = "http://sts.sts.svc.cluster.local:5000";
const readers = ["alpha", "beta"] as const;

let world: KiamCluster;
let kubectl: KiamCluster["cluster"]["kubectl"];

beforeAll(async () => {
  world = await createKiamCluster();
  kubectl = world.cluster.kubectl;
}, upWithinMs);
afterAll(() => world?.[Symbol.asyncDispose]());

interface CallerIdentity {
  readonly arn: string;
  readonly accessKeyId: string;
}

const identityOf = async (pod: string): Promise<CallerIdentity> =>
  JSON.parse(await inPod(kubectl, pod, ["/pods/boto3_identity.py", sts]));

/** What each reader saw while something was done to the cluster, up to a read that succeeded when all was done. */
async function whileReading(what: string, disturb: () => Promise<void>): Promise<readonly Spell[]> {
  const since = Date.now() / 1_000;
  await disturb();
  const done = Date.now() / 1_000;
  const spells = await Promise.all(
    readers.map((pod) =>
      waitFor(`${pod} to read again`, async () => {
        const readings = await readingsOf(kubectl, "team", pod);
        const again = readings.find(({ began, outcome }) => began > done && outcome === 200);
        return again && spellOf(readings, since, again.began);
      }),
    ),
  );
  for (const [at, { reads, failures, gapMs }] of spells.entries()) {
    process.stdout.write(
      `${what}: ${readers[at]} ${reads} reads, ${failures.length} failed, longest gap ${gapMs} ms\n`,
    );
  }
  return spells;
}

const inKiam = (argv: readonly string[]) => kubectl(["--namespace=kiam-system", ...argv]);

const podsOf = async (component: Component): Promise<readonly string[]> =>
  (await inKiam(["get", "pods", `--selector=app.kubernetes.io/component=${component}`, "--output=name"]))
    .trim()
    .split("\n");

type Component = "server" | "agent";
const workloads = { server: "deployment/kiam-server", agent: "daemonset/kiam-agent" } as const;

/** Until none is left of the pods that there were. */
async function rollOver(component: Component): Promise<void> {
  const former = await podsOf(component);
  await inKiam(["rollout", "restart", workloads[component]]);
  await world.rolledOut(workloads[component]);
  await inKiam(["wait", "--for=delete", ...former, "--timeout=60s"]);
}

/** Until the pod is gone and another is in its place. */
async function replacePod(component: Component): Promise<void> {
  const [pod = "", ...others] = await podsOf(component);
  await inKiam(["delete", pod, "--wait=true", "--timeout=60s"]);
  await waitFor(`a successor of ${pod}`, async () => (await podsOf(component)).length > others.length || undefined);
  await world.rolledOut(workloads[component]);
}

test("before kiam a pod gets the node's own credentials: what it must keep pods from is there", () => {
  expect(world.before).toBe(`200 ${canary.roleName}\n`);
});

test("pods of both nodes get their own roles' credentials with boto3 and no configuration", async () => {
  const identities = await Promise.all(readers.map(identityOf));

  expect(identities.map(({ arn }) => arn)).toEqual([
    "arn:aws:sts::123456789012:assumed-role/team-alpha/kiam-kiam",
    "arn:aws:sts::123456789012:assumed-role/team-beta/kiam-kiam",
  ]);
  expect(new Set(identities.map(({ accessKeyId }) => accessKeyId)).size).toBe(2);
});

test("another pod's role, and one that the namespace does not permit, are refused", async () => {
  const answers = await Promise.all([
    askMetadata(kubectl, "alpha", "team-beta"),
    askMetadata(kubectl, "gamma", "administrator"),
    askMetadata(kubectl, "gamma", "team-alpha"),
  ]);

  expect(answers.map((answer) => answer.slice(0, 4))).toEqual(["403 ", "403 ", "403 "]);
});

describe("pods that read all the time notice nothing of", () => {
  test.each([
    ["a rolling update of the servers", rollOver],
    ["a server's pod that is deleted", replacePod],
  ])("%s", async (what, disturb) => {
    const spells = await whileReading(what, () => disturb("server"));

    expect(spells.flatMap(({ failures }) => failures)).toEqual([]);
    expect(Math.min(...spells.map(({ reads }) => reads))).toBeGreaterThan(20);
  });
});

describe("at most a second passes without credentials in", () => {
  test.each([
    ["a rolling update of the agents", rollOver],
    ["an agent's pod that is deleted", replacePod],
  ])("%s", async (what, disturb) => {
    const spells = await whileReading(what, () => disturb("agent"));

    expect(Math.max(...spells.map(({ gapMs }) => gapMs))).toBeLessThanOrEqual(1_000);
    expect(Math.min(...spells.map(({ reads }) => reads))).toBeGreaterThan(20);
  });
});

test("no pod has reached the node's metadata service, or got anything of it", async () => {
  const requests = await Promise.all(world.cluster.nodes.map(({ metadata }) => metadata.requests()));
  const readings = (await Promise.all(readers.map((pod) => readingsOf(kubectl, "team", pod))))
    .flat()
    .filter(({ began }) => began >= world.interceptedAt);

  expect(requests.flat().filter(({ client }) => client.startsWith("10.244."))).toEqual([]);
  expect(readings.filter(({ accessKeyId }) => accessKeyId === canary.accessKeyId)).toEqual([]);
  expect(new Set(readings.map(({ accessKeyId }) => accessKeyId)).size).toBeGreaterThan(1);
});

describe("the API server takes the manifests", async () => {
  const overlays = await readdir(join(repository, "deploy/overlays"));
  const paths = ["deploy/base", ...overlays.map((name) => join("deploy/overlays", name))];

  test.each(paths)("%s", async (path) => {
    const argv = [
      "apply",
      "--kustomize",
      join(repository, path),
      "--server-side",
      "--force-conflicts",
      "--dry-run=server",
    ];

    const answer = await kubectl([...argv, "--validate=strict"]);

    expect(answer).toContain("daemonset.apps/kiam-agent serverside-applied (server dry run)");
  });
});
