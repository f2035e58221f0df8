/** `bun run build [outfile [target]]`: one executable with everything inside; dist/kiam for this machine unless said otherwise. */
import { resolve } from "node:path";
import { compileKiam } from "./compile.ts";

const [outfile = resolve(import.meta.dir, "../dist/kiam"), target] = process.argv.slice(2);

process.exit(compileKiam({ outfile: resolve(outfile), ...(target === undefined ? {} : { target }) }));
