import { describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { connect, createServer } from "node:tls";
import { type Authority, createAuthority, openAuthority } from "../../../src/tls/authority.ts";
import { keyIdOf, pemOfKey, signCertificate } from "../../../src/tls/certificate.ts";
import { isAddress, issueAgent, issueNodeAgent, issueServer } from "../../../src/tls/pki.ts";

const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Math.floor(Date.now() / 1000) * 1000;
const validity = { fromMs: nowMs - dayMs, toMs: nowMs + 30 * dayMs };
const zeros = (count: number) => new Uint8Array(count);
const authority = createAuthority("kiam", { fromMs: nowMs - dayMs, toMs: nowMs + 365 * dayMs }, zeros);

test("an authority signs itself, and may sign leaves only", () => {
  const certificate = new X509Certificate(authority.cert);

  expect(certificate.ca).toBe(true);
  expect(certificate.subject).toBe("CN=kiam");
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.toLegacyObject()).toMatchObject({ bits: 256 });
});

test("a server's certificate is for its names and addresses, and good on both sides", () => {
  const { cert, key } = issueServer(
    authority,
    ["Kiam-Server", "*.example.com", "127.0.0.1", "fd00::1"],
    validity,
    zeros,
  );

  const certificate = new X509Certificate(cert);
  expect(certificate.subjectAltName).toBe(
    "DNS:kiam-server, DNS:*.example.com, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:1",
  );
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  expect(certificate.ca).toBe(false);
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.checkIssued(new X509Certificate(authority.cert))).toBe(true);
  expect(key).toStartWith("-----BEGIN PRIVATE KEY-----\n");
  expect([certificate.validFromDate.getTime(), certificate.validToDate.getTime()]).toEqual([
    validity.fromMs,
    validity.toMs,
  ]);
});

test("an agent's certificate names no node and is no server's, a node's names its node", () => {
  const agent = new X509Certificate(issueAgent(authority, validity, zeros).cert);
  const node = new X509Certificate(
    issueNodeAgent(authority, "ip-10-0-0-1.eu-west-1.compute.internal", validity, zeros).cert,
  );

  expect(agent.subjectAltName).toBe("DNS:kiam-agent");
  expect(node.subjectAltName).toBe("DNS:ip-10-0-0-1.eu-west-1.compute.internal.node.kiam");
  expect([agent.keyUsage, node.keyUsage]).toEqual([["1.3.6.1.5.5.7.3.2"], ["1.3.6.1.5.5.7.3.2"]]);
});

test("nothing is valid for longer than who signed it", () => {
  const { cert } = issueAgent(authority, { ...validity, toMs: nowMs + 1000 * dayMs }, zeros);

  expect(new X509Certificate(cert).validToDate.getTime()).toBe(authority.expiresAtMs);
});

test("serial numbers are positive and take all the randomness there is", () => {
  const serialOf = (byte: number) =>
    new X509Certificate(issueAgent(authority, validity, (count) => zeros(count).fill(byte)).cert).serialNumber;

  expect(serialOf(0xff)).toBe(`7F${"FF".repeat(15)}`);
  expect(serialOf(0x00)).toBe(`40${"00".repeat(15)}`);
});

describe("an authority that was made before", () => {
  const pem = (made: Authority) => ({ cert: made.cert, key: pemOfKey(made.key) });

  test("signs as the one that made it", () => {
    const reading = openAuthority(pem(authority), nowMs);

    const again = reading.kind === "authority" ? reading.authority : undefined;
    expect(again?.keyId).toEqual(new Uint8Array(authority.keyId));
    expect(again?.subject).toEqual(authority.subject);
    expect(again?.expiresAtMs).toBe(authority.expiresAtMs);
    const certificate = new X509Certificate(again === undefined ? "" : issueAgent(again, validity, zeros).cert);
    expect(certificate.checkIssued(new X509Certificate(authority.cert))).toBe(true);
    expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true);
  });

  test("is called in what it signs as it calls itself, by whatever rule it came to that", () => {
    const der = new X509Certificate(authority.cert).raw.toString("hex");
    const [own, chosen] = [Buffer.from(authority.keyId).toString("hex"), "0123456789".repeat(4)];
    const cert = Buffer.from(der.replaceAll(own, chosen), "hex").toString("base64");

    const reading = openAuthority(
      { cert: `-----BEGIN CERTIFICATE-----\n${cert}\n-----END CERTIFICATE-----\n`, key: pemOfKey(authority.key) },
      nowMs,
    );

    expect(Buffer.from(reading.kind === "authority" ? reading.authority.keyId : []).toString("hex")).toBe(chosen);
  });

  test("may have an RSA key", () => {
    const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const issuer = { subject: authority.subject, keyId: keyIdOf(keys.publicKey), key: keys.privateKey };
    const cert = signCertificate(
      { role: "authority", subject: issuer.subject, publicKey: keys.publicKey, validity, serial: Uint8Array.of(1) },
      issuer,
    );

    const reading = openAuthority({ cert, key: pemOfKey(keys.privateKey) }, nowMs);

    const rsa = reading.kind === "authority" ? reading.authority : undefined;
    const leaf = new X509Certificate(rsa === undefined ? "" : issueServer(rsa, ["a"], validity, zeros).cert);
    expect(leaf.verify(keys.publicKey)).toBe(true);
    expect(leaf.checkIssued(new X509Certificate(cert))).toBe(true);
  });

  test("one with an Ed25519 key is refused", () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const content = {
      role: "authority",
      subject: authority.subject,
      publicKey,
      validity,
      serial: Uint8Array.of(1),
    } as const;
    const cert = signCertificate(content, authority);

    expect(openAuthority({ cert, key: pemOfKey(privateKey) }, nowMs)).toEqual({
      kind: "unusable",
      of: "key",
      problem: "is neither an EC key nor an RSA key",
    });
  });

  const leaf = issueServer(authority, ["a"], validity, zeros);
  test.each([
    ["garbage", { ...pem(authority), cert: "garbage" }, nowMs, "cert", "is not a certificate in PEM"],
    [
      "a key that is none",
      { ...pem(authority), key: authority.cert },
      nowMs,
      "key",
      "is not a private key in PEM without a passphrase",
    ],
    [
      "another's key",
      { ...pem(authority), key: leaf.key },
      nowMs,
      "key",
      "does not belong to the authority's certificate",
    ],
    ["a server's certificate", leaf, nowMs, "cert", "is not the certificate of an authority"],
    [
      "one that ended",
      pem(authority),
      authority.expiresAtMs,
      "cert",
      `expired at ${new Date(authority.expiresAtMs).toISOString()}`,
    ],
  ] as const)("%s is refused", (_, texts, atMs, of, problem) => {
    expect(openAuthority(texts, atMs)).toEqual({ kind: "unusable", of, problem });
  });
});

test.each([
  ["kiam-server", true],
  ["kiam-server.kiam-system.svc", true],
  ["*.kiam.example", true],
  ["10.0.0.1", true],
  ["::1", true],
  ["kiam_server", true],
  ["", false],
  ["kiam server", false],
  ["kiam-server:9610", false],
  ["https://kiam", false],
  ["-kiam", false],
  ["a..b", false],
  ["*", false],
  ["a.*.b", false],
  ["x".repeat(254), false],
])("%p is an address: %p", (text, expected) => {
  expect(isAddress(text)).toBe(expected);
});

test("Bun's own TLS takes them on both sides, by name and by address", async () => {
  const server = issueServer(authority, ["kiam-server", "127.0.0.1"], validity, zeros);
  const client = issueNodeAgent(authority, "n1", validity, zeros);

  expect(await shakeHands(server, client, "kiam-server")).toBe("DNS:n1.node.kiam");
  expect(await shakeHands(server, client, "127.0.0.1")).toBe("DNS:n1.node.kiam");
  await expect(shakeHands(client, client, "n1.node.kiam")).rejects.toThrow();
});

/** Resolves with the names that the server saw; rejects where either side refuses. */
async function shakeHands(server: { cert: string; key: string }, client: { cert: string; key: string }, name: string) {
  const ca = authority.cert;
  const seen = Promise.withResolvers<string>();
  const listener = createServer({ ...server, ca, requestCert: true, rejectUnauthorized: true }, (socket) => {
    seen.resolve(socket.getPeerCertificate().subjectaltname ?? "");
    socket.end();
  });
  listener.on("tlsClientError", (error) => seen.reject(error));
  await new Promise<void>((listening) => listener.listen(0, "127.0.0.1", listening));
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  // An address is no server name: TLS leaves it out, and checks the certificate for it all the same.
  const to = /^\d/.test(name) ? {} : { servername: name };
  const socket = connect({ host: "127.0.0.1", port, ...client, ca, rejectUnauthorized: true, ...to });
  socket.on("error", (error) => seen.reject(error));
  try {
    return await seen.promise;
  } finally {
    socket.destroy();
    listener.close();
  }
}
