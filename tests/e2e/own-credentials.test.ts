import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canary } from "./lab/canary.ts";
import { type Egress, startEgress } from "./lab/egress.ts";
import type { KiamOptions, Launch } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

// Whose keys a server signs with, and where it goes for them: servers on a node and in its pods, behind a proxy.

const region = "eu-west-1";
const host = "sts.eu-west-1.amazonaws.com";

let lab: Lab;
let egress: Egress;
let node: LabNode;
beforeAll(async () => {
  lab = await createLab();
  egress = await startEgress(lab, [host]);
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  node = await lab.addNode("node-1");
});
afterAll(async () => {
  await egress?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  egress.forget();
  await node.metadata.forget();
});

const onNode: Launch = (name, words, env) => node.netns.start(name, [tools.kiam(), ...words], { env });

/** A server without keys in its environment, every request of which that may goes through the proxy. */
function startServer(env: Readonly<Record<string, string>>, { launch = onNode, flags }: KiamOptions = {}) {
  return lab.startServer({
    launch,
    flags: {
      ...{ bind: "127.0.0.1:9610", "prometheus-listen-addr": undefined },
      ...{ "sts-endpoint": undefined, region, ...flags },
    },
    env: {
      ...{ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" },
      ...{ HTTP_PROXY: egress.proxy, HTTPS_PROXY: egress.proxy, NO_PROXY: "10.250.0.1:6443", AWS_CA_BUNDLE: egress.ca },
      ...env,
    },
  });
}

/** Where the proxy was asked to go, each once. */
const proxied = () => [...new Set(egress.proxied())];

const toldRole = /this server's own role[^\n]*role\/kiam-server"/;

test("a node's instance profile, asked by IMDSv2 and by no proxy", async () => {
  await using server = await startServer({});

  await server.waitForLog(/this server acts as no role/);

  const asked = await node.metadata.requests();
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toContain(
    `GET /latest/meta-data/iam/security-credentials/${canary.roleName}`,
  );
  expect(asked.filter(({ method, headers }) => method === "GET" && !headers["x-aws-ec2-metadata-token"])).toEqual([]);
  expect(proxied()).toEqual([`CONNECT ${host}:443`]);
});

test("a web identity, exchanged at the endpoint that was chosen, whatever region the pod is in", async () => {
  const token = join(lab.directory, "web-identity");
  await writeFile(token, "header.payload.signature");

  await using server = await startServer({
    ...{ AWS_REGION: "us-west-2", AWS_WEB_IDENTITY_TOKEN_FILE: token },
    AWS_ROLE_ARN: `${lab.roleBaseArn}kiam-server`,
  });
  await server.waitForLog(toldRole);

  expect(proxied()).toEqual([`CONNECT ${host}:443`]);
  expect(await node.metadata.requests()).toEqual([]);
});

test("a profile that assumes a role, at the same endpoint too", async () => {
  const home = join(lab.directory, "profile");
  await mkdir(join(home, ".aws"), { recursive: true });
  const keys = "aws_access_key_id = AKIAPROFILE000000000\naws_secret_access_key = own\n";
  const role = `role_arn = ${lab.roleBaseArn}kiam-server\nsource_profile = base\nregion = us-west-2\n`;
  await writeFile(join(home, ".aws/config"), `[profile base]\n${keys}[profile server]\n${role}`);

  await using server = await startServer({ HOME: home, AWS_PROFILE: "server" });
  await server.waitForLog(toldRole);

  expect(proxied()).toEqual([`CONNECT ${host}:443`]);
  expect(await node.metadata.requests()).toEqual([]);
});

test("a container's endpoint, by no proxy", async () => {
  const address = "169.254.170.23";
  await node.netns.must(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
  const answer = { AccessKeyId: "ASIACONTAINER", SecretAccessKey: "s", Token: "t", Expiration: "2099-01-01T00:00:00Z" };
  const program = `Bun.serve({ hostname: "${address}", port: 80, fetch(q) { console.log(q.url, q.headers.get("authorization")); return Response.json(${JSON.stringify(answer)}) } }); console.log("up")`;
  await using container = node.netns.start("container endpoint", [tools.bun(), "-e", program]);
  await container.waitForLog(/up/);

  await using server = await startServer({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${address}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: "pod-identity",
  });
  await server.waitForLog(/this server acts as no role/);

  expect(container.output()).toContain(`http://${address}/v1/credentials pod-identity`);
  expect(proxied()).toEqual([`CONNECT ${host}:443`]);
  expect(await node.metadata.requests()).toEqual([]);
});

test("keys of the environment go before a profile", async () => {
  const keys = { AWS_ACCESS_KEY_ID: "AKIALABSERVER0000000", AWS_SECRET_ACCESS_KEY: "lab", AWS_PROFILE: "absent" };

  await using server = await startServer(keys);
  await server.waitForLog(/this server acts as no role/);

  expect(server.output()).not.toContain("Multiple credential sources");
});

test("never what an agent of kiam hands out: a server in a pod with a role is told so in the log, once", async () => {
  await using outside = await lab.startServer();
  await outside.ready();
  await using agent = await node.startAgent();
  await agent.ready();
  await using pod = await node.deployPod({
    namespace: "team",
    name: "kiam",
    address: "10.244.1.10",
    role: "kiam-server",
  });
  const { status } = await pod.http("/latest/meta-data/iam/security-credentials/kiam-server");

  await using server = await startServer(
    {},
    { launch: (name, words, env) => pod.start(name, [tools.kiam(), ...words], env) },
  );
  await server.waitForLog(/STS does not say who this server is/);

  const told = server
    .output()
    .split("\n")
    .filter((line) => line.includes("an agent of kiam answers"));
  expect([status, told.map((line) => JSON.parse(line).level)]).toEqual([200, ["error", "warning"]]);
  expect(told[0]).toContain("give the server hostNetwork, or nodes that run no agent");
  expect([egress.proxied(), server.output().includes("own role")]).toEqual([[], false]);
  expect((await node.metadata.requests()).some(({ client }) => client === pod.address)).toBe(false);
});

test("a server in a pod without a role is told the same", async () => {
  await using _agent = await node.startAgent();
  await using pod = await node.addPod({ name: "bare", address: "10.244.1.11", veth: "calibare" });
  await waitFor(
    "the redirect",
    async () => (await pod.http("/ping").catch(() => undefined))?.body === "pong" || undefined,
  );

  await using server = await startServer(
    {},
    { launch: (name, words, env) => pod.start(name, [tools.kiam(), ...words], env) },
  );
  const [line] = await server.waitForLog(/[^\n]*an agent of kiam answers[^\n]*/);

  expect(JSON.parse(line).level).toBe("error");
});
