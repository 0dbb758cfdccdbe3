/**
 * Models of layers of several kinds: `3*DeltaNet+Softmax` is three layers of the one and one of the other, and so on for
 * as many layers as there are.
 */
import { check } from '../errors.js';

/** So many layers, one after the other. */
export interface Layers<Of> {
  readonly count: number;
  readonly of: Of;
}

/** The layers that an expression says, by their texts. @param where it was read; @throws UserError for a count that is none */
export function layersIn(expression: string, where: string): Layers<string>[] {
  return expression.split(/\+(?![^(]*\))/).map((text) => {
    const [, count = '1', of = text] = /^(?:\s*([^*(]*?)\s*\*)?(.*)$/s.exec(text) ?? [];
    const isCount = /^\d+$/.test(count) && Number(count) >= 1;
    check(isCount, `${where}: layers must be counted by a whole number of at least 1, got ${count}*${of.trim()}`);
    return { count: Number(count), of };
  });
}

/** The expression of some layers; that of layers of one kind is its text. */
export function expressionOf(layers: readonly Layers<string>[]): string {
  const words = layers.map(({ count, of }) => (count === 1 || layers.length === 1 ? of : `${count}*${of}`));
  return words.join('+');
}

/** What goes before an option of each model where there are several: its name, and which it is where that is there twice. */
export function prefixesOf(models: readonly string[]): string[] {
  if (models.length === 1) return [''];
  return models.map((model, i) => {
    const isAlone = models.indexOf(model) === models.lastIndexOf(model);
    const ordinal = models.slice(0, i + 1).filter((other) => other === model).length;
    return isAlone ? `${model}.` : `${model}.${ordinal}.`;
  });
}

/** What each of `numLayers` layers is. @param sizeName how the caller calls it; @throws UserError when they cannot be filled */
export function fillLayers<Of>(
  layers: readonly Layers<Of>[],
  numLayers: number,
  where: string,
  sizeName: string,
): Of[] {
  const all = layers.flatMap(({ count, of }) => Array.from({ length: count }, () => of));
  const rule = `its ${all.length} layers must divide ${sizeName} (${numLayers})`;
  check(numLayers % all.length === 0, `${where}: ${rule}; ${sizeName} ${all.length} would do`);
  return Array.from({ length: numLayers }, (_, i) => all[i % all.length] as Of);
}
