import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { startTls, type TlsSource } from "../../../src/cli/start-tls.ts";
import { createTlsMetrics } from "../../../src/cli/tls-metrics.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { metricOf } from "../../fixtures/metrics.ts";
import { type CertificateOptions, createTestAuthority } from "../../fixtures/tls.ts";
import { createTlsDirectory } from "../tls/tls-directory.ts";

const lookEveryMs = 2_000;

/** A process of an authority of its own, the files of which are looked at when the test says so. */
async function start(options: Partial<CertificateOptions> & { readonly without?: "key" } = {}) {
  const authority = createTestAuthority();
  const clock = createFakeClock(Date.now());
  const logger = createRecordingLogger();
  const registry = new Registry();
  const { key, ...rest } = authority.issue({ usage: "client", ...options });
  const directory = await createTlsDirectory(options.without === "key" ? rest : { ...rest, key });
  const started = await startTls(directory.files, "client", {
    clock,
    logger,
    metrics: createTlsMetrics("client", registry),
  });
  return {
    ...{ authority, clock, directory, logger, started },
    metric: (name: string) => metricOf(registry, `grpc_client_tls_certificate_${name}`),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Watches the files; the answer has them looked at once more each time. */
function watch(tls: TlsSource, clock: ReturnType<typeof createFakeClock>) {
  const stopping = new AbortController();
  const ended = tls.watch(stopping.signal).catch(() => undefined);
  return {
    async look() {
      await clock.waiting();
      await clock.advance(lookEveryMs);
      await clock.waiting();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("seen enough"));
      await ended;
    },
  };
}

function sourceOf({ started }: Awaited<ReturnType<typeof start>>): TlsSource {
  if (started.kind === "problem") {
    throw new Error(started.problem);
  }
  return started.tls;
}

test("a missing key is a line for the command line, and nothing for the log", async () => {
  await using process = await start({ without: "key" });

  expect(process.started).toEqual({
    kind: "problem",
    problem: `--key ${process.directory.files.key} does not exist`,
  });
  expect(process.logger.lines).toEqual([]);
});

test("good files are there at once, and when they expire is a metric", async () => {
  const notAfter = new Date(Date.UTC(2040, 0, 1));
  await using process = await start({ notAfter });

  expect(sourceOf(process).current?.expiresAtMs).toBe(notAfter.getTime());
  expect(await process.metric("expiry_seconds")).toBe(notAfter.getTime() / 1_000);
});

test("a certificate that has expired before the start is told once, however often it is looked at", async () => {
  await using process = await start({ notAfter: new Date(Date.now() - 60_000) });
  const tls = sourceOf(process);
  await using watching = watch(tls, process.clock);

  await watching.look();
  await watching.look();

  expect(tls.current).toBeUndefined();
  expect(process.logger.lines.map(({ level, message }) => [level, message.split(" expired at ")[0]])).toEqual([
    ["error", `no TLS yet: the certificate in --cert ${process.directory.files.cert}`],
  ]);
  expect([await process.metric("verify_error"), await process.metric("expiry_seconds")]).toEqual([1, 0]);
});

test("the gauges of the Go release say what is wrong with the files, and that nothing is any more", async () => {
  await using process = await start();
  const gauges = async () => [await process.metric("update_error"), await process.metric("verify_error")];
  const good = process.authority.issue({ usage: "client" });
  await using watching = watch(sourceOf(process), process.clock);
  const states = [await gauges()];

  await process.directory.write({ key: "no key" });
  await watching.look();
  await watching.look();
  states.push(await gauges());
  await process.directory.write(process.authority.issue({ usage: "client", notAfter: new Date(Date.now() - 60_000) }));
  await watching.look();
  states.push(await gauges());
  await process.directory.write(good);
  await watching.look();
  states.push(await gauges());

  expect(states).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
    [0, 0],
  ]);
});

test("whoever is told of new files finds them current", async () => {
  await using process = await start();
  const tls = sourceOf(process);
  const seen: boolean[] = [];
  using _listening = tls.changes.add((next) => seen.push(tls.current === next));
  await using watching = watch(tls, process.clock);

  await process.directory.write(process.authority.issue({ usage: "client" }));
  await watching.look();

  expect(seen).toEqual([true]);
});

test("files that somebody can't take into use leave the former current, are told once and tried again", async () => {
  await using process = await start();
  const tls = sourceOf(process);
  const former = tls.current;
  let tries = 0;
  using _listening = tls.changes.add(() => {
    tries += 1;
    throw new Error("key values mismatch");
  });
  await using watching = watch(tls, process.clock);

  await process.directory.write(process.authority.issue({ usage: "client" }));
  await watching.look();
  await watching.look();

  expect(tls.current).toBe(former);
  expect(tries).toBe(2);
  expect(process.logger.lines.map(({ message }) => message)).toEqual([
    `TLS does not take --cert ${process.directory.files.cert} and what goes with it: key values mismatch`,
  ]);
});
