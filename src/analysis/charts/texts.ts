/** Names in specifications: data that vega and what it draws on take as they are. */
import { printable } from '../../report/escape.js';

/**
 * The same plain data with harmless texts. Vega groups lines in plain objects, which have `__proto__` already: a joiner,
 * which is not seen, makes it a key.
 * @param textOf what is made of each text
 */
export function harmlessTexts<T>(data: T, textOf: (text: string) => string): T {
  const copy = (value: unknown): unknown => {
    if (typeof value === 'string') return value === '__proto__' ? `${value}\u200d` : textOf(printable(value));
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each)]));
  };
  return copy(data) as T;
}
