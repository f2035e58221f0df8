import { describe, expect, test } from "bun:test";
import type { IssueFailure, IssueResult } from "../../../../src/domain/issue.ts";
import { createPace } from "../../../../src/server/issuance/pace.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const failed = (kind: IssueFailure["kind"]): IssueResult => ({
  kind: "failed",
  failure: { kind, code: kind, message: "" },
});
const good: IssueResult = {
  kind: "issued",
  credentials: { accessKeyId: "", secretAccessKey: "", sessionToken: "", issuedAtMs: 0, expiresAtMs: 1 },
};

/** After these answers, each to a question asked after the answer before. */
function after(...results: readonly IssueResult[]) {
  const clock = createFakeClock();
  const pace = createPace({ clock, random: () => 1, width: 8 });
  for (const result of results) {
    pace.heard(result, pace.epoch);
  }
  const allowed = () => [pace.allowed("request"), pace.allowed("background")];
  return { clock, pace, allowed };
}

const times = (count: number, result: IssueResult) => Array.from({ length: count }, () => result);

describe("how many calls may be up, for requests and in the background", () => {
  test.each<[string, readonly IssueResult[], readonly number[]]>([
    ["at first", [], [8, 8]],
    ["after good answers", times(9, good), [8, 8]],
    ["after refusals, which are answers", times(9, failed("refused")), [8, 8]],
    ["after one throttled call", [failed("throttled")], [8, 0]],
    ["after three", times(3, failed("throttled")), [0, 0]],
    ["with own credentials that are no good", times(3, failed("own-credentials")), [0, 0]],
    ["after two calls without answer, which may be one identity's fault", times(2, failed("unavailable")), [8, 8]],
    ["after many: requests are tried all the same", times(9, failed("unavailable")), [8, 0]],
    ["after a good answer", [...times(9, failed("throttled")), good], [8, 2]],
    ["after a refusal", [...times(9, failed("throttled")), failed("refused")], [8, 2]],
    ["after three good answers: half of what was too many", [failed("throttled"), ...times(3, good)], [8, 4]],
    ["after some more, one for five times as many as are up", [failed("throttled"), ...times(3 + 23, good)], [8, 5]],
    ["after many", [failed("throttled"), ...times(150, good)], [8, 8]],
    ["after trouble that comes back", [failed("throttled"), good, failed("throttled"), good], [8, 1]],
  ])("%s", (_, results, expected) => {
    expect(after(...results).allowed()).toEqual([...expected]);
  });
});

test.each([
  [1, 1],
  [2, 2],
  [3, 4],
  [4, 8],
  [5, 16],
  [60, 16],
])("the pause after %p troubles in a row is %p s, then one call is a try", async (count, seconds) => {
  const { clock, pace } = after(...times(count, failed("throttled")));

  await clock.advance(seconds * 1000 - 1);
  expect(pace.allowed("background")).toBe(0);
  await clock.advance(1);
  expect(pace.allowed("background")).toBe(1);
});

test("calls that were up together count as one trouble, and a good answer among them changes nothing", () => {
  const { pace, allowed } = after();
  const epoch = pace.epoch;

  for (const result of [...times(8, failed("throttled")), good]) {
    pace.heard(result, epoch);
  }

  expect(allowed()).toEqual([8, 0]);
});

test("tells what the trouble is, until it is over", () => {
  const { pace } = after(failed("throttled"), failed("own-credentials"));

  expect(pace.trouble?.kind).toBe("own-credentials");
  pace.heard(good, pace.epoch);
  expect(pace.trouble).toBeUndefined();
});

test("while the server's own credentials are no good requests pause a second at most, and the background as ever", async () => {
  const { clock, allowed } = after(...times(60, failed("own-credentials")));

  await clock.advance(999);
  expect(allowed()).toEqual([0, 0]);
  await clock.advance(1);
  expect(allowed()).toEqual([1, 0]);
  await clock.advance(15_000);
  expect(allowed()).toEqual([1, 1]);
});
