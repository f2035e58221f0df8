import { expect, test } from "bun:test";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued } from "../../../fakes/node-pods.ts";

const roles = "/latest/meta-data/iam/security-credentials";

test("answers are counted and timed under the Go release's names of routes", async () => {
  const { handle, registry } = aMetadataService({}, aSnapshot([aNodePod()], [issued()]));

  for (const target of [roles, `${roles}/reader`, `${roles}/writer`, "/ping", "/latest/user-data"]) {
    await handle(aRequest(target));
  }
  const text = await registry.metrics();

  expect(text).toContain('kiam_metadata_responses_total{handler="roleName",code="200"} 1');
  expect(text).toContain('kiam_metadata_responses_total{handler="credentials",code="200"} 1');
  expect(text).toContain('kiam_metadata_responses_total{handler="credentials",code="403"} 1');
  expect(text).toContain('kiam_metadata_responses_total{handler="proxy",code="404"} 1');
  expect(text).toContain('kiam_metadata_success_total{handler="credentials"} 1');
  expect(text).toContain('kiam_metadata_credential_fetch_errors_total{handler="credentials"} 1');
  expect(text).toContain('kiam_metadata_handler_latency_seconds_count{handler="credentials"} 2');
  expect(text).toContain("kiam_metadata_local_seconds_count 2");
});

test("a pod that is not found and one without a role are counted apart", async () => {
  const { handle, clock, registry } = aMetadataService({}, aSnapshot([aNodePod({ decision: { kind: "no-role" } })]));

  const waiting = handle(aRequest(`${roles}/reader`, { client: "10.0.0.9" }));
  await clock.advance(800);
  await waiting;
  await handle(aRequest(roles));
  const text = await registry.metrics();

  expect(text).toContain('kiam_metadata_find_role_errors_total{handler="credentials"} 1');
  expect(text).toContain('kiam_metadata_empty_role_total{handler="roleName"} 1');
  expect(text).toContain("kiam_metadata_local_seconds_count 0");
});

test("what had to be waited for is timed to its end, and not as answered from the store", async () => {
  const { handle, clock, servers, registry } = aMetadataService({}, aSnapshot([aNodePod()]));
  const waiting = handle(aRequest(`${roles}/reader`));
  await clock.advance(1_500);
  const meanwhile = await registry.metrics();
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: issued() } });
  await waiting;
  const text = await registry.metrics();

  expect(meanwhile).not.toContain("kiam_metadata_responses_total{");
  expect(meanwhile).not.toContain("kiam_metadata_handler_latency_seconds_count{");
  expect(text).toContain('kiam_metadata_handler_latency_seconds_sum{handler="credentials"} 1.5');
  expect(text).toContain("kiam_metadata_local_seconds_count 0");
});
