/** The engine of a command that runs models itself: `--engine` and `--device`. */
import { Option } from 'commander';
import type { OwnEngine } from '../../../src/engines/engine.js';
import { findOwnEngine, OWN_ENGINE_IDS } from '../../../src/engines/registry.js';
import { check } from '../../../src/errors.js';
import { DEVICES, type Device } from '../../../src/onnx_check.js';
import { oneOf } from '../command_line.js';

export interface EngineFlags {
  readonly engine?: string;
  readonly device: Device;
}

/** @param without ids of engines that the command cannot use; @param standard what is used where none is named, in words */
export function engineOptions(standard: string, without: readonly string[] = []): Option[] {
  const ids = OWN_ENGINE_IDS.filter((id) => !without.includes(id));
  return [
    new Option('--engine <id>', `what runs the models: ${ids.join(', ')} (default: ${standard})`),
    new Option('--device <word>', 'where onnx and browser run them: cpu, webgpu or cuda')
      .default(DEVICES[0])
      .argParser(oneOf('--device', DEVICES)),
  ];
}

/** @throws UserError naming the flag: of an engine that is not known or not to be had, or has no such device */
export function usableEngine(id: string, device: Device): OwnEngine {
  const own = findOwnEngine(id, '--engine');
  const problem = own.problem();
  check(problem === null, `--engine: ${id} cannot be loaded: ${problem}`);
  check(own.devices.includes(device), `--device: ${device} needs an engine that has it, such as onnx, got ${id}`);
  return own;
}
