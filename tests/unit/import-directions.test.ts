import { expect, test } from "bun:test";
import { dirname, join, relative, resolve } from "node:path";

const src = resolve(import.meta.dir, "../../src");

/** Which folders of src a folder may import from, besides itself. `cli` and main.ts, the composition roots, may import all. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  runtime: [],
  aws: ["domain", "runtime"],
  kubernetes: ["domain", "runtime"],
  rpc: ["domain", "runtime"],
  tls: ["domain", "runtime"],
  telemetry: ["domain", "runtime"],
  server: ["domain", "runtime", "rpc", "telemetry", "tls"],
  agent: ["domain", "runtime", "rpc", "telemetry", "tls"],
};

/** Inside server and agent: which rooms a room may import from. What is not named here may not import a room at all. */
const allowedRooms: Readonly<Record<string, readonly string[]>> = {
  "server/workload": [],
  "server/policy": ["server/workload"],
  "server/issuance": [],
  "server/identity": ["server/workload"],
  "server/events": [],
  "server/feed": ["server/workload", "server/policy", "server/issuance", "server/events"],
  "server/rpc": [
    ...["server/workload", "server/policy", "server/issuance"],
    ...["server/identity", "server/events", "server/feed"],
  ],
  "agent/feed": ["agent/credentials"],
  "agent/credentials": [],
  "agent/metadata": ["agent/credentials"],
  "agent/intercept": [],
};

/** A file at the top of server/ or agent/ is in no room: its metrics may be used by each room. */
const roomOf = (path: string): string => dirname(path).split("/").slice(0, 2).join("/");

const breaches: string[] = [];
for await (const file of new Bun.Glob("**/*.ts").scan(src)) {
  const from = file.split("/")[0] ?? "";
  if (from === "cli" || file === "main.ts") {
    continue;
  }
  const text = await Bun.file(join(src, file)).text();
  for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    const target = relative(src, resolve(src, dirname(file), specifier));
    const to = target.split("/")[0] ?? "";
    if (to !== from && !(allowed[from] ?? []).includes(to)) {
      breaches.push(`${file} imports ${target}`);
    }
    const [fromRoom, toRoom] = [roomOf(file), roomOf(target)];
    if (to === from && toRoom !== fromRoom && toRoom.includes("/") && fromRoom.includes("/")) {
      if (fromRoom in allowedRooms && !allowedRooms[fromRoom]?.includes(toRoom)) {
        breaches.push(`${file} imports ${target}`);
      }
    }
  }
}

test("imports go in the directions that docs/ARCHITECTURE.md draws", () => {
  expect(breaches).toEqual([]);
});
