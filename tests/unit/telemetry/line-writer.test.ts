import { expect, test } from "bun:test";
import { createLineWriter, type WriteSome } from "../../../src/telemetry/line-writer.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";

/** A descriptor that takes what each call of `next` lets it take. */
function createSink() {
  const taken: number[] = [];
  let waiting: { readonly bytes: Uint8Array; readonly settle: PromiseWithResolvers<number> } | undefined;
  const writeSome: WriteSome = (bytes) => {
    waiting = { bytes, settle: Promise.withResolvers<number>() };
    return waiting.settle.promise;
  };
  return {
    writeSome,
    text: () => new TextDecoder().decode(new Uint8Array(taken)),
    async take(most = Number.POSITIVE_INFINITY) {
      const { bytes, settle: done } = waiting ?? {};
      waiting = undefined;
      const part = bytes?.subarray(0, most) ?? new Uint8Array();
      taken.push(...part);
      done?.resolve(part.length);
      await settle();
    },
    async refuse(code: string) {
      const refused = waiting;
      waiting = undefined;
      refused?.settle.reject(Object.assign(new Error(code), { code }));
      await settle();
    },
  };
}

function writing(mostWaitingCharacters = 1000) {
  const sink = createSink();
  const clock = createFakeClock();
  return { sink, clock, writer: createLineWriter({ writeSome: sink.writeSome, clock, mostWaitingCharacters }) };
}

test("lines are written in order, those that came meanwhile in one piece", async () => {
  const { sink, writer } = writing();

  writer.write("one\n");
  writer.write("two\n");
  writer.write("three\n");
  await sink.take();
  const first = sink.text();
  await sink.take();

  expect(first).toBe("one\n");
  expect(sink.text()).toBe("one\ntwo\nthree\n");
});

test("what a descriptor takes only in parts arrives whole", async () => {
  const { sink, writer } = writing();

  writer.write("zürich\n");
  await sink.take(2);
  await sink.take();

  expect(sink.text()).toBe("zürich\n");
});

test("flush waits for everything, and for nothing where there is nothing", async () => {
  const { sink, writer } = writing();
  await writer.flush();

  writer.write("one\n");
  let isFlushed = false;
  const flushing = writer.flush().then(() => {
    isFlushed = true;
  });
  await settle();
  const before = isFlushed;
  await sink.take();
  await flushing;

  expect(before).toBe(false);
  expect(sink.text()).toBe("one\n");
});

test("a reader that has stalled costs lines, not memory, and the loss is told", async () => {
  const { sink, writer } = writing(10);

  writer.write("under way\n");
  for (let line = 0; line < 100; line += 1) {
    writer.write(`${line % 10}\n`);
  }
  await sink.take();
  await sink.take();

  expect(sink.text()).toBe("under way\n0\n1\n2\n3\n4\n95 log lines were dropped because nobody read them\n");
});

test("after a loss lines are taken again", async () => {
  const { sink, writer } = writing(2);
  writer.write("a\n");
  writer.write("b\n");
  writer.write("c\n");
  await sink.take();
  await sink.take();

  writer.write("d\n");
  await sink.take();

  expect(sink.text()).toBe("a\nb\n1 log lines were dropped because nobody read them\nd\n");
});

test("a pipe that is full is tried again", async () => {
  const { sink, clock, writer } = writing();

  writer.write("one\n");
  await sink.refuse("EAGAIN");
  await clock.advance(20);
  await sink.take();

  expect(sink.text()).toBe("one\n");
});

test("when the reader has gone, everything else is dropped and nobody waits", async () => {
  const { sink, writer } = writing();

  writer.write("one\n");
  writer.write("two\n");
  await sink.refuse("EPIPE");
  writer.write("three\n");
  await writer.flush();

  expect(sink.text()).toBe("");
});
