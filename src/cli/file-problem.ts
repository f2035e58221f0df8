import { accessSync, constants, statSync } from "node:fs";

/** What is wrong with the file at a path, as the end of a sentence; `undefined` for one that can be read. Opens nothing. */
export function fileProblem(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) {
      return "is a directory";
    }
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return problems[codeOf(error)] ?? `can't be read (${codeOf(error)})`;
  }
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  EACCES: "may not be read",
};

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
