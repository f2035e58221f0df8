import { expect, test } from "bun:test";
import { createAddressLookup } from "../../../../src/agent/credentials/address-lookup.ts";
import type { GoCredentials, GoRole } from "../../../../src/agent/credentials/go-servers.ts";
import type { NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { createGoServers } from "../../../fakes/go-servers.ts";
import { aNodePod, aSnapshot, issued, someCredentials } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();
const request = { address, role: "reader" };
const held = aSnapshot([aNodePod()], [issued()]);

function aLookup(...updates: readonly NodeUpdate[]) {
  const { store, clock } = aStore(...updates);
  const goServers = createGoServers();
  return { lookup: createAddressLookup({ goServers, store, clock }), goServers, store, clock };
}

const role = (name: string) => async (): Promise<GoRole> => ({ kind: "role", name });
const issuedByGo = async (): Promise<GoCredentials> => ({ kind: "credentials", credentials: someCredentials() });

test("each request is asked, however often it comes", async () => {
  const { lookup, goServers } = aLookup();
  goServers.onRole = role("reader");
  goServers.onCredentials = issuedByGo;

  const answers = [];
  for (let turn = 0; turn < 2; turn += 1) {
    answers.push(await lookup.findRole(address, never), await lookup.findCredentials(request, never));
  }

  expect(answers.map(({ kind }) => kind)).toEqual(["role", "issued", "role", "issued"]);
  expect(goServers.asked.length).toBe(4);
});

test("an address that nobody has is asked about until somebody has it", async () => {
  const { lookup, goServers, clock } = aLookup();
  const finding = lookup.findRole(address, never);
  await clock.advance(300);
  goServers.onRole = role("late");

  await clock.advance(100);

  expect(await finding).toEqual({ kind: "role", name: "late" });
  expect(goServers.asked.length).toBe(5);
});

test("it is given up after 800 ms, for credentials too", async () => {
  const { lookup, clock } = aLookup();
  const startedMs = clock.now();
  const endsMs: number[] = [];
  const finding = [lookup.findRole(address, never), lookup.findCredentials(request, never)].map(async (found) => {
    const { kind } = await found;
    endsMs.push(clock.now() - startedMs);
    return kind;
  });

  await clock.advance(2_000);

  expect(await Promise.all(finding)).toEqual(["unknown", "unknown"]);
  expect(endsMs).toEqual([800, 800]);
});

test("a caller that hangs up ends the asking", async () => {
  const { lookup, goServers, clock } = aLookup();
  const caller = new AbortController();
  const finding = lookup.findRole(address, caller.signal);
  await clock.advance(0);

  caller.abort(new Error("hung up"));

  await expect(finding).rejects.toThrow("hung up");
  await clock.advance(1_000);
  expect(goServers.asked.length).toBe(1);
  expect(clock.timers).toBe(0);
});

test.each([
  ["writer", "requested 'reader' but annotated with 'writer', forbidden"],
  ["/reader", "forbidden by policy; the kiam server's log says by which"],
  ["arn:aws:iam::123456789012:role/reader", "forbidden by policy; the kiam server's log says by which"],
])("forbidden 'reader' to a pod annotated with '%s' is explained", async (annotated, explanation) => {
  const { lookup, goServers } = aLookup();
  goServers.onCredentials = async () => ({ kind: "forbidden" });
  goServers.onRole = role(annotated);

  const found = await lookup.findCredentials(request, never);

  expect(found).toEqual({ kind: "denied", explanation });
});

test("forbidden to a pod that has no role, or has gone meanwhile, is no role and a denial", async () => {
  const { lookup, goServers } = aLookup();
  goServers.onCredentials = async () => ({ kind: "forbidden" });

  goServers.onRole = role("");
  const withoutRole = await lookup.findCredentials(request, never);
  goServers.onRole = async () => ({ kind: "nobody" });
  const gone = await lookup.findCredentials(request, never);

  expect(withoutRole).toEqual({ kind: "no-role" });
  expect(gone).toEqual({ kind: "denied", explanation: "forbidden by policy" });
});

test("an empty role is none, and what the server fails by is told", async () => {
  const { lookup, goServers } = aLookup();
  goServers.onRole = role("");
  goServers.onCredentials = async () => ({ kind: "failed", reason: "AccessDenied: no" });

  const found = [await lookup.findRole(address, never), await lookup.findCredentials(request, never)];

  expect(found).toEqual([{ kind: "no-role" }, { kind: "unavailable", reason: "AccessDenied: no" }]);
});

test("expired credentials are never handed on", async () => {
  const { lookup, goServers, clock } = aLookup();
  const credentials = someCredentials({ expiresAtMs: clock.now() });
  goServers.onCredentials = async () => ({ kind: "credentials", credentials });

  const found = await lookup.findCredentials(request, never);

  expect(found.kind).toBe("unavailable");
});

test("that no Go server serves any more is told at once", async () => {
  const { lookup, goServers } = aLookup();
  goServers.onRole = async () => ({ kind: "not-in-use" });
  goServers.onCredentials = async () => ({ kind: "not-in-use" });

  const found = [await lookup.findRole(address, never), await lookup.findCredentials(request, never)];

  expect(found).toEqual([{ kind: "not-in-use" }, { kind: "not-in-use" }]);
});

test.each<[string, GoRole]>([
  ["another role", { kind: "role", name: "writer" }],
  ["no role", { kind: "role", name: "" }],
  ["doubt", { kind: "doubt" }],
])("a store that says otherwise of the address than the server's %s holds it no longer", async (_, answer) => {
  const { lookup, goServers, store } = aLookup(held);
  goServers.onRole = async () => answer;

  await lookup.findRole(address, never);

  expect(store.owner(address)).toEqual({ kind: "nobody" });
});

test("an address that nobody has, as the server says, is held no longer", async () => {
  const { lookup, clock, store } = aLookup(held);

  const finding = lookup.findRole(address, never);
  await clock.advance(800);

  expect((await finding).kind).toBe("unknown");
  expect(store.owner(address)).toEqual({ kind: "nobody" });
});

test("nor is one held that is allowed what the server forbids, or another role than it gives", async () => {
  const forbidden = aLookup(held);
  forbidden.goServers.onCredentials = async () => ({ kind: "forbidden" });
  forbidden.goServers.onRole = role("reader");
  const given = aLookup(held);
  given.goServers.onCredentials = issuedByGo;

  await forbidden.lookup.findCredentials(request, never);
  await given.lookup.findCredentials({ address, role: "writer" }, never);

  expect([forbidden, given].map(({ store }) => store.owner(address).kind)).toEqual(["nobody", "nobody"]);
});

test("a store whose word fits the server's keeps what it holds, also when the pod asks for another's role or STS fails", async () => {
  const { lookup, goServers, store } = aLookup(held);
  goServers.onRole = role("reader");
  await lookup.findRole(address, never);
  goServers.onCredentials = issuedByGo;
  await lookup.findCredentials(request, never);
  goServers.onCredentials = async () => ({ kind: "forbidden" });
  await lookup.findCredentials({ address, role: "writer" }, never);
  goServers.onCredentials = async () => ({ kind: "failed", reason: "STS" });
  await lookup.findCredentials(request, never);

  const owner = store.owner(address);

  expect(owner).toEqual({ kind: "owner", pod: aNodePod() });
});
