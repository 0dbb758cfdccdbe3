import { UserError } from '../../errors.js';
import * as tf from '../../tf.js';
import { isDType } from './graph.js';

const RULE = 'must be a tensor (float32, int32 or bool), a number or a boolean, or an array or plain object of such';
/** Of arrays and objects in each other; more would be a mistake, and end in an overflow of the stack. */
const MOST_LEVELS = 100;

/** How a node is reached: through which node, by which key, and how that one is. */
interface Path {
  readonly through: object;
  readonly key: string | number;
  readonly before: Path | null;
}

/**
 * What a graph is made for: the structure, names, numbers, booleans, dtypes and shapes of a tree, as text. Different
 * forms have different texts.
 * @param where the tree comes from, for the error
 * @throws UserError naming the first value that no tree can hold, and its place
 */
export const formOf = (tree: unknown, where: string): string => form(tree, null, where);

/** The forms of a call's arguments. */
export const formOfAll = (args: readonly unknown[]): string =>
  args.map((arg, i) => form(arg, null, `compile: argument ${i + 1}`)).join();

export const formOfTensor = ({ dtype, shape }: Omit<tf.TensorInfo, 'dataId'>): string => `${dtype}[${shape}]`;

function form(node: unknown, path: Path | null, where: string): string {
  if (typeof node === 'number') return Object.is(node, -0) ? '-0' : String(node);
  if (typeof node === 'boolean') return String(node);
  if (node instanceof tf.Tensor && !node.isDisposed && isDType(node.dtype)) return formOfTensor(node);
  const fault = faultOf(node, path);
  if (fault !== null) throw new UserError(`${where}${placeOf(path)}: ${RULE}, got ${fault}`);
  const below = (key: string | number, child: unknown): string =>
    form(child, { through: node as object, key, before: path }, where);
  if (Array.isArray(node)) return `(${node.map((child, i) => below(i, child))})`;
  return `{${Object.entries(node as object).map(([key, child]) => `${JSON.stringify(key)}:${below(key, child)}`)}}`;
}

/** What a node is that is neither a leaf nor an array or object of which all children are seen; else null. */
function faultOf(node: unknown, path: Path | null): string | null {
  if (typeof node !== 'object' || node === null || node instanceof tf.Tensor) return nameOf(node);
  let levels = 0;
  for (let step = path; step !== null; step = step.before, levels++) if (step.through === node) return 'what holds it';
  if (levels > MOST_LEVELS) return `more than ${MOST_LEVELS} levels`;
  const isArray = Array.isArray(node);
  if (prototypesOf(node) > (isArray ? 2 : 1) || !/^an? (Array|Object)$/.test(nameOf(node))) return nameOf(node);
  const seen = isArray ? node.length + 1 : Object.keys(node).length; // an array's length is a key too
  if (Reflect.ownKeys(node).length === seen) return null;
  return isArray ? 'an array with holes or named values' : 'an object with symbols or hidden names as keys';
}

/** Any value, as an error names it. */
export function nameOf(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'bigint') return `the bigint ${value}`;
  if (typeof value === 'symbol' || typeof value === 'function') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof tf.Tensor) return value.isDisposed ? 'a disposed tensor' : `a ${value.dtype} tensor`;
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
  const name = kind === 'Object' ? value.constructor?.name || kind : kind;
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
}

function prototypesOf(node: object): number {
  const above: object | null = Object.getPrototypeOf(node);
  return above === null ? 0 : 1 + prototypesOf(above);
}

/** `.layers[0]["odd name"]` */
function placeOf(path: Path | null): string {
  if (path === null) return '';
  const { key, before } = path;
  const isName = typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key);
  return placeOf(before) + (isName ? `.${key}` : `[${JSON.stringify(key)}]`);
}
