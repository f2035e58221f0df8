import { createSocket } from "node:dgram";

/** Answers every name with the same IPv4 addresses. Dispose it to close it. */
export interface FakeDns extends Disposable {
  readonly address: string;
}

const headerBytes = 12;
const ipv4Record = 1;

/** @param addresses those of the name, read for each question */
export async function createFakeDns(addresses: () => readonly string[]): Promise<FakeDns> {
  const socket = createSocket("udp4");
  socket.on("message", (query, client) => socket.send(answerTo(query, addresses()), client.port, client.address));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${socket.address().port}`, [Symbol.dispose]: () => socket.close() };
}

/** https://www.rfc-editor.org/rfc/rfc1035#section-4.1 */
function answerTo(query: Buffer, addresses: readonly string[]): Buffer {
  const nameEnd = query.indexOf(0, headerBytes) + 1;
  const question = query.subarray(headerBytes, nameEnd + 4);
  const isAsked = query.readUInt16BE(nameEnd) === ipv4Record;
  const answers = isAsked ? addresses.map(recordOf) : [];
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(0x8580, 2); // An authoritative answer without an error.
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, question, ...answers]);
}

/** The name is the question's; the answer is good for no time. */
function recordOf(address: string): Buffer {
  return Buffer.from([0xc0, headerBytes, 0, ipv4Record, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)]);
}
