import { expect, test } from "bun:test";
import { createAccessLog } from "../../../../src/agent/metadata/access-log.ts";
import { jsonAnswer, textAnswer } from "../../../../src/agent/metadata/answer.ts";
import { refuse } from "../../../../src/agent/metadata/refusal.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued } from "../../../fakes/node-pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

const roles = "/latest/meta-data/iam/security-credentials";

function setUp() {
  const clock = createFakeClock();
  const log = createRecordingLogger("debug");
  return { clock, log, access: createAccessLog({ log, clock }) };
}

test("a request that is answered is a line at debug, with the Go release's keys and without its query", () => {
  const { access, log } = setUp();

  access.answered(aRequest(`${roles}/?ip=10.0.0.9`), "roleName", textAnswer("reader"), 0.000_1234);

  expect(log.lines).toEqual([
    {
      level: "debug",
      message: "processed request",
      fields: { addr: "10.0.0.1", method: "GET", path: `${roles}/`, status: 200, duration: 0.123 },
    },
  ] as never);
});

test("one that is refused is an error that says why, once a minute for each pod, handler and status", async () => {
  const { access, log, clock } = setUp();
  const denied = refuse({ kind: "denied", explanation: "requested 'a' but annotated with 'b', forbidden" });
  const errors = () => log.lines.filter(({ level }) => level === "error");

  for (let time = 0; time < 10; time += 1) {
    access.answered(aRequest(`${roles}/a${time}`), "credentials", denied, 0.001);
  }
  access.answered(aRequest(`${roles}/a`), "credentials", refuse({ kind: "pod-unknown" }), 0.8);
  access.answered(aRequest(`${roles}/a`, { client: "10.0.0.2" }), "credentials", denied, 0.001);
  const atOnce = [...errors()];
  await clock.advance(60_000);
  access.answered(aRequest(`${roles}/a`), "credentials", denied, 0.001);

  expect(atOnce.map(({ message, fields }) => `${fields?.["addr"]} ${fields?.["status"]} ${message}`)).toEqual([
    "10.0.0.1 403 error processing request: requested 'a' but annotated with 'b', forbidden",
    "10.0.0.1 503 error processing request: no pod is known at this address",
    "10.0.0.2 403 error processing request: requested 'a' but annotated with 'b', forbidden",
  ]);
  expect([errors().length, log.lines.length]).toEqual([4, 13]);
});

test.each([
  ["i-0: not reachable", "i-0: not reachable"],
  ["null", "null"],
  ["{}", "{}"],
])("an answer that is no refusal's JSON is told as it is", (body, told) => {
  const { access, log } = setUp();

  access.answered(aRequest("/health"), "health", jsonAnswer(500, body), 0.001);

  expect(log.lines[0]?.message).toBe(`error processing request: ${told}`);
});

test("neither key nor token is in any line of a request for them", async () => {
  const log = createRecordingLogger("debug");
  const identity = issued();
  const { handle } = aMetadataService({ log }, aSnapshot([aNodePod()], [identity]));

  const headers = { tokenTtlSeconds: "60" };
  const token = await handle(aRequest("/latest/api/token", { method: "PUT", headers }));
  const answer = await handle(aRequest(`${roles}/reader`, { headers: { token: token.body } }));

  const { SecretAccessKey, Token } = JSON.parse(answer.body);
  const text = JSON.stringify(log.lines);
  expect(log.lines.map(({ message }) => message)).toEqual([
    "processed request",
    "credentials handed to pod",
    "processed request",
  ]);
  expect([SecretAccessKey, Token, token.body].filter((secret) => text.includes(secret))).toEqual([]);
});
