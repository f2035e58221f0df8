import { expect, test } from "bun:test";
import { createLineDecoder } from "../../../src/kubernetes/lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("lines come out whole wherever the stream is cut, in the middle of a character too", () => {
  const text = bytes('{"a":"ü€😀"}\n{"b":1}\n\n{"c":2}\n');

  for (let size = 1; size <= text.byteLength; size += 1) {
    const decode = createLineDecoder(1024);
    const lines: string[] = [];
    for (let start = 0; start < text.byteLength; start += size) {
      const decoded = decode(text.subarray(start, start + size));
      lines.push(...(decoded.kind === "lines" ? decoded.lines : ["too long"]));
    }
    expect(lines).toEqual(['{"a":"ü€😀"}', '{"b":1}', "", '{"c":2}']);
  }
});

test("a last line without its newline is not given", () => {
  const decode = createLineDecoder(1024);

  const decoded = decode(bytes("whole\nhalf"));

  expect(decoded).toEqual({ kind: "lines", lines: ["whole"] });
});

test("a line as long as the limit passes, one byte more does not", () => {
  const atLimit = createLineDecoder(4)(bytes("abcd\n"));
  const over = createLineDecoder(4)(bytes("abcde\n"));

  expect(atLimit).toEqual({ kind: "lines", lines: ["abcd"] });
  expect(over).toEqual({ kind: "too-long" });
});

test("a line that never ends is given up before it fills the memory", () => {
  const decode = createLineDecoder(10);

  const kinds = [decode(bytes("123456")).kind, decode(bytes("789012")).kind];

  expect(kinds).toEqual(["lines", "too-long"]);
});

test("what was held of a chunk does not change when the chunk's memory is used again", () => {
  const decode = createLineDecoder(1024);
  const chunk = bytes("half");

  decode(chunk);
  chunk.fill(0x58);

  expect(decode(bytes(" done\n"))).toEqual({ kind: "lines", lines: ["half done"] });
});
