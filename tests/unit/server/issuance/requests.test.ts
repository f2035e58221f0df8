import { expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { identityOf, keyNames } from "../../../fakes/sts.ts";
import { codeOf, dueMs, issuedOf, reader, setUp, writer } from "./set-up.ts";

const never = neverAborted();

test("a caller that gives up does not fail the one that waits", async () => {
  const { get, sts } = setUp();
  const impatient = new AbortController();

  const abandoned = get(reader, impatient.signal);
  const patient = get(reader, never);
  impatient.abort(new Error("pod gone"));
  const issued = sts.calls[0]?.issue();

  await expect(abandoned).rejects.toThrow("pod gone");
  expect(issuedOf(await patient)).toBe(issued);
  expect(sts.calls.length).toBe(1);
});

test("when all callers have left the call goes on, and the next one finds what it brought", async () => {
  const { get, sts, peekAt } = setUp();
  const impatient = new AbortController();

  const abandoned = [get(reader, impatient.signal), get(reader, impatient.signal)];
  impatient.abort(new Error("pod gone"));
  await Promise.allSettled(abandoned);
  const issued = sts.calls[0]?.issue();
  await settle();

  expect(sts.calls[0]?.signal.aborted).toBe(false);
  expect(issuedOf(peekAt(reader))).toBe(issued);
  expect(issuedOf(await get(reader, never))).toBe(issued);
  expect(sts.calls.length).toBe(1);
});

test("a hundred callers cost one call", async () => {
  const { get, sts, metric } = setUp();

  const answers = Array.from({ length: 100 }, () => get(reader, never));
  expect(await metric("kiam_sts_assumerole_current")).toBe(1);
  const issued = sts.calls[0]?.issue();

  expect(new Set((await Promise.all(answers)).map(issuedOf))).toEqual(new Set([issued]));
  expect(sts.calls.length).toBe(1);
  expect(await metric("kiam_sts_cache_miss_total")).toBe(100);
  expect(await metric("kiam_sts_assumerole_current")).toBe(0);
});

test("a caller that has left already asks for nothing", async () => {
  const { get, sts } = setUp();

  await expect(get(reader, AbortSignal.abort(new Error("pod gone")))).rejects.toThrow("pod gone");
  expect(sts.calls.length).toBe(0);
});

test("what is held is answered at once and costs no call", async () => {
  const { get, sts, metric } = setUp();
  sts.onCall((call) => call.issue());
  await get(reader, never);

  const again = await get(reader, never);

  expect(again.kind).toBe("issued");
  expect(sts.calls.length).toBe(1);
  expect([await metric("kiam_sts_cache_hit_total"), await metric("kiam_sts_cacheSize")]).toEqual([1, 1]);
});

test("identities that differ only in session name or external id do not share credentials", async () => {
  const { get, sts } = setUp();
  sts.onCall((call) => call.issue());
  const identities = [reader, { ...reader, sessionName: "kiam-b" }, { ...reader, externalId: "tenant-7" }, writer];

  const answers = await Promise.all(identities.map((identity) => get(identity, never)));

  for (const [index, identity] of identities.entries()) {
    const credentials = issuedOf(answers[index]);
    expect(identities.filter((one) => credentials && keyNames(credentials, one))).toEqual([identity]);
  }
});

test("a call that STS never answers ends after 20 s and makes room", async () => {
  const { get, sts, clock } = setUp({ fetchers: 1 });

  const stuck = get(reader, never);
  const next = get(writer, never);
  await clock.advance(20_000);
  sts.calls[1]?.issue();

  expect(codeOf(await stuck)).toBe("Timeout");
  expect((await next).kind).toBe("issued");
  expect(sts.calls[0]?.signal.aborted).toBe(true);
});

test("an adapter that does not even listen to its signal makes room all the same", async () => {
  const { get, clock } = setUp({ assumeRole: () => Promise.withResolvers<never>().promise });

  const stuck = get(reader, never);
  await clock.advance(20_000);

  expect(codeOf(await stuck)).toBe("Timeout");
});

test("an adapter that throws is a failure, and its text, which may quote a request, is not passed on", async () => {
  const { get, sts, logger } = setUp();
  sts.onCall((call) => call.breakWith(new TypeError("x-amz-security-token: IQoSECRET")));

  const answer = await get(reader, never);

  expect(answer).toEqual({
    kind: "failed",
    failure: { kind: "unavailable", code: "Unexpected", message: "asking STS threw TypeError" },
  });
  expect(JSON.stringify(logger.lines)).not.toContain("IQoSECRET");
});

test("no more calls are up for requests than there are fetchers, and namespaces take turns", async () => {
  const { get, sts } = setUp({ fetchers: 2 });
  const many = ["a", "b", "c", "d"].map((sessionName) => ({ ...reader, sessionName }));

  const answers = [...many.map((identity) => get(identity, never)), get(writer, never, "another")];
  await settle();
  expect(sts.up).toBe(2);
  sts.onCall((call) => call.issue());
  sts.calls[0]?.issue();
  sts.calls[1]?.issue();
  await Promise.all(answers);

  expect(sts.calls.map((call) => call.identity)).toEqual(many.toSpliced(3, 0, writer));
  expect(sts.mostUp).toBe(2);
});

test("of identities that nobody wants only the ten thousand asked for last are kept", async () => {
  const { get, want, sts, metric, peekAt } = setUp();
  sts.onCall((call) => call.issue());
  const nth = (index: number) => ({ ...reader, sessionName: `kiam-${index}` });
  await get(writer, never);
  want(writer, "default");

  for (let index = 0; index < 10_001; index += 1) {
    await get(nth(index), never);
    await get(nth(0), never);
  }

  expect(await metric("kiam_sts_cacheSize")).toBe(10_001);
  expect([writer, nth(0), nth(1), nth(2)].map((identity) => peekAt(identity)?.kind)).toEqual([
    "issued",
    "issued",
    undefined,
    "issued",
  ]);
});

test("what is logged of credentials is their key's id, their role and their end", async () => {
  const { get, sts, logger } = setUp();
  sts.onCall((call) => call.issue());

  await get({ ...identityOf("reader"), externalId: "tenant-7" }, never);

  expect(logger.lines[0]?.fields?.["credentials.expiration"]).toBe("2026-01-01T01:00:00Z");
  expect(logger.lines[0]?.fields?.["credentials.role"]).toBe(reader.role);
  expect(JSON.stringify(logger.lines)).not.toMatch(/secret-|token-|tenant-7/);
});

test("a listener that throws keeps nothing from anybody", async () => {
  const { get, sts, changes, logger } = setUp();
  sts.onCall((call) => call.issue());
  changes.add(() => {
    throw new Error("mailbox broken");
  });

  expect((await get(reader, never)).kind).toBe("issued");
  expect(logger.lines.at(-1)?.message).toBe("telling of new credentials failed: mailbox broken");
});

test("requests are served without the background", async () => {
  const { get, sts, start, clock } = setUp();
  sts.onCall((call) => call.issue());
  {
    await using _running = start();
    await clock.advance(dueMs);
  }

  expect((await get(reader, never)).kind).toBe("issued");
});
