import { describe, expect, test } from "bun:test";
import {
  bitString,
  contextPrimitive,
  integer,
  objectId,
  octetString,
  sequence,
  time,
  utf8String,
} from "../../../src/tls/der.ts";
import { elementsOf, firstElement } from "../../../src/tls/der-reader.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("encodings of X.690", () => {
  test.each([
    ["a number", integer(bytes("05")), "020105"],
    ["nought", integer(bytes("00")), "020100"],
    ["a number without its leading noughts", integer(bytes("00007f")), "02017f"],
    ["a number whose highest bit would be a sign", integer(bytes("80")), "02020080"],
    ["an identifier", objectId("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
    ["an identifier from the second arc", objectId("2.5.29.17"), "0603551d11"],
    ["bits", bitString(bytes("80"), 7), "03020780"],
    ["text", utf8String("kiäm"), "0c056b69c3a46d"],
    ["a name in a context", contextPrimitive(2, bytes("61")), "820161"],
    ["nothing in a sequence", sequence(), "3000"],
    ["a time before 2050", time(Date.UTC(2026, 10, 22, 7, 8, 9, 999)), `170d${hex(Buffer.from("261122070809Z"))}`],
    ["a time from 2050 on", time(Date.UTC(2050, 0, 1)), `180f${hex(Buffer.from("20500101000000Z"))}`],
  ])("%s", (_, encoded, expected) => {
    expect(hex(encoded)).toBe(expected);
  });

  test.each([
    [127, "047f"],
    [128, "048180"],
    [255, "0481ff"],
    [256, "04820100"],
    [65_536, "0483010000"],
  ])("%i bytes", (length, header) => {
    const encoded = octetString(new Uint8Array(length));

    expect(hex(encoded).slice(0, header.length)).toBe(header);
    expect(firstElement(encoded).content.length).toBe(length);
  });
});

describe("reading", () => {
  test("elements come in order, whole and by content", () => {
    const parts = [integer(bytes("05")), octetString(new Uint8Array(300)), sequence()];

    const elements = elementsOf(firstElement(sequence(...parts)).content);

    expect(elements.map((element) => hex(element.bytes))).toEqual(parts.map(hex));
    expect(elements.map(({ type, content }) => [type, content.length])).toEqual([
      [2, 1],
      [4, 300],
      [0x30, 0],
    ]);
  });

  test.each(["", "30", "3005020105", "048201"])("%p is cut short", (text) => {
    expect(() => firstElement(bytes(text))).toThrow(RangeError);
  });
});
