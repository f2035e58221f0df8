import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./command.ts";

/** Paths of PEM files. */
interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a process of kiam gets as `--cert`, `--key` and `--ca`. */
export interface Identity extends KeyPair {
  readonly ca: string;
}

interface CertificateRequest {
  readonly commonName: string;
  /** As openssl writes them: `DNS:kiam-server`, `IP:10.250.0.1`, `URI:spiffe://…`. */
  readonly names?: readonly string[];
  /** Extended key usage, as openssl writes it; none when absent. */
  readonly usage?: "serverAuth" | "clientAuth" | "serverAuth,clientAuth";
  /** Valid from now for so long; negative: it has expired. 30 unless told. */
  readonly days?: number;
}

/** A certificate authority of EC P-256 keys in a directory. */
export interface Authority {
  readonly certificate: KeyPair;
  /** Each call makes a new key. */
  issue(request: CertificateRequest): Promise<Identity>;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export async function createAuthority(directory: string, commonName: string): Promise<Authority> {
  await mkdir(directory, { recursive: true });
  const ca: KeyPair = { cert: join(directory, "ca.pem"), key: join(directory, "ca-key.pem") };
  const basic = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  await must([
    "openssl",
    "req",
    "-x509",
    ...newKey,
    "-days",
    "30",
    "-subj",
    `/CN=${commonName}`,
    ...basic,
    "-keyout",
    ca.key,
    "-out",
    ca.cert,
  ]);
  let count = 0;

  return {
    certificate: ca,
    async issue({ commonName: name, names = [], usage, days = 30 }) {
      count += 1;
      const base = join(directory, `${count}-${name.replaceAll(/[^\w.-]/g, "_")}`);
      const [cert, key, csr, extensions] = [`${base}.pem`, `${base}-key.pem`, `${base}.csr`, `${base}.ext`];
      await must(["openssl", "req", "-new", ...newKey, "-subj", `/CN=${name}`, "-keyout", key, "-out", csr]);
      const lines = [
        "basicConstraints=CA:FALSE",
        ...(names.length === 0 ? [] : [`subjectAltName=${names.join(",")}`]),
        ...(usage === undefined ? [] : [`extendedKeyUsage=${usage}`]),
      ];
      await writeFile(extensions, lines.join("\n"));
      const signed = [
        "-CA",
        ca.cert,
        "-CAkey",
        ca.key,
        "-set_serial",
        String(Date.now() * 1000 + count),
        "-days",
        String(days),
      ];
      await must(["openssl", "x509", "-req", "-in", csr, ...signed, "-extfile", extensions, "-out", cert]);
      return { cert, key, ca: ca.cert };
    },
  };
}
