/** `export-onnx`: a model as files for ONNX Runtime, in Node.js, in a web page, or in any other language. */
import { Option } from 'commander';
import { MODEL_NAMES } from '../src/models/registry.js';
import { DEFAULTS, type ExportFlags } from './export_onnx/flags.js';
import { createCommand, runCommand, type Streams, wholeNumber } from './shared/command_line.js';
import { modelFileOption } from './shared/engines/own_models.js';

const FILES = `
Writes prefill.onnx, step.onnx (and a step of its own for each kind that ends a period of the model), weights.bin, and
model.json: inputs, outputs and shapes, and how to carry the state. Prints JavaScript that runs them.

Exit code: 0 written, 2 bad usage or a folder that cannot be written.

  export-onnx DeltaNet --n 1024 --hidden_dim 128 --weights w.safetensors --output_dir out`;

/** @param argv without node and script @returns the exit code */
export function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const command = createCommand('export-onnx', 'Write a model as ONNX files.', streams)
    .argument(
      '<model>',
      `${MODEL_NAMES.join(', ')}, MODEL(option=value,…), or a hybrid of layers such as 3*DeltaNet+Softmax`,
    )
    .addHelpText('after', FILES);
  const whole = (name: keyof typeof DEFAULTS, min: number, help: string): Option =>
    new Option(`--${name} <n>`, help).default(DEFAULTS[name]).argParser(wholeNumber(`--${name}`, min));
  const options = [
    modelFileOption('a model of your own, which <model> may name: a module that exports a mixer (docs/own_models.md)'),
    whole('n', 1, 'tokens of the prompt'),
    whole('n_tokens', 0, 'tokens after it that there is room for'),
    whole('batch_size', 1, 'B, rows'),
    whole('vocab_size', 1, 'V, size of the vocabulary'),
    whole('hidden_dim', 1, 'd, model dim'),
    whole('num_layers', 1, 'L, layers'),
    whole('num_heads', 1, 'H, heads; must divide d'),
    whole('ff_dim', 1, 'f, feed-forward dim'),
    new Option('--weights <file>', 'safetensors file, by the names of docs/models.md (default: random weights)'),
    whole('seed', 0, 'of random weights'),
    new Option('--output_dir <folder>', 'folder to write to').default(DEFAULTS.output_dir),
  ];
  for (const option of options) command.addOption(option);
  return runCommand<ExportFlags>(command, argv, streams, async (flags, [model = ''], safe) => {
    const { exportOnnx } = await import('./export_onnx/run.js');
    return exportOnnx(model, flags, safe);
  });
}
