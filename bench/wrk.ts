import type { LabPod } from "../tests/e2e/lab/pod.ts";

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/** Asks from within a pod as fast as it is answered. Throws when a single answer was not 2xx. */
export async function load(pod: LabPod, url: string, connections: number, seconds: number): Promise<Load> {
  const { exitCode, stdout, stderr } = await pod.run([
    ...["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", url],
  ]);
  if (exitCode !== 0 || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`wrk ${url}: ${stdout}${stderr}`);
  }
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: latency(stdout, 50),
    p99Ms: latency(stdout, 99),
  };
}

function latency(output: string, percent: number): number {
  const [, value, unit = ""] = new RegExp(`\\s${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
  return Number(value) * (unitMs[unit] ?? Number.NaN);
}
