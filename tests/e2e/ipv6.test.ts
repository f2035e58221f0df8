import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import { metadataAddress6 } from "./lab/metadata.ts";
import type { LabNode } from "./lab/node.ts";
import type { LabPod } from "./lab/pod.ts";
import { callerIdentity, sdks } from "./lab/sdk.ts";
import { waitFor } from "./lab/wait.ts";

// IPv6 as it is in a dual-stack cluster, and in one without it.

let lab: Lab;
let server: KiamProcess;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  server = await lab.startServer();
  await server.ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const listing = "/latest/meta-data/iam/security-credentials/";
const by6 = (path: string) => `http://[${metadataAddress6}]${path}`;
const ipv6Mode = { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" };
const assumed = (role: string) => `arn:aws:sts::123456789012:assumed-role/${role}/kiam-kiam`;

/** How a pod's request failed. One that nobody answers is given up by a time-out of its own. */
async function failureOf(pod: LabPod, url: string): Promise<string> {
  const error: unknown = await pod.http(url, { timeoutMs: 2_000 }).catch((reason: unknown) => reason);
  return String(error);
}

describe("where --host has an address of each version", () => {
  let node: LabNode;
  let agent: KiamProcess;
  beforeAll(async () => {
    node = await lab.addNode("dual");
    await withoutAgent();
    agent = await node.startAgent({ flags: { host: `${node.address},${node.address6}` } });
    await agent.ready();
  });

  /** The positive control: without an agent the pod reaches the metadata service by either. */
  async function withoutAgent(): Promise<void> {
    await using pod = await node.addPod({
      ...{ name: "control", address: "10.244.1.9", address6: "fd00:244:1::9" },
      ...{ veth: "calicontrol", mayReadCanary: true },
    });
    const answers = [await pod.http(listing), await pod.http(by6(listing))];
    expect(answers.map(({ body }) => body)).toEqual(["canary-node-role", "canary-node-role"]);
    await node.metadata.forget();
  }

  test("a pod with both addresses has the same credentials by both", async () => {
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: "both", address: "10.244.1.10", address6: "fd00:244:1::10", role: "both" },
    });

    const [four, six] = [await pod.http(`${listing}both`), await pod.http(by6(`${listing}both`))];

    expect([four.status, six.status]).toEqual([200, 200]);
    expect(JSON.parse(six.body).AccessKeyId).toBe(JSON.parse(four.body).AccessKeyId);
    expect(await lab.sts.roleOfAnswer(six.body)).toBe(assumed("both"));
  });

  test.each(sdks)("%s that is told to use IPv6 gets its pod's role", async (sdk) => {
    const role = `six-${sdk}`;
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: role, address: "10.244.1.11", address6: "fd00:244:1::11", role },
    });

    const identity = await callerIdentity(pod, sdk, lab.sts.endpoint, ipv6Mode);

    expect(identity.kind === "identity" ? identity.arn : identity).toBe(assumed(role));
    expect(await requestsOfPods()).toEqual([]);
  });

  test("a pod with IPv6 only gets its role's credentials, with a token too, and nobody else's", async () => {
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: "only", address: "fd00:244:1::12", role: "only" },
    });
    const ttl = { "X-aws-ec2-metadata-token-ttl-seconds": "60" };

    const token = await pod.http("/latest/api/token", { method: "PUT", headers: ttl });
    const headers = { "X-aws-ec2-metadata-token": token.body };
    const own = await pod.http(`${listing}only`, { headers });
    const others = await pod.http(`${listing}both`, { headers });

    expect([token.status, own.status, others.status]).toEqual([200, 200, 403]);
    expect(await lab.sts.roleOfAnswer(own.body)).toBe(assumed("only"));
  });

  test("an address is the same however the API server has it written", async () => {
    const canonical = "fd00:244:1::13";
    await lab.api.createPod({
      ...{ namespace: "team", name: "long", nodeName: node.name },
      annotations: { "iam.amazonaws.com/role": "long" },
    });
    await using pod = await node.addPod({ name: "long", address: canonical, veth: "calilong" });
    await lab.api.runPod("team", "long", "FD00:0244:0001:0:0:0:0:0013", node.address);

    const answer = await waitFor("the credentials", async () => {
      const response = await pod.http(`${listing}long`);
      return response.status === 200 ? response : undefined;
    });

    expect(await lab.sts.roleOfAnswer(answer.body)).toBe(assumed("long"));
    await lab.api.deletePod("team", "long");
  });

  test("an address of no pod gets 503, and nothing of the node's", async () => {
    await using pod = await node.addPod({ name: "nobody", address: "fd00:244:1::14", veth: "calinobody" });

    const answers = [await pod.http(listing), await pod.http(`${listing}canary-node-role`)];

    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(await requestsOfPods()).toEqual([]);
  });

  test("hosts are taken by either name of the service and the agent's own address, and no others", async () => {
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: "host", address: "fd00:244:1::15", role: "host" },
    });
    const hosts = [
      ...["[fd00:ec2::254]", "[FD00:EC2::254]:80", "169.254.169.254", "instance-data", `[${node.address6}]:3100`],
      ...["[fd00:ec2::255]", "evil.example", "[fd00:ec2::254]:81", `[${node.address6}`],
    ];

    const answers = await Promise.all(hosts.map((Host) => pod.http(listing, { headers: { Host } })));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 403, 403, 403, 403]);
  });

  test("the node reaches it by its own addresses of both versions", async () => {
    const urls = ["127.0.0.1", "[::1]", node.address, `[${node.address6}]`].map((host) => `http://${host}:3100/ping`);

    const answers = await Promise.all(urls.map(async (url) => (await node.netns.fetch(url)).text()));

    expect(answers).toEqual(["pong", "pong", "pong", "pong"]);
  });

  test("the redirect of both goes with the agent, and both are taken up by the next", async () => {
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: "next", address: "10.244.1.16", address6: "fd00:244:1::16", role: "next" },
    });
    await agent.stop("SIGTERM");
    const rules = await Promise.all(
      ["iptables-nft-save", "ip6tables-nft-save"].map((program) => node.netns.must([program])),
    );

    agent = await node.startAgent({ flags: { host: `${node.address6},${node.address}` } });
    await agent.ready();

    expect(rules.filter((text) => text.includes("KIAM"))).toEqual([]);
    expect((await pod.http(by6(`${listing}next`))).status).toBe(200);
    expect((await pod.http(`${listing}next`)).status).toBe(200);
  });

  /** That came to the real metadata service from pods. */
  async function requestsOfPods() {
    return (await node.metadata.requests()).filter(({ client }) => /^(10\.244|fd00:244)/.test(client));
  }
});

describe("where --host lacks one", () => {
  test("IPv6 is rejected at once, so that SDKs go on by IPv4, and nothing of a pod gets through", async () => {
    const node = await lab.addNode("four");
    await using agent = await node.startAgent();
    await agent.ready();
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: "four", address: "10.244.2.10", address6: "fd00:244:2::10", role: "four" },
    });
    const before = await node.metadata.packets();

    const six = await failureOf(pod, by6(`${listing}canary-node-role`));
    const four = await pod.http(`${listing}four`);
    const startedMs = performance.now();
    const sdk = await callerIdentity(pod, "boto3", lab.sts.endpoint, ipv6Mode);

    expect(six).toContain("ECONNREFUSED");
    expect(await lab.sts.roleOfAnswer(four.body)).toBe(assumed("four"));
    expect(sdk.kind).toBe("failed");
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect((await node.metadata.packets()) - before).toBe(0);
  });

  test("IPv4 is rejected at once where it has IPv6 only", async () => {
    const node = await lab.addNode("six");
    await using agent = await node.startAgent({ flags: { host: node.address6 } });
    await agent.ready();
    await using pod = await node.deployPod({
      ...{ namespace: "team", name: "six", address: "10.244.3.10", address6: "fd00:244:3::10", role: "six" },
    });
    const before = await node.metadata.packets();

    const four = await failureOf(pod, `${listing}canary-node-role`);
    const six = await pod.http(by6(`${listing}six`));

    expect(four).toContain("ECONNREFUSED");
    expect(await lab.sts.roleOfAnswer(six.body)).toBe(assumed("six"));
    expect((await node.metadata.packets()) - before).toBe(0);
  });

  test("a rejection goes with the agent too, unless it is told to keep it", async () => {
    const node = await lab.addNode("kept");
    await using pod = await node.addPod({
      ...{ name: "kept", address: "10.244.4.10", address6: "fd00:244:4::10", veth: "calikept", mayReadCanary: true },
    });

    const removing = await node.startAgent();
    await removing.waitForLog(/kiam agent starts/);
    await removing.stop();
    const open = await pod.http(by6(listing));
    const keeping = await node.startAgent({ flags: { "iptables-remove": false } });
    await keeping.waitForLog(/kiam agent starts/);
    await keeping.stop();
    const closed = await failureOf(pod, by6(listing));

    expect(open.body).toBe("canary-node-role");
    expect(closed).toContain("ECONNREFUSED");
  });
});
