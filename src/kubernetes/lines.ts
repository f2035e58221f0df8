const newline = 0x0a;

export type Decoded =
  | { readonly kind: "lines"; readonly lines: readonly string[] }
  /** What came is of no use any more, and what comes neither. */
  | { readonly kind: "too-long" };

/**
 * Cuts a stream of bytes into the lines it holds, whatever pieces it comes in; a last line without its newline is never
 * given. Holds no more than `longestBytes` of a line.
 */
export function createLineDecoder(longestBytes: number): (chunk: Uint8Array) => Decoded {
  const utf8 = new TextDecoder();
  let rest: Uint8Array[] = [];
  let restBytes = 0;

  function keep(piece: Uint8Array): boolean {
    restBytes += piece.byteLength;
    rest.push(piece);
    return restBytes <= longestBytes;
  }

  function take(): string {
    // No byte of a longer UTF-8 character is a newline: a whole line is whole characters.
    const line = utf8.decode(rest.length === 1 ? rest[0] : Buffer.concat(rest, restBytes));
    rest = [];
    restBytes = 0;
    return line;
  }

  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      if (!keep(chunk.subarray(start, end))) {
        return { kind: "too-long" };
      }
      lines.push(take());
      start = end + 1;
    }
    // A copy, because a view would keep the whole chunk.
    return start < chunk.byteLength && !keep(chunk.slice(start)) ? { kind: "too-long" } : { kind: "lines", lines };
  };
}
