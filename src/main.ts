import { write } from "node:fs";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { buildInfo } from "./cli/build-info.ts";
import { dispatch } from "./cli/dispatch.ts";
import { describeFailure } from "./cli/failure.ts";
import { neverAborted } from "./runtime/abort.ts";
import { systemClock } from "./runtime/clock.ts";
import { runCommand } from "./runtime/command.ts";
import { createLineWriter, type LineWriter } from "./telemetry/line-writer.ts";

// First of all: as the first process of a container, one without handlers can't be stopped.
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
}
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, crash);
}

/** How much of the log may wait for a reader that has stalled. */
const mostWaitingLog = 1024 * 1024;

/** How long an exit waits for such a reader. */
const longestLogFlushMs = 2_000;

const stdout = descriptorWriter(1, Number.POSITIVE_INFINITY);
const stderr = descriptorWriter(2, mostWaitingLog);

const exitCode = await dispatch(process.argv.slice(2), {
  stdout: stdout.write,
  stderr: stderr.write,
  env: process.env,
  clock: systemClock,
  random: Math.random,
  runCommand,
  hostName: hostname(),
  build: buildInfo,
  signal: stopping.signal,
});
await stdout.flush();
await flushLog();
process.exit(exitCode);

function descriptorWriter(descriptor: number, mostWaitingCharacters: number): LineWriter {
  const writeBytes = promisify(write);
  return createLineWriter({
    writeSome: async (bytes) => (await writeBytes(descriptor, bytes, 0, bytes.length, null)).bytesWritten,
    clock: systemClock,
    mostWaitingCharacters,
  });
}

async function flushLog(): Promise<void> {
  await Promise.race([stderr.flush(), systemClock.sleep(longestLogFlushMs, neverAborted())]);
}

/** What nobody caught leaves the process in an unknown state. Bun's own report would print an error's every property, secrets included. */
async function crash(error: unknown): Promise<void> {
  stderr.write(`kiam: ${describeFailure(error)}\n`);
  await flushLog();
  process.exit(1);
}
