/** `bun scripts/notices.ts FILE`: writes the licences of all that the executable carries. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { productionPackages } from "./notices/packages.ts";
import { renderNotices } from "./notices/render.ts";

const root = resolve(import.meta.dir, "..");
const text = (name: string) => readFileSync(join(import.meta.dir, "notices", name), "utf8").trim();

/** The notices of this tree's executable, compiled by this Bun. */
export function notices(): string {
  const apache = readFileSync(join(root, "LICENSE"), "utf8").trim();
  return renderNotices(
    productionPackages(root),
    { version: Bun.version, notice: text("bun.txt"), licenses: [text("LGPL-2.0.txt"), text("LGPL-2.1.txt")] },
    {
      "@bufbuild/protobuf": [apache, text("protobuf-BSD-3-Clause.txt")],
      "Apache-2.0": [apache],
    },
  );
}

if (import.meta.main) {
  const outfile = process.argv[2];
  if (outfile === undefined) {
    console.error("bun scripts/notices.ts FILE");
    process.exit(2);
  }
  mkdirSync(dirname(resolve(outfile)), { recursive: true });
  writeFileSync(outfile, notices());
}
