/**
 * `bun bench/run.ts [piece…]`: runs the pieces named, or all, and writes their tables into PERFORMANCE.md, each in its place.
 * Needs what the end-to-end tests need, root included, and `bun run build` before it.
 */
import { cpus } from "node:os";
import { address } from "./pieces/address.ts";
import { answers } from "./pieces/answers.ts";
import { drain } from "./pieces/drain.ts";
import { herd } from "./pieces/herd.ts";
import { image } from "./pieces/image.ts";
import { fiftyThousandPods, tenThousandPods } from "./pieces/pods.ts";
import { refresh } from "./pieces/refresh.ts";
import { rotation } from "./pieces/rotation.ts";
import { soak } from "./pieces/soak.ts";
import { start } from "./pieces/start.ts";
import { streams } from "./pieces/streams.ts";
import { stsCalls } from "./pieces/sts-calls.ts";
import { withdrawal } from "./pieces/withdrawal.ts";
import { type Piece, toMarkdown } from "./table.ts";

const heading = `# Performance

Made by \`bun bench/run.ts\`. Machines are shared and noisy: ratios beside a reference of the same run say more than absolute
figures.
`;

const pieces: readonly Piece[] = [
  answers,
  address,
  image,
  tenThousandPods,
  fiftyThousandPods,
  refresh,
  rotation,
  soak,
  start,
  stsCalls,
  streams,
  herd,
  drain,
  withdrawal,
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !pieces.some((piece) => piece.name === name));
if (unknown.length > 0) {
  console.error(`no piece is called ${unknown.join(", ")}; there are ${pieces.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const file = Bun.file(new URL("../PERFORMANCE.md", import.meta.url));
const machine = `${cpus().length} cores ${cpus()[0]?.model.trim() ?? ""}, Bun ${Bun.version}`;
const commit = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"]).stdout.toString().trim();
const sections = new Map(sectionsOf((await file.exists()) ? await file.text() : ""));

for (const piece of pieces.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const table = await piece.run();
  const text = toMarkdown(table);
  console.log(text);
  sections.set(table.title, `${text}\nMeasured at commit ${commit} on ${machine}.\n`);
  await file.write(`${heading}\n${[...sections.values()].join("\n")}`);
}

function sectionsOf(text: string): [title: string, section: string][] {
  return text
    .split(/^(?=## )/m)
    .filter((section) => section.startsWith("## "))
    .map((section) => [section.slice(3, section.indexOf("\n")), `${section.trimEnd()}\n`]);
}
