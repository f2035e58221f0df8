import { parseRoleArn, type RoleArn } from "../../src/domain/role-arn.ts";

export function aRole(text: string): RoleArn {
  const role = parseRoleArn(text);
  if (role === undefined) {
    throw new Error(`${text} is not a role ARN`);
  }
  return role;
}
