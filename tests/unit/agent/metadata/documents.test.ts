import { expect, test } from "bun:test";
import type { NodePod } from "../../../../src/domain/node-pod.ts";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { allowed, aNodePod, anIdentity, aSnapshot, issued } from "../../../fakes/node-pods.ts";
import { aRole } from "../../../fakes/roles.ts";

// What SPEC 7 says of the documents: the extended form, iam/info, and headers as the real service sends them.

const iam = "/latest/meta-data/iam";
const denied: NodePod["decision"] = { kind: "denied", explanation: "namespace policy expression '(empty)' forbids it" };

/** A pod with a role of another account, below a path, annotated as a whole ARN. */
function podOf(arn: string): NodePod {
  return aNodePod({
    annotatedRole: arn,
    decision: { kind: "allowed", identity: anIdentity("identity-reader"), role: aRole(arn) },
  });
}

const chinese = "arn:aws-cn:iam::210987654321:role/team/reader";

async function bodyOf(pod: NodePod, target: string) {
  const { handle } = aMetadataService({}, aSnapshot([pod], [issued()]));
  const answer = await handle(aRequest(target));
  return { ...answer, json: () => JSON.parse(answer.body) };
}

test.each(["", "/"])("security-credentials-extended%s lists the role as the plain form does", async (slash) => {
  const answer = await bodyOf(
    aNodePod({ annotatedRole: "/team/reader", decision: denied }),
    `${iam}/security-credentials-extended${slash}`,
  );

  expect([answer.status, answer.body, answer.headers["Content-Type"]]).toEqual([200, "team/reader", "text/plain"]);
});

test("the extended form is the plain one and the account", async () => {
  const { handle } = aMetadataService({}, aSnapshot([aNodePod()], [issued()]));

  const [plain, extended] = [
    await handle(aRequest(`${iam}/security-credentials/reader`)),
    await handle(aRequest(`${iam}/security-credentials-extended/reader`)),
  ];

  expect(JSON.parse(plain.body)).not.toHaveProperty("AccountId");
  expect(JSON.parse(extended.body)).toEqual({ ...JSON.parse(plain.body), AccountId: "123456789012" });
});

test("the account is the role's, whatever account the cluster is in", async () => {
  const answer = await bodyOf(podOf(chinese), `${iam}/security-credentials-extended/${chinese}`);

  expect(answer.json().AccountId).toBe("210987654321");
});

test("credentials are encoded once in each form", async () => {
  const { handle } = aMetadataService({}, aSnapshot([aNodePod()], [issued()]));
  const ask = (form: string) => handle(aRequest(`${iam}/${form}/reader`));

  const first = [await ask("security-credentials"), await ask("security-credentials-extended")];
  const again = [await ask("security-credentials"), await ask("security-credentials-extended")];

  expect([again[0] === first[0], again[1] === first[1], first[0] === first[1]]).toEqual([true, true, false]);
});

test.each(["info", "info/"])("iam/%s fits the pod's role", async (path) => {
  const answer = await bodyOf(podOf(chinese), `${iam}/${path}`);

  expect([answer.status, answer.headers["Content-Type"]]).toEqual([200, "application/json"]);
  expect(answer.json()).toEqual({
    Code: "Success",
    LastUpdated: "2026-01-01T00:00:00Z",
    InstanceProfileArn: "arn:aws-cn:iam::210987654321:instance-profile/team/reader",
    InstanceProfileId: answer.json().InstanceProfileId,
  });
  expect(answer.json().InstanceProfileId).toMatch(/^AIPA[A-Z2-7]{17}$/);
});

test("a role's profile has the same id everywhere and always, and another role's another", async () => {
  const idOf = async (pod: NodePod) => (await bodyOf(pod, `${iam}/info`)).json().InstanceProfileId;
  const writer = aNodePod({ decision: allowed("identity-writer", "writer") });

  const ids = [await idOf(aNodePod()), await idOf(aNodePod({ uid: "uid-2" })), await idOf(writer)];

  expect(ids[0]).toBe(ids[1]);
  expect(ids[0]).not.toBe(ids[2]);
});

test("a path that looks like the end of an ARN stays in the path", async () => {
  const answer = await bodyOf(podOf("arn:aws:iam::210987654321:role/a:role/b"), `${iam}/info`);

  expect(answer.json().InstanceProfileArn).toBe("arn:aws:iam::210987654321:instance-profile/a:role/b");
});

test("iam/info is there before the credentials are, and dated now", async () => {
  const { handle, clock } = aMetadataService({}, aSnapshot([aNodePod()]));
  await clock.advance(61_500);

  const answer = await handle(aRequest(`${iam}/info`));

  expect(JSON.parse(answer.body).LastUpdated).toBe("2026-01-01T00:01:01Z");
  expect(answer.headers["Last-Modified"]).toBe("Thu, 01 Jan 2026 00:01:01 GMT");
});

test.each([
  ["info", denied, 403, "AccessDenied", "namespace policy expression '(empty)' forbids it"],
  [
    "security-credentials-extended/reader",
    denied,
    403,
    "AccessDenied",
    "namespace policy expression '(empty)' forbids it",
  ],
  ["info", { kind: "no-role" }, 404, "NotFound", "the pod has no iam.amazonaws.com/role annotation"],
  [
    "security-credentials-extended",
    { kind: "no-role" },
    404,
    "NotFound",
    "the pod has no iam.amazonaws.com/role annotation",
  ],
] as const)("iam/%s of a pod that is refused says why", async (path, decision, status, code, message) => {
  const annotatedRole = decision.kind === "no-role" ? "" : "reader";

  const answer = await bodyOf(aNodePod({ annotatedRole, decision }), `${iam}/${path}`);

  expect([answer.status, answer.json()]).toEqual([status, { Code: code, Message: message }]);
});

test("another pod's role is refused in the extended form too", async () => {
  const answer = await bodyOf(aNodePod(), `${iam}/security-credentials-extended/writer`);

  expect([answer.status, answer.json().Message]).toEqual([
    403,
    "requested 'writer' but annotated with 'reader', forbidden",
  ]);
});

test("credentials carry the headers of the real service's documents, dated by their issue", async () => {
  const answer = await bodyOf(aNodePod(), `${iam}/security-credentials/reader`);

  expect(answer.headers).toEqual({
    "Content-Type": "application/json",
    "Content-Length": String(answer.body.length),
    "Accept-Ranges": "none",
    "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    Server: "kiam",
  });
});

test.each(["security-credentials-extended", "security-credentials-extended/reader", "info"])(
  "iam/%s answers HEAD as GET, and no other method",
  async (path) => {
    const { handle } = aMetadataService({}, aSnapshot([aNodePod()], [issued()]));
    const ask = (method: string) => handle(aRequest(`${iam}/${path}`, { method }));

    const [get, head, put] = [await ask("GET"), await ask("HEAD"), await ask("PUT")];

    expect(head).toEqual(get);
    expect([get.status, put.status, put.headers["Allow"]]).toEqual([200, 405, "GET, HEAD"]);
  },
);

test("an unknown pod's iam/info is 503, and counted", async () => {
  const { handle, clock, metrics, servers } = aMetadataService({}, aSnapshot([]));
  const answering = handle(aRequest(`${iam}/info`));
  servers.question.answer({ kind: "not-found" });
  await clock.advance(800);

  const answer = await answering;

  expect(answer.status).toBe(503);
  expect((await metrics.responses.get()).values).toMatchObject([{ labels: { handler: "info", code: "503" } }]);
});
