/** The server's own credentials could not be had, which says nothing of any role. */
export class OwnCredentialsError extends Error {
  override readonly name = "OwnCredentialsError";

  constructor(cause: unknown, message = "the server has no AWS credentials of its own") {
    super(message, { cause });
  }
}
