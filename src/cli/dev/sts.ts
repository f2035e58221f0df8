import { randomBytes } from "node:crypto";
import { fromEnv } from "@aws-sdk/credential-provider-env";
import { fromIni } from "@aws-sdk/credential-provider-ini";
import { chooseEndpoint } from "../../aws/endpoints.ts";
import { createStsClient, type Sts } from "../../aws/sts-client.ts";
import type { CommandIo } from "../io.ts";
import type { GuideSts } from "./guide.ts";
import { startStsEmulator } from "./sts-emulator.ts";

export type DevSts =
  | ({ readonly kind: "sts"; readonly sts: Sts; readonly guide: GuideSts } & AsyncDisposable)
  | { readonly kind: "problem"; readonly problem: string };

/** The emulator of STS, on loopback. */
export async function emulatedSts(io: CommandIo): Promise<DevSts> {
  const randomHex = (digits: number) =>
    randomBytes(Math.ceil(digits / 2))
      .toString("hex")
      .slice(0, digits);
  const emulator = await startStsEmulator(io.clock, randomHex);
  const sts = createStsClient({
    endpoint: { url: emulator.endpoint, signingRegion: "us-east-1" },
    credentials: { accessKeyId: "AKIADEV", secretAccessKey: "dev" },
  });
  return {
    kind: "sts",
    sts,
    guide: { kind: "emulator", endpoint: emulator.endpoint },
    async [Symbol.asyncDispose]() {
      sts[Symbol.dispose]();
      await emulator[Symbol.asyncDispose]();
    },
  };
}

/** The real STS, by the environment's or the shared files' credentials: never by those of a metadata service. */
export async function realSts(io: CommandIo): Promise<DevSts> {
  const choice = chooseEndpoint({ region: "", url: "", env: io.env });
  if (choice.kind === "problem") {
    return choice;
  }
  const fromEnvironment = fromEnv();
  const fromFiles = fromIni();
  const sts = createStsClient({
    endpoint: choice.endpoint,
    credentials: () => fromEnvironment().catch(() => fromFiles()),
  });
  return {
    kind: "sts",
    sts,
    guide: { kind: "aws" },
    async [Symbol.asyncDispose]() {
      sts[Symbol.dispose]();
    },
  };
}
