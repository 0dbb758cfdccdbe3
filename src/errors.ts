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

/** A key that is no business of ours, where a schema does not know it: `$schema`, `x_note`. */
export const FOREIGN_KEY = /^(\$|x_)/;

/**
 * The value, once a schema has accepted it, without the keys that are foreign to it.
 * @throws UserError naming the first bad field: `where: cells.3.summary.value_ms: must be a number, got NaN`
 */
export function checkSchema<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value, { error: ruleOf });
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  if (issues.some(isOfForeignKey)) return checkSchema(schema, withoutForeign(value, issues), where);
  const { path, message } = issues[0] as z.core.$ZodIssue;
  throw new UserError(`${where}: ${path.join('.') || 'file'}: ${message}`);
}

const isOfForeignKey = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'unrecognized_keys' && issue.keys.some((key) => FOREIGN_KEY.test(key));

/** A copy without the foreign keys that a schema complained of. */
function withoutForeign(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(value);
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const holder = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], copy);
    for (const key of issue.keys) if (FOREIGN_KEY.test(key)) delete (holder as Record<string, unknown>)[key];
  }
  return copy;
}

/** The rules that numbers break, with what was found; zod's own words name its type alone. */
const ruleOf: z.core.$ZodErrorMap = (issue) => {
  const got = `got ${typeof issue.input === 'object' ? JSON.stringify(issue.input).slice(0, 40) : String(issue.input)}`;
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, ${got}`;
  if (issue.code !== 'too_small' || issue.origin !== 'number') return undefined;
  return `must be ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}, ${got}`;
};

const article = (noun: string): string => `${/^[aio]/.test(noun) ? 'an' : 'a'} ${noun}`;
