import { expect, test } from "bun:test";
import { createStrangers, type Stranger } from "../../../src/rpc/strangers.ts";

interface FakeStranger extends Stranger {
  readonly isDestroyed: boolean;
  close(): void;
}

function aStranger(remoteAddress = "10.0.0.1"): FakeStranger {
  const listeners: (() => void)[] = [];
  let isDestroyed = false;
  return {
    remoteAddress,
    get isDestroyed() {
      return isDestroyed;
    },
    once: (_event, listener) => listeners.push(listener),
    destroy() {
      isDestroyed = true;
    },
    close() {
      for (const listener of listeners) {
        listener();
      }
    },
  };
}

const some = (count: number, address?: string) => Array.from({ length: count }, () => aStranger(address));

test("of one address too many the oldest goes, and the newest stays", () => {
  const strangers = createStrangers();
  const sockets = some(258);

  sockets.forEach(strangers.admit);

  expect(sockets.map(({ isDestroyed }) => isDestroyed).indexOf(false)).toBe(2);
  expect(sockets.filter(({ isDestroyed }) => isDestroyed).length).toBe(2);
});

test("another address has its own", () => {
  const strangers = createStrangers();
  const [many, other] = [some(256), some(1, "10.0.0.2")];

  [...many, ...other].forEach(strangers.admit);

  expect([...many, ...other].some(({ isDestroyed }) => isDestroyed)).toBe(false);
});

test.each([
  ["whose handshake is over", (socket: FakeStranger, { greet }: ReturnType<typeof createStrangers>) => greet(socket)],
  ["that have closed", (socket: FakeStranger) => socket.close()],
])("connections %s do not count, and are left alone", (_, end) => {
  const strangers = createStrangers();
  const before = some(256);
  before.forEach(strangers.admit);
  for (const socket of before) {
    end(socket, strangers);
  }

  const after = some(256);
  after.forEach(strangers.admit);

  expect([...before, ...after].some(({ isDestroyed }) => isDestroyed)).toBe(false);
});

test("one that closes after its handshake takes nobody else's place away", () => {
  const strangers = createStrangers();
  const [greeted, ...others] = some(257);
  if (greeted !== undefined) {
    strangers.admit(greeted);
    strangers.greet(greeted);
  }
  others.forEach(strangers.admit);

  greeted?.close();
  strangers.admit(aStranger());

  expect(others.filter(({ isDestroyed }) => isDestroyed).length).toBe(1);
});
