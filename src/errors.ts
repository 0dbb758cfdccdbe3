import type { z } from 'zod';

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

/**
 * The value, once a schema has accepted it.
 * @throws UserError naming the first bad field: `where: cells.3.summary.value_ms: must be a number, got NaN`
 */
export function checkSchema<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value, { error: ruleOf });
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0] as z.core.$ZodIssue;
  throw new UserError(`${where}: ${path.join('.') || 'file'}: ${message}`);
}

/** The rules that numbers break, with what was found; zod's own words name its type alone. */
const ruleOf: z.core.$ZodErrorMap = (issue) => {
  const got = `got ${typeof issue.input === 'object' ? JSON.stringify(issue.input).slice(0, 40) : String(issue.input)}`;
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, ${got}`;
  if (issue.code !== 'too_small' || issue.origin !== 'number') return undefined;
  return `must be ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}, ${got}`;
};

const article = (noun: string): string => `${/^[aio]/.test(noun) ? 'an' : 'a'} ${noun}`;
