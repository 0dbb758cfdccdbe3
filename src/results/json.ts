/** JSON files of people and programs: what is wrong with one is said by its name. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { doubledName } from '../doubled_name.js';
import { check, messageOf, UserError } from '../errors.js';

/** Reads a JSON file. @throws UserError naming the flag, the file and what is wrong with it */
export function readJson(path: string, where: string): unknown {
  const text = readFileText(path, where);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new UserError(`${where}: ${path} is not JSON or was cut short (${messageOf(error)})`);
  }
  const name = doubledName(text);
  check(name === null, `${where}: ${path}: each name must be there once, got ${name} twice`);
  return value;
}

/** The text of a file in UTF-8, with or without a byte order mark. @throws UserError as readJson, or when it is empty */
export function readFileText(path: string, where: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UserError(`${where}: cannot read ${path} (${messageOf(error)})`);
  }
  const encoding = encodingOf(bytes);
  check(encoding === 'UTF-8', `${where}: ${path} must be UTF-8, got ${encoding}; save it as UTF-8`);
  const text = new TextDecoder().decode(bytes);
  check(text.trim() !== '', `${where}: ${path} is empty; run compare-models again`);
  return text;
}

/** By the byte order mark; without one, by where the zeros of a first character of ASCII are. */
function encodingOf(bytes: Buffer): string {
  const start = bytes.toString('hex', 0, 4);
  if (/^(fffe0000|0000feff|(?!00)..000000|000000(?!00))/.test(start)) return 'UTF-32';
  if (/^(fffe|(?!00)..00)/.test(start)) return 'UTF-16 (little-endian)';
  if (/^(feff|00(?!00))/.test(start)) return 'UTF-16 (big-endian)';
  return isUtf8(bytes) ? 'UTF-8' : 'another encoding';
}

/** Strings, and the words outside them that Python writes for numbers JSON does not have. */
const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|\bNaN\b|\bInfinity\b/g;
const NAN_MARK = '\u0000NaN';
/** No literal reads as NaN, so a string stands for it; 1e999 reads as Infinity. */
const LEGAL: Readonly<Record<string, string>> = { NaN: JSON.stringify(NAN_MARK), Infinity: '1e999' };

/** JSON with NaN and ±Infinity, for the schema to refuse by the name of the field. @throws SyntaxError */
export function parseJson(text: string): unknown {
  const legal = text.replace(STRING_OR_WORD, (found) => LEGAL[found] ?? found);
  return JSON.parse(legal, (_, value) => (value === NAN_MARK ? Number.NaN : value));
}
