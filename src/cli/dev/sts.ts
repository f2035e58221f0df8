import { randomBytes } from "node:crypto";
import { fromEnv } from "@aws-sdk/credential-provider-env";
import { fromIni } from "@aws-sdk/credential-provider-ini";
import { chooseEndpoint } from "../../aws/endpoints.ts";
import { createFetchHandler } from "../../aws/fetch-handler.ts";
import { createStsClient, givenKeys, type Sts } from "../../aws/sts-client.ts";
import { directly } from "../../domain/egress.ts";
import type { CommandIo } from "../io.ts";
import { networkOf } from "../network.ts";
import type { GuideSts } from "./guide.ts";
import { metadataProfile, readSharedFiles } from "./shared-profiles.ts";
import { startStsEmulator } from "./sts-emulator.ts";

export interface OpenSts extends AsyncDisposable {
  readonly kind: "sts";
  readonly sts: Sts;
  /** Where it is asked. */
  readonly endpoint: string;
  readonly guide: GuideSts;
}

export type DevSts = OpenSts | { readonly kind: "problem"; readonly problem: string };

/** The emulator of STS, on loopback. */
export async function emulatedSts(io: CommandIo): Promise<DevSts> {
  const randomHex = (digits: number) =>
    randomBytes(Math.ceil(digits / 2))
      .toString("hex")
      .slice(0, digits);
  const emulator = await startStsEmulator(io.clock, randomHex);
  const { endpoint } = emulator;
  const sts = createStsClient({
    endpoint: { url: endpoint, signingRegion: "us-east-1" },
    egress: directly,
    credentials: givenKeys("AKIADEV", "dev"),
    clock: io.clock,
  });
  return {
    kind: "sts",
    sts,
    endpoint,
    guide: { kind: "emulator", endpoint },
    async [Symbol.asyncDispose]() {
      sts[Symbol.dispose]();
      await emulator[Symbol.asyncDispose]();
    },
  };
}

/** The real STS, by the environment's or the shared files' credentials: never by those of a metadata service. */
export async function realSts({ env, clock }: Pick<CommandIo, "env" | "clock">): Promise<DevSts> {
  const choice = chooseEndpoint({ region: "", url: "", env });
  if (choice.kind === "problem") {
    return choice;
  }
  const network = await networkOf(env);
  if (network.kind === "problem") {
    return network;
  }
  const isInEnvironment = env["AWS_ACCESS_KEY_ID"] && env["AWS_SECRET_ACCESS_KEY"];
  const asking = metadataProfile(await readSharedFiles(env), env["AWS_PROFILE"] || "default");
  if (asking !== undefined && !isInEnvironment) {
    return { kind: "problem", problem: `--aws never asks a metadata service, and the AWS profile '${asking}' would` };
  }
  const fromEnvironment = fromEnv();
  // What a profile may call itself asks the metadata service for its region where the environment's defaults mode is "auto".
  const requestHandler = createFetchHandler({ egress: network.aws, clock });
  const fromFiles = fromIni({ clientConfig: { defaultsMode: "legacy", requestHandler } });
  const sts = createStsClient({
    endpoint: choice.endpoint,
    egress: network.aws,
    credentials: { kind: "given", credentials: () => fromEnvironment().catch(() => fromFiles()) },
    clock,
  });
  return {
    kind: "sts",
    sts,
    endpoint: choice.endpoint.url,
    guide: { kind: "aws", region: choice.endpoint.signingRegion },
    async [Symbol.asyncDispose]() {
      sts[Symbol.dispose]();
    },
  };
}
