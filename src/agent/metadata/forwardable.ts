/**
 * What the real service's paths are made of, a slash between the parts and maybe one at the end: instance tags, the freest of
 * them, allow no more. So there is nothing to decode or to fold, and no part is only dots.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
 */
const plain = /^(?:\/(?!\.+(?:\/|$))[A-Za-z0-9+\-=.,_:@]+)*\/?$/;

/** A tag's key has 128 characters at most, and what stands before it 40. */
const longestPath = 512;

/**
 * The path of a request's target, without its query, where it may leave the node at all; else `undefined`. Nothing that has to do
 * with credentials does, whatever stands before or behind it and however it is spelled.
 */
export function forwardablePath(target: string): string | undefined {
  const question = target.indexOf("?");
  const path = question === -1 ? target : target.slice(0, question);
  return path.length <= longestPath && plain.test(path) && !isKept(path.toLowerCase()) ? path : undefined;
}

/** By parts without punctuation, should somebody drop it, and by words, should somebody take it for a slash. */
function isKept(path: string): boolean {
  const parts = path.split("/").map((part) => part.replace(/[^a-z0-9]/g, ""));
  return [...parts, ...path.split(/[^a-z0-9-]/)].some(
    (word) => word === "iam" || word === "api" || word.includes("credentials"),
  );
}
