/** How one API server is reached, and as whom. */
export interface ApiConnection {
  /** `https://host:port`, and a path where the server has one; never a trailing slash. */
  readonly baseUrl: string;
  /** What requests go through; directly, whatever the environment says, where it is absent. */
  readonly proxyUrl?: string;
  /** The namespace that this process lives in, or that the kubeconfig's context names. */
  readonly namespace?: string;
  /** Read anew for each request, because tokens and certificates are rotated. Rejects with the signal's reason only. */
  access(signal: AbortSignal): Promise<ApiAccess>;
  /** The API server took what `access` gave for nobody's: what is remembered of it is forgotten. */
  refused(): void;
}

/** What a request shows and checks, or why there is nothing to show. */
export type ApiAccess =
  | { readonly kind: "access"; readonly tls: ApiTls; readonly authorization?: string }
  | { readonly kind: "unusable"; readonly problem: string };

/** PEM texts, as Bun's `fetch` takes them. */
export interface ApiTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name the server's certificate must carry, where it is not the URL's host. */
  readonly serverName?: string;
  readonly rejectUnauthorized: boolean;
}

/** A connection, or one line that says which file or setting is wrong and why. */
export type ConnectionResult =
  | { readonly kind: "connection"; readonly connection: ApiConnection }
  | { readonly kind: "unusable"; readonly problem: string };
