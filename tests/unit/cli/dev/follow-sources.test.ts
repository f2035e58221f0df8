import { expect, test } from "bun:test";
import { type FollowSourcesOptions, followSources } from "../../../../src/cli/dev/follow-sources.ts";
import type { Manifests } from "../../../../src/cli/dev/manifests.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

const objects = (name: string) => ({
  ...({ kind: "read", namespaces: [], leftOut: [] } as const),
  pods: [{ kind: "Pod", metadata: { name } }],
});

/** Follows sources that a test sets, from those with the pod "first"; `used` are the names of the pods taken into use. */
function following(onChange?: FollowSourcesOptions["onChange"]) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const stopping = new AbortController();
  const used: string[] = [];
  let manifests: Manifests = objects("first");
  const follow = followSources({
    sources: { read: async () => manifests },
    first: objects("first"),
    async onChange(changed) {
      used.push(JSON.stringify(changed.pods.map(({ metadata }) => metadata)));
      return (await onChange?.(changed)) ?? [];
    },
    ...{ clock, logger },
  });
  const running = follow(stopping.signal);
  return {
    used,
    lines: logger.lines,
    async read(next: Manifests) {
      manifests = next;
      await clock.advance(500);
    },
    stop() {
      stopping.abort(new Error("enough"));
      return running;
    },
  };
}

const names = (...all: readonly string[]) => all.map((name) => JSON.stringify([{ name }]));

test("what is the same is not used again", async () => {
  const sources = following();

  await sources.read(objects("first"));
  await sources.read(objects("first"));

  expect(sources.used).toEqual([]);
});

test("what has changed is used once", async () => {
  const sources = following();

  await sources.read(objects("second"));
  await sources.read(objects("second"));

  expect(sources.used).toEqual(names("second"));
});

test("a mistake is told once, and what was read before stays in use", async () => {
  const sources = following();

  await sources.read({ kind: "mistake", problem: "pods.yaml:3: odd" });
  await sources.read({ kind: "mistake", problem: "pods.yaml:3: odd" });
  await sources.read(objects("first"));

  expect(sources.lines).toEqual([{ level: "error", message: "pods.yaml:3: odd; what was read before stays in use" }]);
  expect(sources.used).toEqual([]);
});

test("another mistake, and the same one made again, are told too", async () => {
  const sources = following();

  await sources.read({ kind: "mistake", problem: "a" });
  await sources.read({ kind: "mistake", problem: "b" });
  await sources.read(objects("first"));
  await sources.read({ kind: "mistake", problem: "a" });

  expect(sources.lines.map(({ message }) => message[0])).toEqual(["a", "b", "a"]);
});

test("what can't be used whole is tried again, and said once", async () => {
  let problems: readonly string[] = ["port 3101 is taken"];
  const sources = following(async () => problems);

  await sources.read(objects("second"));
  await sources.read(objects("second"));
  problems = [];
  await sources.read(objects("second"));
  await sources.read(objects("second"));

  expect(sources.used).toEqual(names("second", "second", "second"));
  expect(sources.lines).toEqual([{ level: "error", message: "port 3101 is taken" }]);
});

test("what was in use before a part of its successor is used again", async () => {
  const sources = following(async ({ pods }) =>
    JSON.stringify(pods).includes("second") ? ["port 3101 is taken"] : [],
  );

  await sources.read(objects("second"));
  await sources.read(objects("first"));

  expect(sources.used).toEqual(names("second", "first"));
});

test("it ends with its signal", async () => {
  const sources = following();

  const ended = sources.stop();

  await expect(ended).rejects.toThrow("enough");
});
