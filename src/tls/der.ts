/** ASN.1 in its distinguished encoding, X.690: as much of it as a certificate is made of. */
export type Der = Uint8Array<ArrayBuffer>;

/** The types of X.680 by their identifier octet. */
const types = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export const nothing: Der = new Uint8Array(0);
export const yes: Der = element(types.boolean, Uint8Array.of(0xff));

export function sequence(...parts: readonly Uint8Array[]): Der {
  return element(types.sequence, concat(parts));
}

export function setOf(part: Uint8Array): Der {
  return element(types.set, part);
}

/** A number of any length that is not negative. @param bytes the most significant first */
export function integer(bytes: Uint8Array): Der {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first === -1 ? Uint8Array.of(0) : bytes.subarray(first);
  // The highest bit is the sign.
  const sign = (significant[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : [];
  return element(types.integer, concat([...sign, significant]));
}

export function octetString(bytes: Uint8Array): Der {
  return element(types.octetString, bytes);
}

/** @param unusedBits how many of the last byte do not count, 0 to 7 */
export function bitString(bytes: Uint8Array, unusedBits = 0): Der {
  return element(types.bitString, concat([Uint8Array.of(unusedBits), bytes]));
}

export function utf8String(text: string): Der {
  return element(types.utf8String, new TextEncoder().encode(text));
}

/** @param dotted `2.5.29.17` */
export function objectId(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(types.objectId, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** To the second. RFC 5280 4.1.2.5: two digits of the year until 2049, four from 2050 on. @param ms since the Unix epoch */
export function time(ms: number): Der {
  const digits = `${new Date(ms).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  const isShort = digits < "2050";
  return element(
    isShort ? types.utcTime : types.generalizedTime,
    new TextEncoder().encode(digits.slice(isShort ? 2 : 0)),
  );
}

/** `[number] IMPLICIT` over something that holds no elements itself. */
export function contextPrimitive(number: number, content: Uint8Array): Der {
  return element(0x80 | number, content);
}

/** `[number] EXPLICIT`, or `IMPLICIT` over something that holds elements. */
export function contextConstructed(number: number, content: Uint8Array): Der {
  return element(0xa0 | number, content);
}

function element(type: number, content: Uint8Array): Der {
  return concat([Uint8Array.of(type), lengthOf(content.length), content]);
}

/** Short up to 127; else how many bytes follow, and they. */
function lengthOf(length: number): Uint8Array {
  if (length < 0x80) {
    return Uint8Array.of(length);
  }
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) {
    bytes.unshift(left & 0xff);
  }
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

/** Seven bits a byte, the highest set in all but the last. */
function base128(value: number): readonly number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) {
    digits.unshift((left & 0x7f) | 0x80);
  }
  return digits;
}

function concat(parts: readonly Uint8Array[]): Der {
  return new Uint8Array(Buffer.concat(parts));
}
