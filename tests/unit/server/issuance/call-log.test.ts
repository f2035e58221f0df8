import { expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { identityOf } from "../../../fakes/sts.ts";
import { metricOf } from "../../../fixtures/metrics.ts";
import { createServerStores } from "../../../fixtures/server-stores.ts";

const role = "arn:aws:iam::123456789012:role/reader";

test("credentials that STS gives are a line with the Go release's keys, and without a secret", async () => {
  const { issuance, sts, logger } = createServerStores();
  sts.onCall((call) => call.issue());

  await issuance.get({ ...identityOf("reader"), externalId: "an-external-id" }, "team", neverAborted());

  expect(logger.lines).toEqual([
    {
      level: "info",
      message: "requested new credentials",
      fields: {
        "credentials.role": role,
        "credentials.session-name": "kiam-kiam",
        "credentials.access.key": expect.stringMatching(/^ASIA-/),
        "credentials.expiration": "2026-01-01T01:00:00Z",
      },
    },
  ] as never);
});

test("what STS does not give is an error in the Go release's words", async () => {
  const { issuance, sts, logger } = createServerStores();
  sts.onCall((call) => call.fail("refused", "AccessDenied"));

  await issuance.get(identityOf("reader"), "team", neverAborted());

  expect(logger.lines).toEqual([
    {
      level: "error",
      message: "error requesting credentials: AccessDenied: AccessDenied, said STS",
      fields: { "pod.iam.roleArn": role, "credentials.role": role, "credentials.session-name": "kiam-kiam" },
    },
  ]);
});

test("calls of STS are counted when they end, and as current while they last", async () => {
  const { issuance, sts, registry, clock } = createServerStores();
  const counts = async () => [
    await metricOf(registry, "kiam_sts_assumerole_current"),
    await timed(),
    await metricOf(registry, "kiam_sts_issuing_errors_total"),
    await metricOf(registry, "kiam_sts_cacheSize"),
    await metricOf(registry, "kiam_sts_cache_miss_total"),
    await metricOf(registry, "kiam_sts_cache_hit_total"),
  ];
  const timed = async () => {
    const { values = [] } = (await registry.getSingleMetric("kiam_sts_assumerole_timing_seconds")?.get()) ?? {};
    return values.find((line) => "metricName" in line && line.metricName === "kiam_sts_assumerole_timing_seconds_sum")
      ?.value;
  };
  const states = [await counts()];

  const [reader, writer] = [
    issuance.get(identityOf("reader"), "team", neverAborted()),
    issuance.get(identityOf("writer"), "team", neverAborted()),
  ];
  await settle();
  await clock.advance(2_000);
  states.push(await counts());
  sts.calls[0]?.issue();
  await reader;
  states.push(await counts());
  sts.calls[1]?.fail("unavailable");
  await writer;
  states.push(await counts());
  await issuance.get(identityOf("reader"), "team", neverAborted());
  states.push(await counts());

  expect(states).toEqual([
    [0, 0, 0, 0, 0, 0],
    [2, 0, 0, 0, 2, 0],
    [1, 2, 0, 1, 2, 0],
    [0, 4, 1, 1, 2, 0],
    [0, 4, 1, 1, 2, 1],
  ]);
});
