/** One call of an op, as its row of the table sees it. */
import { check } from '../../errors.js';
import type { AttrKind, Attrs, AttrValue, DType, TensorSpec } from '../record/graph.js';

export interface OpCall {
  readonly inputs: readonly TensorSpec[];
  shape(input: number): readonly number[];
  dtype(input: number): DType;
  /** Elements of an input made from JavaScript numbers (axes, sizes, paddings). */
  values(input: number): number[];
  int(attr: string): number;
  ints(attr: string): readonly number[];
  float(attr: string): number;
  bool(attr: string): boolean;
  text(attr: string): string;
  type(attr: string): DType;
}

/** @param valuesOf an input's elements; an attribute that is absent reads as TensorFlow's default */
export function callOf(
  op: string,
  inputs: readonly TensorSpec[],
  attrs: Attrs,
  valuesOf: (input: number) => ArrayLike<number>,
): OpCall {
  const input = (i: number): TensorSpec => {
    const spec = inputs[i];
    check(spec !== undefined, `compile: the row of ${op} must read one of ${inputs.length} inputs, got ${i}`);
    return spec;
  };
  const attr = <K extends AttrKind>(name: string, kind: K): AttrValue<K> | undefined =>
    (attrs[name] as { readonly [kind in K]?: AttrValue<K> } | undefined)?.[kind];
  return {
    inputs,
    shape: (i) => input(i).shape,
    dtype: (i) => input(i).dtype,
    values: (i) => Array.from(valuesOf(i)),
    int: (name) => attr(name, 'int') ?? 0,
    ints: (name) => attr(name, 'ints') ?? [],
    float: (name) => attr(name, 'float') ?? 0,
    bool: (name) => attr(name, 'bool') ?? false,
    text: (name) => attr(name, 'text') ?? '',
    type: (name) => attr(name, 'type') ?? 'float32',
  };
}
