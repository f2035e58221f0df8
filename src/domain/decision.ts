import type { Denial } from "./denial.ts";
import type { RoleArn } from "./role-arn.ts";
import type { RoleIdentity } from "./role-identity.ts";

/** What policy says of one pod: which role it may have, whatever it then asks for by name. */
export type Decision =
  | { readonly kind: "no-role" }
  | {
      readonly kind: "allowed";
      readonly identity: RoleIdentity;
      /** The role's name below the base ARN, by which it may be asked for too; absent for a role outside the base. */
      readonly nameBelowBase?: string;
    }
  | {
      readonly kind: "denied";
      readonly denial: Denial;
      readonly role?: RoleArn;
      /** What the pod would have, where it is its namespace that does not permit it. */
      readonly wanted?: RoleIdentity;
    };
