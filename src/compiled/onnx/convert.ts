/** A recorded graph as ONNX has it: the forms of the table's rows, one after the other. */
import { check } from '../../errors.js';
import { callOf } from '../ops/call.js';
import { ONNX_TYPES, type OnnxAttrs, type OnnxCall, type Ref } from '../ops/onnx_call.js';
import { table } from '../ops/table.js';
import {
  CONST,
  type Constant,
  type DType,
  FUSED,
  type Graph,
  type GraphFunction,
  type GraphNode,
  LOOP,
  OPERATOR,
  type TensorSpec,
} from '../record/graph.js';
import { bytesOf, elementsOf, expanded } from './elements.js';
import type { Initializer, OnnxModel, OnnxNode, OnnxTensor } from './graph.js';
import { idiomOf } from './idioms.js';
import { pruned } from './prune.js';
import { isSame, know, type Plan, planOf, type Shapes, viewAs, viewOf } from './views.js';

/** What a recorded reference stands for; a constant has no name in the model until it needs one. */
interface Known extends TensorSpec {
  name?: Ref;
  readonly constant?: Constant;
  readonly producer?: GraphNode;
}

/** What is known of the whole model. */
interface Model {
  readonly functions: ReadonlyMap<string, GraphFunction>;
  readonly initializers: Initializer[];
  /** Small constants, looked up by content. */
  readonly small: Map<string, Ref>;
  readonly shapes: Shapes;
  /** Nodes so far, which gives each a name of its own. */
  made: number;
}

/** A graph in the making: the model's own, or the body of a loop. */
interface Scope {
  readonly model: Model;
  readonly nodes: OnnxNode[];
  /** What nodes of these inputs and attributes are called. */
  readonly written: Map<string, readonly Ref[]>;
  readonly known: Map<string, Known>;
}

/** What is computed of the same constants is computed once, so those of masks and gains count too. */
const SMALL_BYTES = 4096;

/**
 * @param captured values of the last arguments of `main`, which become part of the model; null for one that is fed too, by
 *   its recorded name
 * @param inputs names of the arguments before them
 * @param outputs names of the results
 */
export function onnxModel(
  { main, functions }: Graph,
  captured: readonly (Constant | null)[],
  inputs: readonly Ref[],
  outputs: readonly Ref[],
): OnnxModel {
  const model: Model = {
    functions: new Map(functions.map((each) => [each.name, each])),
    initializers: [],
    small: new Map(),
    shapes: { real: new Map(), views: new Map(), places: new Map() },
    made: 0,
  };
  const scope: Scope = { model, nodes: [], written: new Map(), known: new Map() };
  const values: Known[] = main.args.map(({ name, shape, dtype }, i) => {
    const constant = captured[i - inputs.length];
    return constant ? { ...constant, constant } : { name: inputs[i] ?? name, shape, dtype };
  });
  main.args.forEach(({ name }, i) => {
    learn(scope, name, values[i] as Known);
  });
  writeNodes(scope, main.nodes);
  const results = main.results.map(({ ref }, i) => pass(scope, refTo(scope, ref), outputs[i] as Ref));
  const fed = values.flatMap(({ name, shape, dtype, constant }) =>
    constant ? [] : [{ name: name as Ref, shape, dtype }],
  );
  const graph = { name: 'main', nodes: scope.nodes, inputs: fed, outputs: described(scope, main, results) };
  return pruned({ graph, initializers: model.initializers });
}

/** The results of a function by their names in the model. */
function described(scope: Scope, { results }: GraphFunction, names: readonly Ref[]): OnnxTensor[] {
  return results.map(({ ref }, i) => {
    const { shape, dtype } = knownOf(scope, ref);
    return { name: names[i] as Ref, shape, dtype };
  });
}

function knownOf({ known }: Scope, recorded: string): Known {
  const found = known.get(recorded);
  check(found !== undefined, `compile: a graph must refer to what it has, got ${recorded}`);
  return found;
}

/** Says what a recorded reference stands for. */
function learn({ model, known }: Scope, recorded: string, value: Known): void {
  known.set(recorded, value);
  if (value.name !== undefined) know(model.shapes, value.name, value.shape);
}

/** What forms call a recorded reference. */
function nameOf(scope: Scope, recorded: string): Ref {
  const found = knownOf(scope, recorded);
  found.name ??= initializer(scope.model, expanded(found.constant as Constant));
  return found.name;
}

/** The name that a recorded reference has in the model, in its shape. */
const refTo = (scope: Scope, recorded: string): Ref => shaped(scope, nameOf(scope, recorded));

function initializer({ initializers, small, shapes }: Model, { dtype, shape, bytes }: Omit<Initializer, 'name'>): Ref {
  const content = bytes.length > SMALL_BYTES ? null : `${dtype}[${shape}]${Buffer.from(bytes).toString('hex')}`;
  const same = content === null ? undefined : small.get(content);
  if (same !== undefined) return same;
  const name = `constant_${initializers.length}`;
  initializers.push({ name, dtype, shape, bytes });
  know(shapes, name, shape);
  if (content !== null) small.set(content, name);
  return name;
}

/** Adds a node of one output. */
function write(scope: Scope, op: string, inputs: readonly Ref[], attrs?: OnnxAttrs): Ref {
  return writeMany(scope, op, inputs, 1, attrs)[0] as Ref;
}

/** Adds a node that works on what its inputs have, as far as it can. */
function writeMany(scope: Scope, op: string, inputs: readonly Ref[], count: number, attrs: OnnxAttrs = {}): Ref[] {
  const { shapes } = scope.model;
  if (!inputs.some((input) => shapes.views.has(input))) return writeNode(scope, op, inputs, count, attrs);
  const plan = planOf(shapes, op, inputs, attrs);
  const refs = inputs.map((input, i) => shaped(scope, input, plan?.inputs[i]));
  const outputs = writeNode(scope, op, refs, count, plan?.attrs ?? attrs);
  return plan ? outputs.map((ref, i) => viewAs(shapes, { ...(plan.outputs[i] as Plan['outputs'][0]), ref })) : outputs;
}

/** Adds a node, but where there is one that computes the same. */
function writeNode(scope: Scope, op: string, inputs: readonly Ref[], count: number, attrs: OnnxAttrs): Ref[] {
  const content = `${op}(${inputs})${JSON.stringify(attrs)}`;
  const same = scope.written.get(content);
  if (same) return [...same];
  const id = scope.model.made++;
  const outputs = count === 1 ? [`${op}_${id}`] : Array.from({ length: count }, (_, i) => `${op}_${id}_${i}`);
  scope.nodes.push({ op, inputs, outputs, attrs });
  scope.written.set(content, outputs);
  return outputs;
}

/** The tensor of the model that a name stands for, in the shape that it is said to have or another one. */
function shaped(scope: Scope, name: Ref, wanted?: readonly number[]): Ref {
  const view = viewOf(scope.model.shapes, name);
  if (view === null) return name;
  const shape = wanted ?? view.shape;
  return isSame(view.real, shape) ? view.ref : writeReshape(scope, view.ref, shape);
}

function writeReshape(scope: Scope, x: Ref, shape: readonly number[]): Ref {
  const attrs = shape.includes(0) ? { allowzero: { int: 1 } } : {};
  const [output] = writeNode(scope, 'Reshape', [x, places(scope.model, shape)], 1, attrs) as [Ref];
  know(scope.model.shapes, output, shape);
  return output;
}

/** Passes a tensor on by another name. */
function pass(scope: Scope, x: Ref, name: Ref): Ref {
  scope.nodes.push({ op: 'Identity', inputs: [x], outputs: [name], attrs: {} });
  return name;
}

/** The same elements in another shape; of what has an unknown one by a node. */
function reshaped(scope: Scope, x: Ref, from: readonly number[] | null, shape: readonly number[]): Ref {
  const { shapes } = scope.model;
  const view = viewOf(shapes, x);
  const real = view?.real ?? from;
  return real ? viewAs(shapes, { ref: view?.ref ?? x, real, shape }) : writeReshape(scope, x, shape);
}

function places(model: Model, values: readonly number[]): Ref {
  // Slices and shapes repeat them often, and to write down their bytes takes longer.
  const content = `places ${values}`;
  const same = model.small.get(content);
  if (same !== undefined) return same;
  const ref = initializer(model, { dtype: 'int64', shape: [values.length], bytes: bytesOf(values, 'int64') });
  model.small.set(content, ref);
  model.shapes.places.set(ref, values);
  return ref;
}

function writeNodes(scope: Scope, nodes: readonly GraphNode[]): void {
  for (const node of nodes) {
    const { name, op, outputs } = node;
    if (op === CONST) {
      const { value } = node.attrs;
      if (value && 'tensor' in value) learn(scope, name, { ...value.tensor, constant: value.tensor });
      continue;
    }
    const refs = (WRITERS[op] ?? writeOp)(scope, node);
    outputs.forEach(({ shape, dtype }, i) => {
      learn(scope, i === 0 ? name : `${name}:${i}`, { shape, dtype, name: refs[i] as Ref, producer: node });
    });
  }
}

/** Of what is no op of the table. */
const WRITERS: Readonly<Record<string, (scope: Scope, node: GraphNode) => readonly Ref[]>> = {
  [LOOP]: writeLoop,
  [FUSED]: writeFused,
  [OPERATOR]: writeOperator,
};

/** An operator of ONNX Runtime's own. */
function writeOperator(scope: Scope, { inputs, outputs, attrs: { operator, ...attrs } }: GraphNode): readonly Ref[] {
  const op = operator && 'text' in operator ? operator.text : '';
  const id = scope.model.made++;
  const names = outputs.map((_, i) => `${op}_${id}_${i}`);
  const refs = inputs.map((input) => (input === '' ? '' : refTo(scope, input)));
  scope.nodes.push({ op, isOfRuntime: true, inputs: refs, outputs: names, attrs: attrs as OnnxAttrs });
  return names;
}

function writeOp(scope: Scope, node: GraphNode): readonly Ref[] {
  const idiom = idiomOf(node, {
    producer: (ref) => knownOf(scope, ref).producer,
    constant: (ref) => knownOf(scope, ref).constant,
    spec: (ref) => knownOf(scope, ref),
  });
  const form = idiom?.onnx ?? table[node.op]?.onnx;
  check(form !== undefined, `compile: ${node.op} has no ONNX form: give it a row in src/compiled/ops/table.ts`);
  const made = form(callFor(scope, idiom ? { ...node, inputs: idiom.inputs } : node));
  return typeof made === 'string' ? [made] : made;
}

function callFor(scope: Scope, { op, inputs, attrs, outputs }: GraphNode): OnnxCall {
  const knownInput = (i: number): Known => knownOf(scope, inputs[i] as string);
  const valuesOf = (i: number): ArrayLike<number> => {
    const { constant } = knownInput(i);
    check(constant !== undefined, `compile: the ONNX form of ${op} must know the elements of input ${i}, got a tensor`);
    return elementsOf(constant);
  };
  const constant = (values: readonly number[], spec: TensorSpec): Ref =>
    initializer(scope.model, expanded({ ...spec, bytes: bytesOf(values, spec.dtype) }));
  const call = callOf(
    op,
    inputs.map((_, i) => knownInput(i)),
    attrs,
    valuesOf,
  );
  // Not spread: V8 takes 30 µs to spread functions, of each node more than all else here.
  return Object.assign(call, {
    outputs,
    input: (i: number) => nameOf(scope, inputs[i] as string),
    add: (name: string, from: readonly Ref[], more?: OnnxAttrs) => write(scope, name, from, more),
    addMany: (name: string, from: readonly Ref[], count: number, more?: OnnxAttrs) =>
      writeMany(scope, name, from, count, more),
    reshape: (x: Ref, from: readonly number[] | null, to: readonly number[]) => reshaped(scope, x, from, to),
    places: (values: readonly number[]) => places(scope.model, values),
    scalar: (value: number, dtype: DType) => constant([value], { shape: [], dtype }),
    constant,
  });
}

function bodyOf({ model }: Scope, { attrs: { body } }: GraphNode): GraphFunction {
  return model.functions.get(body && 'function' in body ? body.function : '') as GraphFunction;
}

/** What ONNX would make one operation by itself is written where it stands. */
function writeFused(scope: Scope, node: GraphNode): readonly Ref[] {
  const body = bodyOf(scope, node);
  const inner = innerScope(scope, body, node.inputs);
  writeNodes({ ...inner, nodes: scope.nodes, written: scope.written }, body.nodes);
  return body.results.map(({ ref }) => nameOf(inner, ref));
}

/** The body reads what is outside by its name there, so that only the state goes round. */
function writeLoop(scope: Scope, node: GraphNode): readonly Ref[] {
  const body = bodyOf(scope, node);
  const states = node.outputs.length;
  const { model } = scope;
  const [iteration, going] = [`iteration_${model.made++}`, `going_${model.made++}`];
  const entering = body.args
    .slice(0, states)
    .map(({ shape, dtype }) => ({ name: `state_${model.made++}`, shape, dtype }));
  const inner = innerScope(scope, body, node.inputs.slice(states + 1), states + 1);
  body.args.slice(0, states).forEach(({ name }, i) => {
    learn(inner, name, entering[i] as Known);
  });
  const toInt = { to: { int: ONNX_TYPES.int32 } };
  const at = body.args[states] as TensorSpec & { name: string };
  learn(inner, at.name, { ...at, name: write(inner, 'Cast', [iteration], toInt) });
  writeNodes(inner, body.nodes);
  const results = body.results.map(({ ref }) => refTo(inner, ref));
  const { once, each } = byChange(inner.nodes, [iteration, going, ...entering.map(({ name }) => name)]);
  for (const repeated of once) scope.nodes.push(repeated);
  const next = leaving({ ...inner, nodes: each }, [going, ...results]);
  const flag = { shape: [], dtype: 'bool' } as const;
  const graph = {
    name: body.name,
    nodes: each,
    inputs: [{ name: iteration, shape: [], dtype: 'int64' as const }, { name: going, ...flag }, ...entering],
    outputs: [{ name: next[0] as Ref, ...flag }, ...described(inner, body, next.slice(1))],
  };
  const count = write(scope, 'Cast', [refTo(scope, node.inputs[states] as string)], {
    to: { int: ONNX_TYPES.int64 },
  });
  const id = model.made++;
  const outputs = entering.map((_, i) => `Loop_${id}_${i}`);
  const inputs = [count, '', ...node.inputs.slice(0, states).map((ref) => refTo(scope, ref))];
  scope.nodes.push({ op: 'Loop', inputs, outputs, attrs: {}, body: graph });
  return outputs;
}

/** The nodes of a loop's body that compute the same each time round, and those that read what changes. */
function byChange(nodes: readonly OnnxNode[], changing: readonly Ref[]): Record<'once' | 'each', OnnxNode[]> {
  const changed = new Set(changing);
  const [once, each]: [OnnxNode[], OnnxNode[]] = [[], []];
  for (const node of nodes) {
    const changes = node.body !== undefined || node.inputs.some((input) => changed.has(input));
    (changes ? each : once).push(node);
    if (changes) for (const output of node.outputs) changed.add(output);
  }
  return { once, each };
}

/** The names by which results leave a body: what its nodes make as it is, once, since to pass it on would copy it. */
function leaving(body: Scope, results: readonly Ref[]): Ref[] {
  const own = new Set(body.nodes.flatMap(({ outputs }) => outputs));
  return results.map((result) => (own.delete(result) ? result : pass(body, result, `passed_${body.model.made++}`)));
}

/** A scope for a function whose arguments from `first` on are what `refs` name outside. */
function innerScope(outer: Scope, { args }: GraphFunction, refs: readonly string[], first = 0): Scope {
  const known = refs.map((ref, i) => [args[first + i]?.name ?? '', knownOf(outer, ref)] as const);
  return { model: outer.model, nodes: [], written: new Map(), known: new Map(known) };
}
