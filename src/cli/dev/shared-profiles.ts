import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** The AWS files that developers share among their tools, as texts; what can't be read is empty to the SDK too. */
export async function readSharedFiles(env: Readonly<Record<string, string | undefined>>): Promise<readonly string[]> {
  const home = env["HOME"] || homedir();
  const paths = [
    env["AWS_CONFIG_FILE"] || join(home, ".aws/config"),
    env["AWS_SHARED_CREDENTIALS_FILE"] || join(home, ".aws/credentials"),
  ];
  const absolute = paths.map((path) => (path.startsWith("~/") ? join(home, path.slice(2)) : path));
  return Promise.all(absolute.map((path) => readFile(path, "utf8").catch(() => "")));
}

/**
 * The profile that would have the SDK ask a metadata service for credentials: the one named, or one that it builds on;
 * `undefined` where none would. It may see such a setting where the SDK sees none, never the other way round.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
 */
export function metadataProfile(texts: readonly string[], name: string): string | undefined {
  const settings = texts.flatMap(settingsOf);
  const seen = new Set([name]);
  for (const profile of seen) {
    const own = settings.filter((setting) => setting.profile === profile);
    if (own.some(({ key, value }) => key === "credential_source" && value !== "Environment")) {
      return profile;
    }
    for (const { value } of own.filter(({ key }) => key === "source_profile")) {
      seen.add(value);
    }
  }
  return undefined;
}

interface Setting {
  readonly profile: string;
  readonly key: string;
  readonly value: string;
}

const sectionForm = /^\[\s*(?:profile\s+)?(["']?)(.*?)\1\s*\]$/;

function settingsOf(text: string): readonly Setting[] {
  const settings: Setting[] = [];
  let profile = "";
  for (const line of text.split("\n")) {
    const content = line.split(/(?:^|\s)[;#]/)[0]?.trim() ?? "";
    const section = sectionForm.exec(content);
    const equals = content.indexOf("=");
    if (section !== null) {
      profile = section[2] ?? "";
    } else if (equals > 0) {
      settings.push({ profile, key: content.slice(0, equals).trim(), value: content.slice(equals + 1).trim() });
    }
  }
  return settings;
}
