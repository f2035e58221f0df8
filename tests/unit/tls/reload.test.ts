import { expect, test } from "bun:test";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readTlsMaterial, type TlsFiles, type TlsMaterial, type TlsReading } from "../../../src/tls/material.ts";
import type { TlsProblem } from "../../../src/tls/problem.ts";
import { watchTlsMaterial } from "../../../src/tls/reload.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";
import { createTlsDirectory, type TlsDirectory } from "./tls-directory.ts";

const authority = createTestAuthority();
const [first, second] = [authority.issue({}), authority.issue({})];
const file = { flag: "--cert", path: "/tls/agent.pem" } as const;

const material = (digest: string): TlsMaterial => ({
  cert: "",
  key: "",
  ca: "",
  expiresAtMs: 0,
  dnsNames: [],
  uris: [],
  caFingerprint: "",
  digest,
});
const ok = (digest: string): TlsReading => ({ kind: "ok", material: material(digest) });
const unusable = (problem: TlsProblem): TlsReading => ({ kind: "unusable", problem });
const mismatch = unusable({ kind: "mismatch", cert: file, key: { flag: "--key", path: "/tls/agent-key.pem" } });
const expired = unusable({ kind: "expired", file, atMs: 0 });

/** What a watch that begins with material `a` tells when it reads these, one after the other. */
async function tell(readings: readonly TlsReading[], refuse: (digest: string) => boolean = () => false) {
  const clock = createFakeClock();
  const stop = new AbortController();
  const told: string[] = [];
  const remaining = [...readings];
  const ended = watchTlsMaterial({
    files: { cert: "/tls/agent.pem", key: "", ca: "" },
    clock,
    initial: material("a"),
    onChange({ digest }) {
      if (refuse(digest)) {
        throw new Error("bad key");
      }
      told.push(digest);
    },
    onProblem: ({ kind }) => told.push(kind),
    read: async () => remaining.shift() ?? ok("a"),
  })(stop.signal);
  ended.catch(() => {});
  await clock.advance(2_000 * readings.length);
  stop.abort(new Error("stopped"));
  await expect(ended).rejects.toThrow("stopped");
  return told;
}

test("what has not changed is not told", async () => {
  expect(await tell([ok("a"), ok("a")])).toEqual([]);
});

test("what has changed is told once", async () => {
  expect(await tell([ok("b"), ok("b"), ok("c"), ok("b")])).toEqual(["b", "c", "b"]);
});

test("half of a new pair is no problem when the other half is there two seconds later", async () => {
  expect(await tell([mismatch, ok("b")])).toEqual(["b"]);
});

test("what stays broken is told once, again after it was whole", async () => {
  expect(await tell([mismatch, mismatch, mismatch, ok("a"), mismatch, mismatch])).toEqual(["mismatch", "mismatch"]);
});

test("a certificate that ends is told at once, once, and its successor is taken", async () => {
  expect(await tell([expired, expired, ok("b")])).toEqual(["expired", "b"]);
});

test("another problem is told in its turn", async () => {
  expect(await tell([expired, mismatch, mismatch])).toEqual(["expired", "mismatch"]);
});

test("material that could not be taken into use is told once, and tried again", async () => {
  let tries = 0;
  const refuse = (digest: string) => digest === "b" && ++tries < 3;

  expect(await tell([ok("b"), ok("b"), ok("b"), ok("b")], refuse)).toEqual(["refused", "b"]);
});

/** Resolves with the certificate that a watch takes into use after `change`. */
async function certificateAfter(files: TlsFiles, change: () => Promise<void>): Promise<string> {
  const clock = createFakeClock(Date.now());
  const stop = new AbortController();
  const changed = Promise.withResolvers<string>();
  const initial = await readTlsMaterial(files, clock.now());
  const ended = watchTlsMaterial({
    files,
    clock,
    initial: initial.kind === "ok" ? initial.material : undefined,
    onChange: ({ cert }) => changed.resolve(cert),
    onProblem: ({ kind }) => changed.reject(new Error(kind)),
  })(stop.signal);
  ended.catch(() => {});
  await change();
  await clock.advance(2_000);
  const cert = await changed.promise;
  stop.abort();
  return cert;
}

test("files written in place are read", async () => {
  await using directory: TlsDirectory = await createTlsDirectory(first);

  expect(await certificateAfter(directory.files, () => directory.write(second))).toBe(second.cert);
});

test("files that were missing or broken at the start are read when they come", async () => {
  await using directory = await createTlsDirectory({ ...first, cert: "" });

  expect(await certificateAfter(directory.files, () => directory.write(first))).toBe(first.cert);
});

test("a directory that Kubernetes swaps is read", async () => {
  await using directory = await createTlsDirectory({});
  const mount = async (version: string, texts: Record<keyof TlsFiles, string>) => {
    const path = join(directory.path, version);
    await mkdir(path);
    await Promise.all(Object.entries(texts).map(([name, text]) => writeFile(join(path, `${name}.pem`), text)));
    await symlink(version, join(directory.path, "..data_tmp"));
    await rename(join(directory.path, "..data_tmp"), join(directory.path, "..data"));
  };
  await mount("..2026_11_22", first);
  for (const [name, path] of Object.entries(directory.files)) {
    await symlink(`..data/${name}.pem`, path);
  }

  const cert = await certificateAfter(directory.files, async () => {
    await mount("..2026_11_23", second);
    await rm(join(directory.path, "..2026_11_22"), { recursive: true });
  });

  expect(cert).toBe(second.cert);
});

test("that the former files are back is told once, although nothing has changed", async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  const readings = [ok("a"), expired, expired, ok("a"), ok("a")];
  let sound = 0;
  const ended = watchTlsMaterial({
    files: { cert: "/tls/agent.pem", key: "", ca: "" },
    clock,
    initial: material("a"),
    onChange: () => undefined,
    onProblem: () => undefined,
    onSound: () => {
      sound += 1;
    },
    read: async () => readings.shift() ?? ok("a"),
  })(stop.signal).catch(() => undefined);

  await clock.advance(10_000);
  stop.abort(new Error("stopped"));
  await ended;

  expect(sound).toBe(1);
});
