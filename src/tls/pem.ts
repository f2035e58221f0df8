const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, each as a text of its own. What else there is, is left out. */
export function certificateBlocks(text: string): readonly string[] {
  return text.match(block) ?? [];
}
