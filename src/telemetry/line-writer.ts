import type { Clock } from "../runtime/clock.ts";

/** Writes the beginning of `bytes` and says how much of it; rejects with the system's error. */
export type WriteSome = (bytes: Uint8Array) => Promise<number>;

export interface LineWriter {
  /** Takes whole lines; returns at once. */
  write(text: string): void;
  /** Resolves when all that was taken is written or given up. */
  flush(): Promise<void>;
}

export interface LineWriterOptions {
  readonly writeSome: WriteSome;
  readonly clock: Pick<Clock, "after">;
  /** How much may wait for a reader that has stalled; lines beyond it are dropped. */
  readonly mostWaitingCharacters: number;
}

/** A descriptor that others made non-blocking refuses while its pipe is full. */
const pauseWhenFullMs = 20;

/**
 * Writes lines in order and in large pieces, without ever making the caller wait. What doesn't fit is dropped and counted, and
 * the count is written once there is room: a stopped log must not stop the service. Bun's own process.stderr loses what is
 * past 64 KiB at exit, and has no bound.
 */
export function createLineWriter({ writeSome, clock, mostWaitingCharacters }: LineWriterOptions): LineWriter {
  let waiting = "";
  let dropped = 0;
  let isGone = false;
  let working: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting !== "" && !isGone) {
      const lost = dropped === 0 ? "" : `${dropped} log lines were dropped because nobody read them\n`;
      const bytes = new TextEncoder().encode(waiting + lost);
      waiting = "";
      dropped = 0;
      await writeWhole(bytes);
    }
    working = undefined;
  }

  async function writeWhole(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(await writeSome(rest));
      } catch (error) {
        if (!isFull(error)) {
          isGone = true; // Closed: nobody will ever read again.
          return;
        }
        await new Promise<void>((resolve) => clock.after(pauseWhenFullMs, resolve));
      }
    }
  }

  return {
    write(text) {
      if (isGone) {
        return;
      }
      if (waiting.length + text.length > mostWaitingCharacters) {
        dropped += 1;
        return;
      }
      waiting += text;
      working ??= drain();
    },
    async flush() {
      await working;
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
