/** What the Dockerfile builds on. */
export interface Ingredients {
  /** References of the base images. */
  readonly bun: string;
  readonly debian: string;
  readonly base: string;
  /** The Debian packages that the agent's programs come from. */
  readonly packages: readonly string[];
}

/** Reads them out of a Dockerfile. Throws where one is missing: then the stand-ins do not fit it any more. */
export function readIngredients(dockerfile: string): Ingredients {
  const find = (pattern: RegExp): string => {
    const found = pattern.exec(dockerfile)?.[1];
    if (found === undefined) {
      throw new Error(`the Dockerfile has no ${pattern}`);
    }
    return found;
  };
  return {
    bun: find(/^FROM --platform=\$BUILDPLATFORM (docker\.io\/oven\/bun:\S+) AS /m),
    debian: find(/^FROM --platform=\$BUILDPLATFORM (docker\.io\/library\/debian:\S+) AS /m),
    base: find(/^ARG BASE=(gcr\.io\/distroless\/\S+)$/m),
    packages: find(/^ARG PACKAGES="([^"]+)"$/m).split(" "),
  };
}
