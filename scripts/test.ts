/** `bun run test`: installs what is missing, then every check and test there is; its last line is `N passed, N failed`. */
import { addResults, closingLine, countResults, type Results, succeeded } from "./test-results.ts";

const bun = process.execPath;
const minuteMs = 60_000;

/** One after another: the end-to-end files each bring up a cluster, on a machine of perhaps two cores. */
const steps: readonly { readonly argv: readonly string[]; readonly tests?: string }[] = [
  { argv: [bun, "run", "check"] },
  { argv: [bun, "run", "build"] },
  { argv: [bun, "test", "--timeout=30000", "./tests/integration"], tests: "tests/integration" },
  { argv: [bun, "test", "--timeout=120000", "./tests/e2e"], tests: "tests/e2e" },
];

async function run(argv: readonly string[]): Promise<Results> {
  console.log(`\n$ ${argv.map((word) => (word === bun ? "bun" : word)).join(" ")}`);
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 40 * minuteMs });
  const [out, err, exitCode] = await Promise.all([
    passOn(child.stdout, process.stdout),
    passOn(child.stderr, process.stderr),
    child.exited,
  ]);
  return countResults(`${out}\n${err}`, exitCode);
}

async function passOn(stream: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<string> {
  const decoder = new TextDecoder();
  let seen = "";
  for await (const chunk of stream) {
    to.write(chunk);
    seen += decoder.decode(chunk, { stream: true });
  }
  return seen;
}

const hasTests = (folder: string) => !new Bun.Glob(`${folder}/**/*.test.ts`).scanSync(".").next().done;

const results = [await run(["sh", "scripts/setup.sh", "--tests"])];
if (addResults(results).failed === 0) {
  for (const { argv, tests } of steps) {
    if (tests === undefined || hasTests(tests)) {
      results.push(await run(argv));
    }
  }
}
const all = addResults(results);
console.log(`\n${closingLine(all)}`);
process.exit(succeeded(all) ? 0 : 1);
