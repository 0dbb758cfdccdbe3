/** What may be said of a whole results file. */
import { isMeasured } from './cell.js';
import type { Cell, Machine, Results } from './schema.js';

/** Cells that were asked for and not measured: a length that the run added by itself may fail. */
export function lostCells({ cells, config }: Pick<Results, 'cells' | 'config'>): Cell[] {
  const added = config.added_lengths ?? [];
  return cells.filter((cell) => !isMeasured(cell) && !added.includes(cell.n));
}

/** What all cells of a file have in common and their times depend on, as columns of an export. */
export function settingOf({ config, machine }: Pick<Results, 'config' | 'machine'>) {
  const { batch_size, hidden_dim, num_heads, num_layers, ff_dim, vocab_size, options } = config;
  const shape = { batch_size, hidden_dim, num_heads, num_layers, ff_dim, vocab_size };
  return { ...shape, ...options, threads: machine.threads, cpu_model: machine.cpu_model };
}

/** Whether a run's processes were; older files do not say, and were not. */
export const isPinned = ({ pinned_cpu }: Pick<Machine, 'pinned_cpu'>): boolean => typeof pinned_cpu === 'number';
