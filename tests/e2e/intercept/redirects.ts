import { expect } from "bun:test";
import { guardRedirects } from "../../../src/agent/intercept/guard.ts";
import { parseInterfacePattern } from "../../../src/agent/intercept/interface.ts";
import { installRedirect, type Redirect, type RedirectOptions } from "../../../src/agent/intercept/redirect.ts";
import type { Fate } from "../../../src/agent/intercept/rules.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { type RunCommand, runCommand } from "../../../src/runtime/command.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { inNamespace } from "../lab/command.ts";
import type { Netns } from "../lab/netns.ts";
import { searchPath } from "../lab/tools.ts";
import type { Side } from "./side.ts";

export interface Wanted {
  readonly pods?: string;
  readonly port?: number;
  readonly fate?: Fate["kind"];
  readonly atExit?: RedirectOptions["atExit"];
  /** The programs' environment, besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Installs, with the programs of a node's namespace, what an agent there would. */
export function install(node: Netns, { family, host }: Side, wanted: Wanted = {}): Promise<Redirect> {
  const { pods = "cali+", port = 3100, fate = "redirect", atExit = "remove", env } = wanted;
  const pattern = parseInterfacePattern(pods);
  if (pattern === undefined) {
    throw new Error(`${pods} is no interface`);
  }
  const run: RunCommand = (argv, options, signal) =>
    runCommand(inNamespace(node.name, argv), { ...options, env: { PATH: searchPath, ...env } }, signal);
  const deps = {
    run,
    readText: (path: string) => node.must(["cat", path]),
    clock: createFakeClock(),
    logger: createRecordingLogger(),
  };
  const fates = { redirect: { kind: "redirect", host, port }, reject: { kind: "reject" } } as const;
  return installRedirect({ family, pods: pattern, fate: fates[fate], atExit }, deps, neverAborted());
}

export interface Guard extends AsyncDisposable {
  /** Resolves when it has found it broken and repaired it, which it has begun within 5 s of its own clock. */
  repaired(): Promise<void>;
}

export function startGuard(redirect: Redirect): Guard {
  const clock = createFakeClock();
  const stop = new AbortController();
  const repair = Promise.withResolvers<void>();
  const repairs = { inc: () => repair.resolve() };
  const logger = createRecordingLogger();
  const ended = guardRedirects({ redirects: [redirect], clock, logger, repairs, podsWithRoles: () => 0 })(stop.signal);
  ended.catch(() => {});
  return {
    async repaired() {
      await clock.advance(5_000);
      await repair.promise;
      expect(logger.lines).toHaveLength(1);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("stopped"));
      await expect(ended).rejects.toThrow("stopped");
    },
  };
}
