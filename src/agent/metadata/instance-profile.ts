import { createHash } from "node:crypto";
import { rfc3339 } from "../../domain/rfc3339.ts";
import type { RoleArn } from "../../domain/role-arn.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Answer, documentHeaders, jsonAnswer } from "./answer.ts";

/**
 * Answers `iam/info` as if the pod's role were an instance's.
 * @param updatedAtMs when the role's credentials were issued; `undefined`, for now, where none are held
 */
export type AnswerInstanceProfile = (role: RoleArn, updatedAtMs: number | undefined) => Answer;

export function createInstanceProfileAnswers(clock: Pick<Clock, "now">): AnswerInstanceProfile {
  return (role, updatedAtMs = clock.now()) => {
    const document = {
      Code: "Success",
      LastUpdated: rfc3339(updatedAtMs),
      InstanceProfileArn: role.replace(":role/", ":instance-profile/"),
      InstanceProfileId: profileIdOf(role),
    };
    return jsonAnswer(200, JSON.stringify(document), documentHeaders(updatedAtMs));
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids: 21 characters, AIPA for a profile's. */
const lengthBelowPrefix = 17;

/** Always the same for a role, and another's for another: nobody has that profile. */
function profileIdOf(role: RoleArn): string {
  const digest = createHash("sha256").update(`kiam instance profile ${role}`).digest();
  const drawn = [...digest.subarray(0, lengthBelowPrefix)].map((byte) => alphabet[byte % alphabet.length]);
  return `AIPA${drawn.join("")}`;
}
