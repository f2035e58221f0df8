import { readFile } from "node:fs/promises";

const kib = (status: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);

export interface Memory {
  readonly residentMib: number;
  readonly peakMib: number;
}

/** Of the program that runs under a lab's process: `ip netns exec` replaces itself by it. */
export async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return { residentMib: kib(status, "VmRSS") / 1024, peakMib: kib(status, "VmHWM") / 1024 };
}
