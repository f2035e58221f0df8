import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamProcess, Launch } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { Netns } from "./lab/netns.ts";
import type { LabNode } from "./lab/node.ts";
import { callerIdentity } from "./lab/sdk.ts";
import { tools } from "./lab/tools.ts";

// The two shortest command lines that there are, as somebody types them; all the rest is in the environment.

let lab: Lab;
let node: LabNode;
let server: KiamProcess;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  server = await lab.startServer({
    flags: { "trust-domain": "example.org", "agent-identity": "required" },
    launch: typed(lab.control, "--sts-region", "eu-west-1"),
  });
  await server.ready();
  node = await lab.addNode("node-1");
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** Just these arguments: what would else be arguments is given as variables. */
function typed(netns: Netns, ...argv: readonly string[]): Launch {
  return (name, [command = "", ...words], env) =>
    netns.start(name, [tools.kiam(), command, ...argv], { env: { ...env, ...variablesOf(words) } });
}

function variablesOf(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name = "", value = "true"] = /^--([a-z-]+)(?:=(.*))?$/.exec(word) ?? [];
      return [`KIAM_${name.toUpperCase().replaceAll("-", "_")}`, value];
    }),
  );
}

const listing = "/latest/meta-data/iam/security-credentials/";

/** Only what the arguments do not say, and under the names that a manifest gives it. */
const agentOptions = () => ({
  flags: { iptables: undefined, host: undefined, "node-name": undefined },
  env: { HOST_IP: node.address, NODE_NAME: node.name },
});

test("kiam agent --iptables cali+ and kiam server --sts-region eu-west-1 give a pod its role", async () => {
  await using agent = await node.startAgent({ ...agentOptions(), launch: typed(node.netns, "--iptables", "cali+") });
  await agent.ready();
  await using pod = await node.deployPod({ namespace: "team", name: "web", address: "10.244.1.10", role: "reader" });

  const identity = await callerIdentity(pod, "boto3", lab.sts.endpoint);
  const rules = await node.netns.must(["iptables-save", "-t", "nat"]);

  expect(identity).toMatchObject({ kind: "identity", arn: "arn:aws:sts::123456789012:assumed-role/reader/kiam-kiam" });
  expect(rules).toContain("-A PREROUTING -d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j KIAM-METADATA");
});

test("kiam agent --iptables redirects from the interface of its own flag, here in KIAM_HOST_INTERFACE", async () => {
  const { flags, env } = agentOptions();
  await using agent = await node.startAgent({
    flags: { ...flags, "host-interface": "!eth0" },
    env,
    launch: typed(node.netns, "--iptables"),
  });
  await agent.ready();
  await using pod = await node.deployPod({ namespace: "team", name: "not", address: "10.244.1.11", role: "reader" });

  const { status, body } = await pod.http(listing);
  const rules = await node.netns.must(["iptables-save", "-t", "nat"]);

  expect([status, body]).toEqual([200, "reader"]);
  expect(rules).toContain("-A PREROUTING -d 169.254.169.254/32 ! -i eth0 -p tcp -m tcp --dport 80 -j KIAM-METADATA");
});

test("with --imds-tokens required a request without a token is refused", async () => {
  const { flags, env } = agentOptions();
  await using agent = await node.startAgent({
    flags: { ...flags, "imds-tokens": "required" },
    env,
    launch: typed(node.netns, "--iptables", "cali+"),
  });
  await agent.ready();
  await using pod = await node.deployPod({ namespace: "team", name: "v2", address: "10.244.1.12", role: "reader" });

  const without = await pod.http(listing);
  const identity = await callerIdentity(pod, "boto3", lab.sts.endpoint);

  expect(without.status).toBe(401);
  expect(identity.kind).toBe("identity");
});

test("what the Go release's manifest gives besides is taken, of what has no effect it warns once, and the agent serves", async () => {
  const { env } = agentOptions();
  await using agent = await node.startAgent({
    flags: {
      host: undefined,
      "node-name": undefined,
      "prometheus-sync-interval": "5s",
      "server-address-refresh": "10s",
      "allow-route-regexp": ".*",
    },
    env,
  });
  await agent.ready();
  await using pod = await node.deployPod({ namespace: "team", name: "old", address: "10.244.1.13", role: "reader" });

  const { status } = await pod.http(listing);
  const forwarded = await pod.http("/latest/meta-data/instance-id");
  const warnings = agent.output().match(/"msg":"--[a-z-]+ [^"]+"/g) ?? [];

  expect([status, forwarded.status]).toEqual([200, 200]);
  expect(warnings.map((warning) => warning.replace(/^"msg":"(--[a-z-]+) .*/, "$1")).toSorted()).toEqual([
    "--prometheus-sync-interval",
    "--server-address-refresh",
  ]);
});

test("with --trust-domain an agent's SPIFFE certificate proves its node, and another domain's does not", async () => {
  const identityOf = (domain: string) =>
    lab.authority.issue({
      commonName: "kiam-agent",
      names: [`URI:spiffe://${domain}/kiam/node/node-1`],
      usage: "clientAuth",
    });
  await using stranger = await node.startAgent({ identity: await identityOf("example.com") });
  await stranger.waitForLog(/the agent shows neither a token nor a node's certificate/);
  await stranger[Symbol.asyncDispose]();
  await using agent = await node.startAgent({ identity: await identityOf("example.org") });
  await agent.ready();
  await using pod = await node.deployPod({ namespace: "team", name: "spiffe", address: "10.244.1.14", role: "reader" });

  const { status } = await pod.http(`${listing}reader`);

  expect(status).toBe(200);
});
