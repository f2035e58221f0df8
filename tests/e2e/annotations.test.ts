import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

// What pods and namespaces are annotated with, as the API server takes it and as STS is asked for it.

let lab: Lab;
let server: KiamProcess;
let node: LabNode;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("open", { "iam.amazonaws.com/permitted": ".*" });
  server = await lab.startServer({ flags: { session: "prod cluster" } });
  await server.ready();
  node = await lab.addNode("node-1");
  await (await node.startAgent()).ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const base = "arn:aws:iam::123456789012:role/";
const listing = "/latest/meta-data/iam/security-credentials/";

/** What STS was asked for because of a pod with the annotations, which is scheduled and has no address yet. */
async function askedFor(annotations: Readonly<Record<string, string>>, roleArn: string) {
  const name = `pod-${crypto.randomUUID()}`;
  await lab.api.createPod({ namespace: "open", name, nodeName: node.name, annotations: prefixed(annotations) });
  const call = await waitFor(`STS to be asked for ${roleArn}`, async () =>
    (await lab.sts.assumed()).find((each) => each.roleArn === roleArn),
  );
  await lab.api.deletePod("open", name);
  return { sessionName: call.sessionName, externalId: call.externalId };
}

const prefixed = (annotations: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`iam.amazonaws.com/${name}`, value]));

test.each([
  ["name", `${base}name`],
  ["path/to/name-1", `${base}path/to/name-1`],
  ["/path/to/name-2", `${base}path/to/name-2`],
  ["/slash", `${base}slash`],
  [`${base}whole`, `${base}whole`],
  ["arn:aws:iam::210987654321:role/other-account", "arn:aws:iam::210987654321:role/other-account"],
  ...["aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"].map((partition) => [
    `arn:${partition}:iam::210987654321:role/path/${partition}`,
    `arn:${partition}:iam::210987654321:role/path/${partition}`,
  ]),
] as [string, string][])("the role %s is asked of STS as %s", async (role, roleArn) => {
  expect(await askedFor({ role }, roleArn)).toEqual({ sessionName: "kiam-prod-cluster", externalId: null });
});

test.each([
  ["checkout", "kiam-checkout"],
  ["a/b c:d", "kiam-a-b-c-d"],
  ["k\u00e4se\u{1f600}", "kiam-k-se-"],
  ["n".repeat(59), `kiam-${"n".repeat(59)}`],
  ["n".repeat(60), `kiam-${"n".repeat(58)}`],
])("the session name %p is asked of STS as %p", async (session, sessionName) => {
  const role = `session-${session.length}`;

  expect((await askedFor({ role, "session-name": session }, base + role)).sessionName).toBe(sessionName);
});

test("an external id reaches STS as it is annotated, and is in no log", async () => {
  const asked = await askedFor({ role: "external", "external-id": "a+b=c,d.e@f:g/h-4711" }, `${base}external`);

  expect(asked.externalId).toBe("a+b=c,d.e@f:g/h-4711");
  expect(server.output()).not.toContain("h-4711");
});

test("kiam permitted, fed by kubectl, lists the patterns that were written for names", async () => {
  const { kubeconfig } = await lab.serverAccount();
  for (const [namespace, permitted] of [
    ["former", "writer|reader"],
    ["present", `${base}(reader|writer)`],
    ["quiet", "team-.*"],
  ] as const) {
    await lab.api.createNamespace(namespace, { "iam.amazonaws.com/permitted": permitted });
  }
  for (const namespace of ["former", "present"]) {
    await lab.api.createPod({ namespace, name: "p", annotations: prefixed({ role: "reader" }) });
  }
  const get = `${tools.part("kubectl")} --cache-dir ${lab.directory} --kubeconfig ${kubeconfig} get namespaces,pods --all-namespaces -o json`;
  const compare = `${tools.kiam()} permitted -f /dev/stdin --role-base-arn ${base}`;

  const { exitCode, stdout } = await lab.control.run(["sh", "-c", `${get} | ${compare}`]);

  expect(stdout.split("\n")).toEqual([
    "NAMESPACE\tPATTERN\tROLE\tV3\tV4\tNOW",
    "former\twriter|reader\treader\tallows\tallows\tdenies",
    `present\t${base}(reader|writer)\treader\tdenies\tallows\tallows`,
    "open\t.*\t(no pod)\t?\t?\t?",
    "quiet\tteam-.*\t(no pod)\t?\t?\t?",
    "",
  ]);
  expect(exitCode).toBe(1);
});

test("what is no role is refused with a sentence, one annotation after the other, and STS never asked", async () => {
  await using pod = await node.deployPod({
    namespace: "open",
    name: "odd",
    address: "10.244.1.10",
    role: "fine-first",
  });
  const malformed = ["a b", "//name", "path/", "arn:aws:iam::1:role/name", "arn:aws:s3:::bucket", "n".repeat(65)];

  for (const annotated of malformed) {
    await lab.api.annotate({ namespace: "open", pod: "odd" }, { "iam.amazonaws.com/role": annotated });
    const sentence = `annotation '${annotated}' is not a role`;
    const answer = await waitFor(sentence, async () => {
      const { status, body } = await pod.http(listing + encodeURIComponent(annotated));
      return body.includes(sentence) ? { status, message: JSON.parse(body).Message } : undefined;
    });

    expect(answer).toEqual({ status: 403, message: sentence });
  }

  const asked = (await lab.sts.assumed()).map(({ roleArn }) => roleArn);
  expect(asked.filter((roleArn) => malformed.some((annotated) => roleArn.endsWith(annotated)))).toEqual([]);
});

test("a namespace's pattern must match the whole ARN, and takes effect at once, for issued credentials too", async () => {
  await lab.api.createNamespace("strict", { "iam.amazonaws.com/permitted": `${base}reader` });
  await using pod = await node.deployPod({ namespace: "strict", name: "p", address: "10.244.1.11", role: "reader" });
  const permit = (pattern: string) =>
    lab.api.annotate({ namespace: "strict" }, { "iam.amazonaws.com/permitted": pattern });
  const statusNow = async () => (await pod.http(`${listing}reader`)).status;
  const becomes = async (status: number) => {
    const startMs = performance.now();
    await waitFor(`status ${status}`, async () => (await statusNow()) === status || undefined);
    return performance.now() - startMs;
  };
  await becomes(200);

  const tookMs: number[] = [];
  for (const [pattern, status] of [
    ["reader", 403], // A part of it.
    [".*/reader", 200],
    ["arn|.*", 200], // Of two, each must match the whole.
    [`${base}read|er`, 403],
    ["(?i)ARN:.*:ROLE/READER", 200],
    ["", 403],
  ] as const) {
    await permit(pattern);
    tookMs.push(await becomes(status));
  }

  expect(Math.max(...tookMs)).toBeLessThan(1_000);
});

test("with --disable-strict-namespace-regexp a part is enough", async () => {
  await lab.api.createNamespace("loose", { "iam.amazonaws.com/permitted": "read" });
  await using pod = await node.deployPod({ namespace: "loose", name: "p", address: "10.244.1.12", role: "reader" });
  const answer = async () => (await pod.http(`${listing}reader`)).status;
  const before = await answer();

  await server.stop();
  await using loose = await lab.startServer({ flags: { "disable-strict-namespace-regexp": true } });
  await loose.ready();
  const after = await waitFor("the other server's word", async () => ((await answer()) === 200 ? 200 : undefined));

  expect([before, after]).toEqual([403, 200]);
});
