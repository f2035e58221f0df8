declare const brand: unique symbol;

/** A `Base` that went through the parser named by `Name`, and can't be made otherwise. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
