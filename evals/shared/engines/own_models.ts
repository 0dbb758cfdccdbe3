/** Models of one's own: `--model`, a file each. */
import { Option } from 'commander';

/** @param help what the command does with it */
export const modelFileOption = (help: string): Option =>
  new Option('--model <file>', `${help}; repeatable`)
    .default([])
    .argParser((file, others: readonly string[]) => [...others, file]);

/** Makes the models of files known by name. @returns their names @throws UserError naming a file that holds none */
export async function addOwnModels(files: readonly string[]): Promise<string[]> {
  if (files.length === 0) return [];
  const { addModelFile } = await import('../../../src/own/load.js');
  const names: string[] = [];
  for (const file of new Set(files)) names.push(await addModelFile(file, '--model'));
  return names;
}
