/** One element of DER text. */
export interface DerElement {
  readonly type: number;
  /** The whole element. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

/** The elements inside of a constructed one, in order. Throws RangeError for what is cut short. */
export function elementsOf(content: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let rest = content; rest.length > 0; ) {
    const element = firstElement(rest);
    elements.push(element);
    rest = rest.subarray(element.bytes.length);
  }
  return elements;
}

/** Throws RangeError for what is cut short. */
export function firstElement(bytes: Uint8Array): DerElement {
  const [type = 0, first = 0] = bytes;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length =
    lengthBytes === 0 ? first : bytes.subarray(2, 2 + lengthBytes).reduce((sum, byte) => sum * 0x100 + byte, 0);
  const start = 2 + lengthBytes;
  if (bytes.length < start + length) {
    throw new RangeError("a DER element is cut short");
  }
  return { type, bytes: bytes.subarray(0, start + length), content: bytes.subarray(start, start + length) };
}
