/** An error meant for people: its message is one line that names the value and the remedy; it is shown without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/**
 * Throws a UserError unless the condition holds.
 * @param message `where: rule, got value`
 */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new UserError(message);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
