import type { Netns } from "./netns.ts";
import type { Identity } from "./pki.ts";
import type { LabProcess } from "./process.ts";
import { tools } from "./tools.ts";
import { waitFor } from "./wait.ts";

/** Flags without their dashes: true `--flag`, false `--no-flag`, a list repeats it, undefined leaves a default of the lab out. */
type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface KiamOptions {
  /** Laid over the lab's defaults. */
  readonly flags?: Flags;
  /** Added to the environment, which else has HOME and PATH, and the server's the keys of its own role. */
  readonly env?: Readonly<Record<string, string>>;
  /** Certificate, key and CA, where not the lab's default for this process. */
  readonly identity?: Identity;
  /** Starts it in another way than by its path in its namespace: from an image, or as systemd would. */
  readonly launch?: Launch;
}

/** @param words what follows `kiam` on its command line */
export type Launch = (
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
) => LabProcess | Promise<LabProcess>;

/** `kiam server` or `kiam agent`, as compiled, in a namespace of the lab. */
export interface KiamProcess extends LabProcess {
  /** The address that it listens on. */
  readonly address: string;
  /** Resolves when /readyz says 200; throws when the process exits first, or after `timeoutMs` (20 s). */
  ready(timeoutMs?: number): Promise<void>;
  /** A path of its telemetry listener: `/metrics`, `/healthz`, `/readyz`. */
  telemetry(path: string): Promise<Response>;
  /** The sum of a metric over its label sets that have all of `labels`; 0 where there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

const telemetryPort = 9620;

export interface KiamStart {
  readonly command: "server" | "agent";
  readonly netns: Netns;
  readonly address: string;
  readonly defaults: Flags;
  readonly environment: Readonly<Record<string, string>>;
  readonly identity: Identity;
  readonly options: KiamOptions;
}

export async function startKiam({
  command,
  netns,
  address,
  defaults,
  environment,
  identity,
  options,
}: KiamStart): Promise<KiamProcess> {
  const { cert, key, ca } = options.identity ?? identity;
  const flags: Flags = {
    cert,
    key,
    ca,
    "prometheus-listen-addr": `${address}:${telemetryPort}`,
    "json-log": true,
    level: "debug",
    ...defaults,
    ...options.flags,
  };
  const { launch = (name, words, env) => netns.start(name, [tools.kiam(), ...words], { env }) } = options;
  const words = [command, ...toArguments(flags)];
  const process = await launch(`kiam ${command} ${address}`, words, { ...environment, ...options.env });
  const telemetry = (path: string) => netns.fetch(`http://${address}:${telemetryPort}${path}`);

  return {
    ...process,
    address,
    telemetry,
    async ready(timeoutMs) {
      const isReady = async () => (await telemetry("/readyz")).status === 200 || undefined;
      const exited = process.exited.then((code) => {
        throw new Error(`${process.name}: exit ${code} before it was ready\n${process.output().slice(-4000)}`);
      });
      await Promise.race([waitFor(`${process.name} to be ready`, isReady, timeoutMs), exited]);
    },
    async metric(name, labels = {}) {
      return sumOf(await (await telemetry("/metrics")).text(), name, labels);
    },
  };
}

function toArguments(flags: Flags): readonly string[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined) {
      return [];
    }
    if (typeof value === "boolean") {
      return [value ? `--${name}` : `--no-${name}`];
    }
    return [value].flat().map((each) => `--${name}=${each}`);
  });
}

function sumOf(exposition: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return exposition
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((pair) => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
