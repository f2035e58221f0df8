import { Registry } from "prom-client";
import { createAssumeRole } from "../../../src/aws/assume-role.ts";
import { createStsClient, givenKeys } from "../../../src/aws/sts-client.ts";
import { directly } from "../../../src/domain/egress.ts";
import type { AssumeRole } from "../../../src/domain/issue.ts";
import type { RoleIdentity } from "../../../src/domain/role-identity.ts";
import type { Clock } from "../../../src/runtime/clock.ts";
import { createIssuance, type Issuance } from "../../../src/server/issuance/issuance.ts";
import { createServerMetrics } from "../../../src/server/metrics.ts";
import { createFakeClock, type FakeClock, settle } from "../../fakes/clock.ts";
import { createRecordingLogger, type LogLine } from "../../fakes/recording-logger.ts";
import { askerFor, createStsFaultProxy, type StsFaultProxy } from "../../fakes/sts-faults/proxy.ts";
import { metricOf } from "../../fixtures/metrics.ts";

/**
 * Issuance over the real SDK and real HTTP, and time that the test moves: it stands still while a request is under way that
 * nobody holds back.
 */
export interface StsWorld extends Issuance, AsyncDisposable {
  readonly clock: FakeClock;
  readonly proxy: StsFaultProxy;
  readonly lines: readonly LogLine[];
  /** Calls up now, and the most that ever were. */
  readonly up: number;
  readonly mostUp: number;
  metric(name: string): Promise<number>;
}

export interface StsWorldOptions {
  /** In [0, 1). */
  readonly random: () => number;
  readonly sessionDurationSeconds?: number;
  readonly fetchers?: number;
  /** See `createStsFaultProxy`. */
  readonly lifetimePart?: number;
}

/** @param target the URL of a server of STS */
export async function createStsWorld(target: string, options: StsWorldOptions): Promise<StsWorld> {
  const up: RoleIdentity[] = [];
  let mostUp = 0;
  await using resources = new AsyncDisposableStack();

  const isQuiet = () => sorted(up.map(askerFor)) === sorted(proxy.heldBack);
  async function quiet(): Promise<void> {
    await settle();
    while (!isQuiet()) {
      await Bun.sleep(1); // Sockets take their real time.
      await settle();
    }
  }
  const clock = createFakeClock(undefined, quiet);
  const proxy = resources.use(await createStsFaultProxy({ target, clock, lifetimePart: options.lifetimePart ?? 1 }));
  const logger = createRecordingLogger();
  const registry = new Registry();
  const { sessionDurationSeconds } = options;
  const assumeRole = realAssumeRole(proxy.url, clock, { sessionDurationSeconds, onWarn: (text) => logger.warn(text) });
  const issuance = createIssuance({
    async assumeRole(identity, signal) {
      up.push(identity);
      mostUp = Math.max(mostUp, up.length);
      return assumeRole(identity, signal).finally(() => up.splice(up.indexOf(identity), 1));
    },
    ...{ clock, logger, random: options.random, fetchers: options.fetchers ?? 8 },
    metrics: createServerMetrics(registry),
    refreshAheadMs: 25 * 60_000,
  });
  const stopping = new AbortController();
  const running = issuance.run(stopping.signal);
  resources.defer(async () => {
    stopping.abort(new Error("the test is over"));
    await running;
  });
  const undo = resources.move();

  return {
    ...issuance,
    ...{ clock, proxy, lines: logger.lines },
    get up() {
      return up.length;
    },
    get mostUp() {
      return mostUp;
    },
    metric: (name) => metricOf(registry, name),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

export interface AssumeRoleOptions {
  /** An hour where absent. */
  readonly sessionDurationSeconds?: number | undefined;
  readonly onWarn: (message: string) => void;
}

/** AssumeRole as a server asks it, of a URL of the loopback. */
export function realAssumeRole(
  url: string,
  clock: Clock,
  { sessionDurationSeconds = 3600, onWarn }: AssumeRoleOptions,
): AssumeRole {
  const credentials = givenKeys("AKIASERVER", "own");
  const sts = createStsClient({
    endpoint: { url, signingRegion: "us-east-1" },
    ...{ egress: directly, credentials, clock },
  });
  return createAssumeRole({ sts, sessionDurationSeconds, clock, onWarn });
}

const sorted = (names: readonly string[]): string => [...names].sort().join("\n");
