import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Authority, type AuthorityReading, createAuthority, openAuthority } from "../tls/authority.ts";
import { pemOfKey } from "../tls/certificate.ts";
import { isAddress } from "../tls/pki.ts";
import { manifestList } from "../tls/secret-manifest.ts";
import { firstInTheWay, writeFiles } from "./certs-files.ts";
import type { CertsFlags } from "./certs-flags.ts";
import {
  certificateFile,
  issueCertificates,
  keyFile,
  manifestFiles,
  type OutputFile,
  pemFiles,
} from "./certs-output.ts";
import type { CommandIo } from "./io.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** Clocks of nodes differ: what is made now is good since an hour ago. */
const slackMs = 60 * 60 * 1000;

/** The authority outlives what it signs: to replace it touches every server and agent. */
const authorityDays = 3650;

/** Makes the certificates of servers and agents, as files or as Secret manifests. */
export async function runCerts(flags: CertsFlags, io: CommandIo): Promise<number> {
  const refuse = (problem: string) => {
    io.stderr(`kiam certs: ${problem}\n`);
    return 2;
  };
  const malformed = flags.serverNames.find((name) => !isAddress(name));
  if (malformed !== undefined) {
    return refuse(`--server-name ${malformed} must be a DNS name or an IP address`);
  }
  const reading = await obtainAuthority(flags, io.clock.now());
  if (reading.kind === "unusable") {
    const file = reading.of === "cert" ? `--ca-cert ${flags.caCertPath}` : `--ca-key ${flags.caKeyPath}`;
    return refuse(`${file} ${reading.problem}`);
  }
  const { authority } = reading;
  const validity = validityOf(flags.days, io.clock.now());
  const issued = issueCertificates(authority, flags, validity, randomBytes);
  const made = flags.secrets ? manifestFiles(issued, flags.namespace) : pemFiles(issued);
  if (flags.outDirectory === undefined) {
    io.stdout(manifestList(made.map(({ text }) => text)));
    io.stderr(
      flags.caKeyPath === undefined ? "kiam certs: the new authority's key is not kept; with --out it is\n" : "",
    );
    return 0;
  }
  const files = [...made, ...authorityFiles(authority, flags)];
  const inTheWay = flags.force ? undefined : await firstInTheWay(flags.outDirectory, files);
  if (inTheWay !== undefined) {
    return refuse(`${inTheWay} is there already: --force overwrites it`);
  }
  await writeFiles(flags.outDirectory, files);
  const until = new Date(Math.min(validity.toMs, authority.expiresAtMs)).toISOString().slice(0, 10);
  const care = flags.caKeyPath === undefined ? "; ca-key.pem signs further ones: keep it away from the cluster" : "";
  io.stderr(`kiam certs: ${files.length} files in ${flags.outDirectory}, valid until ${until}${care}\n`);
  return 0;
}

async function obtainAuthority(flags: CertsFlags, nowMs: number): Promise<AuthorityReading> {
  if (flags.caCertPath === undefined || flags.caKeyPath === undefined) {
    return { kind: "authority", authority: createAuthority("kiam", validityOf(authorityDays, nowMs), randomBytes) };
  }
  const [cert, key] = await Promise.all([readFile(flags.caCertPath, "utf8"), readFile(flags.caKeyPath, "utf8")]);
  return openAuthority({ cert, key }, nowMs);
}

/** The key of one that was given stays where it is. */
function authorityFiles({ cert, key }: Authority, { caKeyPath }: CertsFlags): readonly OutputFile[] {
  return [certificateFile("ca", cert), ...(caKeyPath === undefined ? [keyFile("ca", pemOfKey(key))] : [])];
}

function validityOf(days: number, nowMs: number) {
  return { fromMs: nowMs - slackMs, toMs: nowMs + days * dayMs };
}
