/** What export-onnx does once its flags are read. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT } from '#scripts/ending.mjs';
import { check, messageOf } from '../../src/errors.js';
import { modelFiles } from '../../src/exported/model_files.js';
import { shapeOf } from '../../src/models/model.js';
import { checkShape, createModel } from '../../src/models/registry.js';
import { parseRow } from '../../src/models/rows.js';
import { parseSafeTensors } from '../../src/models/safetensors.js';
import { randomWeights, storedWeights, type WeightSource } from '../../src/models/weights.js';
import { recordingProblem } from '../../src/onnx_check.js';
import { initBackend } from '../../src/tf.js';
import type { Streams } from '../shared/command_line.js';
import { addOwnModels } from '../shared/engines/own_models.js';
import { exampleOf } from './example.js';
import type { ExportFlags } from './flags.js';
import { prepareFolder, writeExport } from './folder.js';

/** @returns the exit code @throws UserError naming the flag: of a model, a file of weights or a folder that cannot be had */
export async function exportOnnx(expression: string, flags: ExportFlags, { stdout, stderr }: Streams): Promise<number> {
  const shape = shapeOf(flags);
  await addOwnModels(flags.model);
  checkShape(shape, (size) => `--${size}`);
  const { name, model: kind, options } = parseRow(expression, {}, shape, 'model', (size) => `--${size}`);
  const problem = recordingProblem();
  check(problem === null, `export-onnx: cannot record: ${problem}`);
  const weights = weightsOf(flags);
  const folder = resolve(flags.output_dir);
  prepareFolder(folder);
  await initBackend('wasm');
  const model = { ...(await createModel(kind, shape, options)), name }; // with its options in it
  const most = flags.n + flags.n_tokens;
  const { page, files } = modelFiles(model, model.init(weights), { n: flags.n, batch: flags.batch_size, most });
  writeExport(folder, files);
  for (const file of files.keys()) stderr.write(`wrote ${resolve(folder, file)}\n`);
  stdout.write(exampleOf(page, folder, flags.vocab_size));
  return EXIT.ok;
}

function weightsOf({ weights: file, seed }: ExportFlags): WeightSource {
  if (file === undefined) return randomWeights(seed);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    check(false, `--weights: must be a file that can be read, got ${file} (${messageOf(error)})`);
  }
  return storedWeights(parseSafeTensors(bytes, file), file);
}
