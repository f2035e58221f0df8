import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runPermitted } from "../../../src/cli/permitted.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

async function run(text: string) {
  const directory = await mkdtemp(join(tmpdir(), "kiam-permitted-"));
  const file = join(directory, "cluster.json");
  await writeFile(file, text);
  const io = createFakeCommandIo();
  const exitCode = await runPermitted(
    { file, roleBaseArn: "arn:aws:iam::123456789012:role/", disableStrictNamespaceRegexp: false },
    io,
  );
  await rm(directory, { recursive: true });
  return { exitCode, stdout: io.written.stdout, stderr: io.written.stderr.replace(file, "FILE") };
}

const namespace = (name: string, permitted: string) => ({
  kind: "Namespace",
  metadata: { name, annotations: { "iam.amazonaws.com/permitted": permitted } },
});
const pod = (name: string, role: string) => ({
  kind: "Pod",
  metadata: { name: "p", namespace: name, annotations: { "iam.amazonaws.com/role": role } },
});
const list = (...items: readonly unknown[]) => JSON.stringify({ items });

test("nothing that changes is nothing to print", async () => {
  expect(await run(list(namespace("team", ".*"), pod("team", "reader")))).toEqual({
    exitCode: 0,
    stdout: "",
    stderr:
      "kiam permitted: of 1 roles that pods have in namespaces with a pattern, 0 are judged differently; 0 patterns have no pod to be tried on\n",
  });
});

test("what changes is a line each, then what could not be tried, with nothing that a terminal obeys", async () => {
  const text = list(namespace("team", "read\u001b[2J\t.*"), namespace("quiet", "x"), namespace("old", "reader"));
  const withPods = text.replace(/\]}$/, `,${JSON.stringify(pod("old", "reader"))}]}`);

  const { exitCode, stdout } = await run(withPods);

  expect(exitCode).toBe(1);
  expect(stdout.split("\n")).toEqual([
    "NAMESPACE\tPATTERN\tROLE\tV3\tV4\tNOW",
    "old\treader\treader\tallows\tdenies\tdenies",
    "team\tread\\u{1b}[2J\\u{9}.*\t(no pod)\t?\t?\t?",
    "quiet\tx\t(no pod)\t?\t?\t?",
    "",
  ]);
});

test("a file that is no list is refused in one line", async () => {
  expect(await run("nothing")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "kiam permitted: FILE is not what kubectl prints with -o json\n",
  });
});
