export interface BuildInfo {
  readonly version: string;
  /** The commit's full hash, with `-dirty` for a tree that had changes, or `unknown`. */
  readonly commit: string;
  /** Bun's version. */
  readonly bun: string;
}

declare const KIAM_VERSION: string | undefined;
declare const KIAM_COMMIT: string | undefined;

/** What scripts/build.ts wrote into the executable; `dev` and `unknown` where the sources run as they are. */
export const buildInfo: BuildInfo = {
  version: typeof KIAM_VERSION === "string" ? KIAM_VERSION : "dev",
  commit: typeof KIAM_COMMIT === "string" ? KIAM_COMMIT : "unknown",
  bun: Bun.version,
};
