import { startTls, type TlsSource, type TlsStartDeps } from "../../../src/cli/start-tls.ts";
import type { TlsFiles } from "../../../src/tls/material.ts";
import type { TlsUsage } from "../../../src/tls/problem.ts";

/** {@link startTls} of files that are there. */
export async function sourceOf(files: TlsFiles, usage: TlsUsage, deps: TlsStartDeps): Promise<TlsSource> {
  const started = await startTls(files, usage, deps);
  if (started.kind === "problem") {
    throw new Error(started.problem);
  }
  return started.tls;
}
