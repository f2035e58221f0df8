import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { createLab, type Lab } from "./lab/lab.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

// Who the server is to AWS: in which account its pods' roles are, and which role it assumes first.

/** Of the instance that the servers run on, as they alone reach it. */
const instanceAddress = "10.250.0.9";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  await lab.control.must(["ip", "address", "add", `${instanceAddress}/32`, "dev", "lo"]);
  const program = join(import.meta.dir, "lab/fake-metadata.ts");
  const socket = join(lab.directory, "i.sock");
  const metadata = lab.control.start("instance", [tools.bun(), program, socket, instanceAddress]);
  await metadata.waitForLog(/listening/);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const flags = { "role-base-arn": undefined, "role-base-arn-autodetect": true, level: "info" };
const at = (endpoint: string) => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint });
const listing = "/latest/meta-data/iam/security-credentials/";

test("the base is the instance profile's account, and no proxy is asked for it", async () => {
  const env = { ...at(`http://${instanceAddress}`), HTTP_PROXY: "http://10.250.0.1:9", NO_PROXY: "10.250.0.1" };

  await using server = await lab.startServer({ flags, env });
  await server.ready();

  expect(server.output()).toContain('"prefix":"arn:aws:iam::123456789012:role/","source":"the metadata service"');
});

test("where the metadata service does not answer, the base is that of the account that STS names", async () => {
  await using server = await lab.startServer({ flags, env: at(`http://${instanceAddress}:81`) });
  await server.ready();

  expect(server.output()).toContain('"prefix":"arn:aws:iam::123456789012:role/","source":"STS"');
});

test("a server whose metadata calls an agent answers says so, and what to do", async () => {
  const node = await lab.addNode("node-1");
  await using first = await lab.startServer();
  const agent = await node.startAgent();
  await first.ready();
  await agent.ready();

  await using server = await lab.startServer({ flags, env: at(`http://${node.address}:3100`) });
  await server.ready();

  expect(server.output()).toContain("an agent of kiam answers this server's own calls of the metadata service");
  expect(server.output()).toContain('"source":"STS"');
  await agent.stop();
});

test("with --assume-role-arn pods get their roles by way of that role, and never that role itself", async () => {
  await using server = await lab.startServer({
    flags: { ...flags, "assume-role-arn": "path/acting" },
    env: at(`http://${instanceAddress}`),
  });
  await server.ready();
  const node = await lab.addNode("node-2");
  await (await node.startAgent()).ready();
  await using honest = await node.deployPod({
    ...{ namespace: "team", name: "honest", address: "10.244.2.5", role: "reader" },
  });
  await using thief = await node.deployPod({
    ...{ namespace: "team", name: "thief", address: "10.244.2.6", role: "other/acting" },
  });

  const own = await waitFor("the pod's role", async () => {
    const answer = await honest.http(`${listing}reader`);
    return answer.status === 200 ? answer : undefined;
  });
  const stolen = await thief.http(`${listing}other/acting`);

  expect(await lab.sts.roleOfAnswer(own.body)).toBe("arn:aws:sts::123456789012:assumed-role/reader/kiam-kiam");
  expect([stolen.status, JSON.parse(stolen.body).Message]).toEqual([
    403,
    `role '${lab.roleBaseArn}other/acting' is the kiam server's own and is never issued`,
  ]);
  const acting = (await lab.sts.assumed()).filter(({ roleArn }) => roleArn.endsWith("/acting"));
  expect(acting.map(({ roleArn }) => roleArn)).toEqual([`${lab.roleBaseArn}path/acting`]);
});
