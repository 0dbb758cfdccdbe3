/** Models of one's own: a module that exports a mixer or a whole model (docs/own_models.md). */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { register } from 'node:module';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { check, messageOf, UserError } from '../errors.js';
import { MODEL_GROUPS } from '../models/groups.js';
import type { AnyMixer } from '../models/mixer.js';
import type { ModelShape, Runner } from '../models/model.js';
import type { ModelOptions, OptionValues } from '../models/options.js';
import { addModel, MODEL_NAMES } from '../models/registry.js';
import { guardMixer, guardModel, type OwnModel } from './guard.js';

/** What a model file exports: `mixer`, or `model`. */
export interface ModelFile {
  /** What rows call it; the name of the file by default. */
  readonly name?: string;
  /** What can be chosen of it, in expressions: `MyModel(rank=4)`. */
  readonly options?: ModelOptions;
  /** The mixer of a layer; the block around it is that of all models. */
  mixer?(shape: ModelShape, options: OptionValues): AnyMixer;
  /** A whole model. @param run compiles a function of tensors where the engine does */
  model?(shape: ModelShape, options: OptionValues, run: Runner): OwnModel;
}

const TYPED = ['.ts', '.mts', '.cts'];
let isHooked = false;

/**
 * Makes the model of a file one that expressions may name.
 * @param where the file was named
 * @returns its name
 * @throws UserError when it cannot be read or loaded, or exports no model
 */
export async function addModelFile(path: string, where: string): Promise<string> {
  const file = resolve(path);
  check(existsSync(file), `${where}: no such file, got ${path}`);
  const sha256 = createHash('sha256')
    .update(bytesOf(file, `${where}: ${path}`))
    .digest('hex');
  const found = await load(file, `${where}: ${path}`);
  const name = checkModelFile(found, basename(file, extname(file)), `${where}: ${path}`);
  const { options = {}, mixer, model } = found;
  addModel({
    ...{ name, fixtureName: name, options, sha256 },
    load: async () => (shape, values) => {
      check(mixer !== undefined, `${name}: mixer: must be exported by a layer of a hybrid, got a whole model`);
      return guardMixer(name, () => mixer(shape, values), shape);
    },
    ...(model && {
      whole: (shape: ModelShape, values: OptionValues, run: Runner) =>
        guardModel(name, () => model(shape, values, run), shape),
    }),
  });
  return name;
}

function bytesOf(file: string, where: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UserError(`${where}: must be a file that can be read, got ${messageOf(error)}`);
  }
}

async function load(file: string, where: string): Promise<ModelFile> {
  if (!isHooked) register('#scripts/resolve_models.mjs', import.meta.url);
  isHooked = true;
  try {
    return (await import(pathToFileURL(file).href)) as ModelFile;
  } catch (error) {
    const { name, code } = error as { readonly name?: string; readonly code?: string };
    const isTyped = code === 'ERR_UNKNOWN_FILE_EXTENSION' && TYPED.includes(extname(file));
    check(!isTyped, `${where}: Node ${process.version} does not strip types; take Node 22.18 or newer, or a .js file`);
    const [reason] = messageOf(error).split('\n');
    check(false, `${where}: cannot be loaded: ${name ?? 'Error'}: ${reason}`);
  }
}

/** The name of a model file. @throws UserError when it is none */
function checkModelFile(
  { name, options, mixer, model, ...others }: ModelFile,
  fileName: string,
  where: string,
): string {
  const given = name ?? fileName;
  const named = /^[a-z][\w.-]*$/i.test(String(given));
  check(named, `${where}: name: must be a word of letters, digits, _, . and -, got ${given}`);
  const taken = [...MODEL_NAMES, ...Object.keys(MODEL_GROUPS)];
  const isTaken = taken.some((known) => known.toLowerCase() === given.toLowerCase());
  check(!isTaken, `${where}: name: must be no model's of attnscale and no group's, got ${given}`);
  const exported = ['mixer', 'model', ...Object.keys(others)].filter((key) => key in { mixer, model, ...others });
  const [main] = [mixer ?? model];
  check(
    typeof main === 'function' && (mixer === undefined || model === undefined),
    `${where}: must export a function mixer, or else a function model, got ${mixer && model ? 'both' : `${exported.filter((key) => !['mixer', 'model'].includes(key)).join(', ') || 'neither'}`}`,
  );
  for (const [option, value] of Object.entries(options ?? {})) {
    const isOption = typeof value?.accepts === 'function' && typeof value.help === 'string';
    check(isOption, `${where}: options.${option}: must be made by whole(…) or oneOf(…), got ${typeof value}`);
  }
  return given;
}
