import type { CommandIo } from "../../src/cli/io.ts";
import { createFakeClock, type FakeClock } from "./clock.ts";

export interface FakeCommandIo extends CommandIo {
  readonly clock: FakeClock;
  /** What was written so far. */
  readonly written: { stdout: string; stderr: string };
}

/** A command's outside world that keeps what is written, and runs no program. */
export function createFakeCommandIo(
  env: CommandIo["env"] = {},
  signal: AbortSignal = new AbortController().signal,
): FakeCommandIo {
  const written = { stdout: "", stderr: "" };
  return {
    written,
    stdout(text) {
      written.stdout += text;
    },
    stderr(text) {
      written.stderr += text;
    },
    env,
    clock: createFakeClock(),
    random: () => 0.5,
    runCommand: () => Promise.reject(new Error("no program is run here")),
    hostName: "test-host",
    build: { version: "1.2.3", commit: "0123abc", bun: "1.0.0" },
    signal,
  };
}
