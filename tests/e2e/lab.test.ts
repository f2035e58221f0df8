import { afterAll, beforeAll, expect, test } from "bun:test";
import { CanaryLeak, canary } from "./lab/canary.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { callerIdentity, sdks } from "./lab/sdk.ts";
import { tools } from "./lab/tools.ts";

// What the other end-to-end tests take for granted: each would pass for the wrong reason if this did not hold.

let lab: Lab;
let node: LabNode;
beforeAll(async () => {
  lab = await createLab();
  node = await lab.addNode("node-1");
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const roleList = "/latest/meta-data/iam/security-credentials/";

test.each(sdks)("without a redirect a pod reads the node's own key with %s", async (sdk) => {
  await using pod = await node.addPod({ name: "open", address: "10.244.1.5", veth: "caliopen", mayReadCanary: true });

  const listed = await pod.http(roleList);
  const identity = await callerIdentity(pod, sdk, lab.sts.endpoint);

  expect(listed).toMatchObject({ status: 200, body: canary.roleName });
  expect(identity).toMatchObject({ kind: "identity", arn: expect.stringContaining(":user/moto") });
  if (sdk !== "aws-cli") {
    expect(identity).toMatchObject({ key: { accessKeyId: canary.accessKeyId } });
  }
});

test("the canary in a pod's answer fails the test that did not ask for it", async () => {
  await using pod = await node.addPod({ name: "leak", address: "10.244.1.6", veth: "calileak" });

  const leak = pod.http(roleList);

  await expect(leak).rejects.toBeInstanceOf(CanaryLeak);
});

test("the metadata service records what it was asked and by whom, and counts packets", async () => {
  await using pod = await node.addPod({ name: "seen", address: "10.244.1.7", veth: "caliseen", mayReadCanary: true });
  await node.metadata.forget();
  const before = await node.metadata.packets();

  await pod.http("/latest/meta-data/%69am/../instance-id?x=1", { headers: { "X-Mark": "m" } });

  expect(await node.metadata.requests()).toMatchObject([
    { client: pod.address, method: "GET", headers: { "x-mark": "m" } },
  ]);
  expect(await node.metadata.packets()).toBeGreaterThan(before + 2);
});

test("the metadata service can be made to refuse requests without a token", async () => {
  await using pod = await node.addPod({ name: "tokens", address: "10.244.1.8", veth: "calitokens" });
  await node.metadata.setTokens("required");
  await using _back = { [Symbol.asyncDispose]: () => node.metadata.setTokens("optional") };

  const without = await pod.http("/latest/meta-data/instance-id");
  const ttl = { "X-aws-ec2-metadata-token-ttl-seconds": "60" };
  const token = await pod.http("/latest/api/token", { method: "PUT", headers: ttl });
  const headers = { "X-aws-ec2-metadata-token": token.body };
  const withToken = await pod.http("/latest/meta-data/instance-id", { headers });

  expect(without.status).toBe(401);
  expect(withToken).toMatchObject({ status: 200, body: "i-0123456789abcdef0" });
});

test("a redirect takes the packets of a pod to the node's listener and not to the metadata service", async () => {
  await using pod = await node.addPod({ name: "sent", address: "10.244.1.9", veth: "calisent" });
  const answer = `Bun.serve({ hostname: "${node.address}", port: 3999, fetch: () => new Response("ours") }); console.log("up")`;
  await using listener = node.netns.start("listener", [tools.bun(), "-e", answer]);
  await listener.waitForLog(/up/);
  const rule = ["PREROUTING", "-i", "cali+", "-d", "169.254.169.254", "-p", "tcp", "--dport", "80"];
  const target = ["-j", "DNAT", "--to-destination", `${node.address}:3999`];
  await node.netns.must(["iptables", "-t", "nat", "-A", ...rule, ...target]);
  await using _rule = {
    async [Symbol.asyncDispose]() {
      await node.netns.must(["iptables", "-t", "nat", "-D", ...rule, ...target]);
    },
  };
  const before = await node.metadata.packets();

  const fromPod = await pod.http(roleList);
  const afterPod = await node.metadata.packets();
  const fromNode = await node.netns.fetch(`http://169.254.169.254${roleList}`);

  expect(fromPod.body).toBe("ours");
  expect(afterPod).toBe(before);
  expect(await fromNode.text()).toBe(canary.roleName);
});

test("a pod's address can be another's once it is gone, also on another node", async () => {
  const other = await lab.addNode("node-2");
  const seenFrom = async (where: LabNode, name: string) => {
    await using pod = await where.addPod({ name, address: "10.244.9.9", veth: `cali${name}` });
    const { body } = await pod.http("/latest/meta-data/instance-id");
    const sts = await pod.http(`${lab.sts.endpoint}/moto-api/`);
    return [body, sts.status];
  };

  const seen = [await seenFrom(node, "first"), await seenFrom(node, "second"), await seenFrom(other, "third")];

  expect(seen).toEqual(Array(3).fill(["i-0123456789abcdef0", 200]));
});

test("pods of two nodes reach each other", async () => {
  const other = await lab.addNode("node-3");
  await using near = await node.addPod({ name: "near", address: "10.244.1.11", veth: "calinear" });
  await using far = await other.addPod({ name: "far", address: "10.244.3.11", veth: "califar" });
  const program = `Bun.serve({ port: 8080, fetch: (q, s) => new Response(s.requestIP(q).address) }); console.log("up")`;
  await far.start("listener", [tools.bun(), "-e", program]).waitForLog(/up/);

  const answer = await near.http(`http://${far.address}:8080/`);

  expect(answer.body).toContain(near.address);
});

test("the API server refuses a service account that nothing is granted to, and lets it in once it is", async () => {
  await lab.api.createNamespace("rbac");
  await lab.api.createServiceAccount("rbac", "reader");
  const reader = lab.api.as(await lab.api.createServiceAccountToken({ namespace: "rbac", name: "reader" }));

  const refused = await reader.request("GET", "/api/v1/pods");
  await lab.api.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: read-pods }
rules: [{ apiGroups: [""], resources: [pods], verbs: [list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: read-pods }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: read-pods }
subjects: [{ kind: ServiceAccount, name: reader, namespace: rbac }]
`);
  const granted = await reader.request("GET", "/api/v1/pods");
  const beyond = await reader.request("GET", "/api/v1/secrets");

  expect([refused.status, granted.status, beyond.status]).toEqual([403, 200, 403]);
});

test("a token bound to a pod names its node, has its audience and dies with the pod", async () => {
  await lab.api.createNamespace("tokens");
  const pod = await lab.api.createPod({ namespace: "tokens", name: "agent", nodeName: node.name });
  const request = { namespace: "tokens", name: "default", audience: "kiam-server", boundPod: pod };
  const tokens = [
    await lab.api.createServiceAccountToken(request),
    await lab.api.createServiceAccountToken({ ...request, expirationSeconds: 7200 }),
  ];
  // One token for each look: the API server answers for ten seconds from what it found.
  const review = async () => {
    const token = tokens.pop();
    const spec = { token, audiences: ["kiam-server"] };
    return (await lab.api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { spec })).body.status;
  };

  const alive = await review();
  await lab.api.deletePod("tokens", "agent");
  const dead = await review();

  expect(alive).toMatchObject({
    authenticated: true,
    audiences: ["kiam-server"],
    user: {
      username: "system:serviceaccount:tokens:default",
      extra: {
        "authentication.kubernetes.io/node-name": [node.name],
        "authentication.kubernetes.io/pod-name": ["agent"],
        "authentication.kubernetes.io/pod-uid": [pod.uid],
      },
    },
  });
  expect(dead.authenticated).not.toBe(true);
});

test("a deployed pod runs with its address and role in the API, and is gone with its namespace when disposed", async () => {
  await lab.api.createNamespace("apps", { "iam.amazonaws.com/permitted": ".*" });
  const path = "/api/v1/namespaces/apps/pods/web";
  {
    await using pod = await node.deployPod({ namespace: "apps", name: "web", address: "10.244.1.12", role: "reader" });
    const { body } = await lab.api.request("GET", path);
    expect(body).toMatchObject({
      metadata: { uid: pod.uid, annotations: { "iam.amazonaws.com/role": "reader" } },
      spec: { nodeName: node.name },
      status: { phase: "Running", podIP: "10.244.1.12", podIPs: [{ ip: "10.244.1.12" }], hostIP: node.address },
    });
    await lab.api.annotate({ namespace: "apps", pod: "web" }, { "iam.amazonaws.com/role": "writer" });
    await lab.api.annotate({ namespace: "apps" }, { "iam.amazonaws.com/permitted": null });
  }

  expect((await lab.api.request("GET", path)).status).toBe(404);
});

test("moto names the assumed role of the key it gave, and knows each key", async () => {
  await using pod = await node.addPod({ name: "sts", address: "10.244.1.13", veth: "calists" });
  const assume = async (roleArn: string) => {
    const flags = ["--role-arn", roleArn, "--role-session-name", "kiam-lab", "--external-id", "ext"];
    const where = ["--endpoint-url", lab.sts.endpoint, "--region", "us-east-1"];
    const env = { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "test" };
    const { stdout } = await pod.run([tools.python("aws"), "sts", "assume-role", ...flags, ...where], { env });
    const { AccessKeyId, SecretAccessKey, SessionToken } = JSON.parse(stdout).Credentials;
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, token: SessionToken };
  };

  const reader = await assume(`${lab.roleBaseArn}team/reader`);
  const again = await assume(`${lab.roleBaseArn}team/reader`);
  const foreign = await assume("arn:aws:iam::999999999999:role/far");

  expect(await lab.sts.roleOf(reader)).toBe("arn:aws:sts::123456789012:assumed-role/reader/kiam-lab");
  expect(await lab.sts.roleOf(foreign)).toBe("arn:aws:sts::999999999999:assumed-role/far/kiam-lab");
  expect(again.accessKeyId).not.toBe(reader.accessKeyId);
  await expect(lab.sts.roleOf({ ...reader, token: again.token })).rejects.toThrow("do not belong");
  expect(await lab.sts.assumed()).toContainEqual({
    ...{ roleArn: `${lab.roleBaseArn}team/reader`, sessionName: "kiam-lab", externalId: "ext", ...reader },
  });
});

test("names resolve in a node's namespace, also for what runs already, to all their addresses", async () => {
  const lookup = `import { lookup } from "node:dns/promises";
    for await (const _ of console) { console.log(JSON.stringify(await lookup("kubernetes-api", { all: true }).catch((e) => e.code))); }`;
  const argv = ["ip", "netns", "exec", node.netns.name, tools.bun(), "-e", lookup];
  await using asker = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe" });
  const answers = asker.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const ask = async () => {
    asker.stdin.write("?\n");
    return JSON.parse((await answers.read()).value ?? "");
  };

  const unknown = await ask();
  await node.netns.setHosts(["10.250.0.1 kubernetes-api", "10.250.0.2 kubernetes-api"]);
  const known = await ask();

  expect(unknown).toBeString();
  expect(known.map((each: { address: string }) => each.address).sort()).toEqual(["10.250.0.1", "10.250.0.2"]);
});

test("the API server can go away and come back with what it knew", async () => {
  await lab.api.createNamespace("kept");

  await lab.controlPlane.stopApiServer();
  const away = lab.api.request("GET", "/readyz");
  await expect(away).rejects.toThrow();
  await lab.controlPlane.startApiServer();

  expect((await lab.api.request("GET", "/api/v1/namespaces/kept")).status).toBe(200);
});
