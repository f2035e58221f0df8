import { mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TlsIdentity } from "../../../src/rpc/tls-options.ts";
import type { Identity } from "../lab/pki.ts";

/** A Secret with a certificate, as the kubelet mounts it. */
export interface MountedSecret {
  readonly identity: Identity;
  /** As the kubelet does when the Secret has changed: a new directory, and one link that is made to point to it. */
  swap(tls: TlsIdentity): Promise<void>;
}

/**
 * The files are links into `..data`, which is a link to the directory of the Secret's present version, as the kubelet's atomic writer has it:
 * https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
 */
export async function mountSecret(directory: string, tls: TlsIdentity): Promise<MountedSecret> {
  await mkdir(directory, { recursive: true });
  let versions = 0;

  async function swap(next: TlsIdentity): Promise<void> {
    versions += 1;
    const version = `..version-${versions}`;
    await mkdir(join(directory, version));
    await writeFiles(join(directory, version), next);
    await symlink(version, join(directory, "..data_tmp"));
    await rename(join(directory, "..data_tmp"), join(directory, "..data"));
    const former = (await readdir(directory)).filter((name) => name.startsWith("..version-") && name !== version);
    await Promise.all(former.map((name) => rm(join(directory, name), { recursive: true })));
  }

  await swap(tls);
  for (const name of Object.values(fileNames)) {
    await symlink(join("..data", name), join(directory, name));
  }
  return { identity: identityIn(directory), swap };
}

/** Plain files, which {@link overwrite} writes in place. */
export async function placeFiles(directory: string, tls: TlsIdentity): Promise<Identity> {
  await mkdir(directory, { recursive: true });
  await writeFiles(directory, tls);
  return identityIn(directory);
}

/** One file after the other, in place: for a moment the certificate and the key do not belong together. */
export async function overwrite(identity: Identity, tls: TlsIdentity): Promise<void> {
  await writeFile(identity.ca, tls.ca);
  await writeFile(identity.cert, tls.cert);
  await writeFile(identity.key, tls.key);
}

const fileNames = { cert: "tls.crt", key: "tls.key", ca: "ca.crt" } as const;

function identityIn(directory: string): Identity {
  const { cert, key, ca } = fileNames;
  return { cert: join(directory, cert), key: join(directory, key), ca: join(directory, ca) };
}

async function writeFiles(directory: string, tls: TlsIdentity): Promise<void> {
  await overwrite(identityIn(directory), tls);
}
