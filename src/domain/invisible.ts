/** Characters that a terminal obeys or a reader can't see: controls, direction marks, line separators. */
export const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
