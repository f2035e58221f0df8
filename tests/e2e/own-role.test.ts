import { afterAll, beforeAll, expect, test } from "bun:test";
import { createLab, type Lab } from "./lab/lab.ts";
import { waitFor } from "./lab/wait.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const listing = "/latest/meta-data/iam/security-credentials/";

/** The environment of a server that acts as the role. */
async function environmentOf(role: string): Promise<Readonly<Record<string, string>>> {
  await lab.control.fetch(lab.sts.endpoint, {
    method: "POST",
    // moto finds the service by the signature's scope, and verifies nothing.
    headers: {
      "Content-Type": "application/x-www-form-urlencoded",
      Authorization:
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0",
    },
    body: `Action=AssumeRole&Version=2011-06-15&RoleSessionName=server&RoleArn=${lab.roleBaseArn}${role}`,
  });
  const issued = (await lab.sts.assumed()).find(({ roleArn }) => roleArn.endsWith(`/${role}`));
  if (issued === undefined) {
    throw new Error(`moto did not issue ${role}`);
  }
  return {
    AWS_ACCESS_KEY_ID: issued.accessKeyId,
    AWS_SECRET_ACCESS_KEY: issued.secretAccessKey,
    AWS_SESSION_TOKEN: issued.token,
  };
}

test("a server that started while STS was away issues its own role to nobody, and others' as soon as STS is back", async () => {
  const env = await environmentOf("kiam-server");
  process.kill(lab.sts.process.pid, "SIGSTOP");
  const server = await lab.startServer({ env });
  await server.ready();
  const node = await lab.addNode("node-1");
  const agent = await node.startAgent();
  await agent.ready();
  await using thief = await node.deployPod({
    ...{ namespace: "team", name: "thief", address: "10.244.1.5", role: "path/kiam-server" },
  });
  await using honest = await node.deployPod({
    ...{ namespace: "team", name: "honest", address: "10.244.1.6", role: "reader" },
  });

  process.kill(lab.sts.process.pid, "SIGCONT");
  const own = await waitFor("others' role", async () => {
    const answer = await honest.http(`${listing}reader`);
    return answer.status === 200 ? answer : undefined;
  });
  const stolen = await thief.http(`${listing}path/kiam-server`);

  expect(own.status).toBe(200);
  expect([stolen.status, JSON.parse(stolen.body).Message]).toEqual([
    403,
    `role '${lab.roleBaseArn}path/kiam-server' is the kiam server's own and is never issued`,
  ]);
  expect((await lab.sts.assumed()).filter(({ roleArn }) => roleArn.endsWith("kiam-server")).length).toBe(1);
});
