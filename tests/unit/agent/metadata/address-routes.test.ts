import { expect, test } from "bun:test";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued, someCredentials } from "../../../fakes/node-pods.ts";
import { metricOf } from "../../../fixtures/metrics.ts";

const roles = "/latest/meta-data/iam/security-credentials/";
const anyone = aSnapshot([aNodePod()], [issued()]);
const byGo = someCredentials({ accessKeyId: "ASIAGO" });

/** The metadata service while a Go server serves that gives the role `/team/reader`. */
function onGo(overrides: Parameters<typeof aMetadataService>[0] = {}) {
  const service = aMetadataService(overrides, anyone);
  service.goServers.onRole = async () => ({ kind: "role", name: "/team/reader" });
  service.goServers.onCredentials = async () => ({ kind: "credentials", credentials: byGo });
  const aside = service.store.setAside();
  service.goServers.come();
  return {
    ...service,
    /** The Go server serves no more, and the store's word counts again. */
    leave() {
      service.goServers.go();
      aside[Symbol.dispose]();
    },
  };
}

test("role and credentials are the Go server's, not the store's, and handed on as ours are", async () => {
  const { handle, goServers, log } = onGo();

  const answers = [await handle(aRequest(roles)), await handle(aRequest(`${roles}team/reader`))];

  expect(answers.map(({ status, body }) => [status, body.slice(0, 18)])).toEqual([
    [200, "team/reader"],
    [200, '{"Code":"Success",'],
  ]);
  expect(JSON.parse(answers[1]?.body ?? "").AccessKeyId).toBe("ASIAGO");
  expect(goServers.asked).toEqual(["role 10.0.0.1", "credentials 10.0.0.1 team/reader"]);
  expect(log.lines.filter(({ message }) => message === "credentials handed to pod").length).toBe(1);
});

test("the role is passed on as it was asked for, decoded once", async () => {
  const { handle, goServers } = onGo();

  await handle(aRequest(`${roles}team%2Freader`));

  expect(goServers.asked).toEqual(["credentials 10.0.0.1 team/reader"]);
});

const ofOtherAccount = "arn:aws:iam::210987654321:role/team/reader";

test("of a role annotated as an ARN the account is known: the extended form and iam/info are answered", async () => {
  const { handle, goServers } = onGo();
  goServers.onRole = async () => ({ kind: "role", name: ofOtherAccount });
  const iam = "/latest/meta-data/iam";

  const [name, credentials, info] = [
    await handle(aRequest(`${iam}/security-credentials-extended`)),
    await handle(aRequest(`${iam}/security-credentials-extended/${ofOtherAccount}`)),
    await handle(aRequest(`${iam}/info`)),
  ];

  expect(name.body).toBe(ofOtherAccount);
  expect(JSON.parse(credentials.body)).toMatchObject({ AccessKeyId: "ASIAGO", AccountId: "210987654321" });
  expect(JSON.parse(info.body)).toMatchObject({
    LastUpdated: "2026-01-01T00:00:00Z",
    InstanceProfileArn: "arn:aws:iam::210987654321:instance-profile/team/reader",
  });
});

test.each(["security-credentials-extended", "security-credentials-extended/team/reader", "info"])(
  "of a role annotated as a name it is not: iam/%s is 404, so that SDKs go on with the plain form",
  async (path) => {
    const { handle } = onGo();

    const answer = await handle(aRequest(`/latest/meta-data/iam/${path}`));

    expect([answer.status, JSON.parse(answer.body).Message]).toEqual([
      404,
      "no kiam server says which account the pod's role belongs to",
    ]);
  },
);

test.each([
  [{ kind: "nobody" }, 503, "no pod is known at this address"],
  [{ kind: "doubt" }, 503, "two pods claim this address"],
  [{ kind: "failed", reason: "STS is away" }, 503, "STS is away"],
  [{ kind: "role", name: "" }, 404, "the pod has no iam.amazonaws.com/role annotation"],
] as const)("a Go server's %j is %p: %s", async (answer, status, message) => {
  const { handle, goServers, clock } = onGo();
  goServers.onRole = async () => answer;

  const answering = handle(aRequest(roles));
  await clock.advance(800);

  const { body, ...told } = await answering;
  expect([told.status, JSON.parse(body).Message]).toEqual([status, message]);
});

test("what is refused is counted as of pods that the store knows", async () => {
  const { handle, goServers, registry, clock } = onGo();
  goServers.onCredentials = async () => ({ kind: "nobody" });
  const unknown = handle(aRequest(`${roles}reader`));
  await clock.advance(800);
  await unknown;
  goServers.onCredentials = async () => ({ kind: "failed", reason: "STS" });
  await handle(aRequest(`${roles}reader`));
  goServers.onRole = async () => ({ kind: "role", name: "" });
  await handle(aRequest(roles));

  const counts = await Promise.all([
    metricOf(registry, "kiam_metadata_find_role_errors_total", { handler: "credentials" }),
    metricOf(registry, "kiam_metadata_credential_fetch_errors_total", { handler: "credentials" }),
    metricOf(registry, "kiam_metadata_empty_role_total", { handler: "roleName" }),
  ]);

  expect(counts).toEqual([1, 1, 1]);
});

test("when the Go server goes in the middle of a request what the store holds answers it", async () => {
  const service = onGo();
  service.goServers.onCredentials = async () => {
    service.leave();
    return { kind: "not-in-use" };
  };

  const answer = await service.handle(aRequest(`${roles}reader`));

  expect(JSON.parse(answer.body).AccessKeyId).toBe("ASIAREADER");
});

test("servers that come and go faster than they answer are not followed for ever", async () => {
  const service = onGo();
  service.goServers.onRole = async () => ({ kind: "not-in-use" });

  const answer = await service.handle(aRequest(roles));

  expect(answer.status).toBe(503);
  expect(service.goServers.asked.length).toBe(3);
});

test("a pod has 32 requests waiting at most, and each that is over makes room", async () => {
  const { handle, goServers } = onGo();
  const gate = Promise.withResolvers<{ readonly kind: "role"; readonly name: string }>();
  goServers.onRole = () => gate.promise;
  const waiting = Array.from({ length: 32 }, () => handle(aRequest(roles)));

  const oneMore = await handle(aRequest(roles));
  gate.resolve({ kind: "role", name: "reader" });
  const answers = await Promise.all(waiting);
  const afterwards = await handle(aRequest(roles));

  expect(oneMore.status).toBe(429);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(afterwards.status).toBe(200);
});

test("required tokens are checked by the address before any server is asked", async () => {
  const { handle, goServers } = onGo({ imdsTokens: "required" });
  const minted = await handle(aRequest("/latest/api/token", { method: "PUT", headers: { tokenTtlSeconds: "60" } }));
  const ask = (token: string) => handle(aRequest(roles, { headers: { token } }));

  const answers = [await ask("A".repeat(52)), await ask(minted.body)];

  expect(answers.map(({ status }) => status)).toEqual([401, 200]);
  expect(goServers.asked.length).toBe(1);
});

test("optional ones that nobody can verify are as none", async () => {
  const { handle } = onGo();

  const answer = await handle(aRequest(roles, { headers: { token: "real-imds-token" } }));

  expect(answer.status).toBe(200);
});
