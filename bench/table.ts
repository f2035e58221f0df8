/** One table of PERFORMANCE.md. */
export interface Table {
  readonly title: string;
  /** The command that makes it. */
  readonly command: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What a reader has to know besides. */
  readonly notes?: string;
}

/** A measurement that can be run alone: `bun bench/run.ts <name>`. */
export interface Piece {
  readonly name: string;
  run(): Promise<Table>;
}

export function toMarkdown({ title, command, columns, rows, notes }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `## ${title}`,
    "",
    `\`${command}\``,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map(line),
    "",
    ...(notes === undefined ? [] : [notes, ""]),
  ].join("\n");
}

/** The middle value; of an even number the upper of the two. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The smallest value that at least that part of all does not exceed. @param part in [0, 1] */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export const round = (value: number, digits = 0): string => value.toFixed(digits);
