import type { Clock } from "../runtime/clock.ts";
import { createListeners, type Listeners } from "../runtime/listeners.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";
import { readTlsMaterial, type TlsFiles, type TlsMaterial } from "../tls/material.ts";
import { describeTlsProblem, stopsStart, type TlsUsage } from "../tls/problem.ts";
import { watchTlsMaterial } from "../tls/reload.ts";
import type { TlsMetrics } from "./tls-metrics.ts";

/** The files of mutual TLS as they are now. */
export interface TlsSource {
  /** `undefined` while there is nothing usable. */
  readonly current: TlsMaterial | undefined;
  /** Told of new material once it is current. A listener that throws keeps the former in use, and is asked again. */
  readonly changes: Pick<Listeners<TlsMaterial>, "add">;
  /** Reads the files again and again. */
  readonly watch: Task;
}

export type TlsStart =
  | { readonly kind: "source"; readonly tls: TlsSource }
  /** One line: the files are absent, no such files, or don't belong together. */
  | { readonly kind: "problem"; readonly problem: string };

export interface TlsStartDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: TlsMetrics;
}

/** Reads the files once, and answers what watches them from then on. Material that is no good yet is logged and waited for. */
export async function startTls(files: TlsFiles, usage: TlsUsage, deps: TlsStartDeps): Promise<TlsStart> {
  const { clock, logger, metrics } = deps;
  const read = (from: TlsFiles, nowMs: number) => readTlsMaterial(from, nowMs, usage);
  const first = await read(files, clock.now());
  const initialProblem = first.kind === "unusable" ? first.problem : undefined;
  if (initialProblem !== undefined && stopsStart(initialProblem)) {
    return { kind: "problem", problem: describeTlsProblem(initialProblem) };
  }
  let current = first.kind === "ok" ? first.material : undefined;
  const listeners = createListeners<TlsMaterial>();
  if (initialProblem !== undefined) {
    logger.error(`no TLS yet: ${describeTlsProblem(initialProblem)}`);
  }
  metrics.filesAre(initialProblem);
  metrics.expires(current?.expiresAtMs);

  function use(material: TlsMaterial): void {
    const before = current;
    current = material;
    try {
      listeners.tell(material);
    } catch (error) {
      current = before;
      throw error;
    }
  }

  const watch = watchTlsMaterial({
    files,
    clock,
    read,
    initial: current,
    initialProblem,
    onChange(material) {
      use(material);
      metrics.expires(material.expiresAtMs);
      logger.info("TLS files changed and are in use", { expires: new Date(material.expiresAtMs).toISOString() });
    },
    onProblem(problem) {
      metrics.filesAre(problem);
      logger.error(describeTlsProblem(problem));
    },
    onSound: () => metrics.filesAre(undefined),
  });
  const tls: TlsSource = {
    get current() {
      return current;
    },
    changes: listeners,
    watch,
  };
  return { kind: "source", tls };
}
