/** Whether two runs may be compared: same machine, same engine, same work. */

import { isPinned } from '../../results/facts.js';
import type { Results } from '../../results/schema.js';
import type { Difference } from './verdicts.js';

type Scope = 'all' | 'work';
type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields in which two runs differ and that change times.
 * @param scope `work` leaves out machine and versions: enough for what is counted, and for two checkouts on one machine
 */
export function differences(base: Results, next: Results, scope: Scope = 'all'): Difference[] {
  const [ofBase, ofNew] = [fieldsOf(base, scope), fieldsOf(next, scope)];
  return differing(ofBase, ofNew).flatMap((difference) =>
    difference.field === 'config_hash' ? [difference, ...configDifferences(base, next)] : [difference],
  );
}

function fieldsOf({ machine, runtime, config, config_hash }: Results, scope: Scope): Fields {
  const work = { 'runtime.backend': runtime.backend, 'machine.threads': machine.threads, config_hash };
  if (scope === 'work') return work;
  return {
    'machine.cpu_model': machine.cpu_model,
    'machine.arch': machine.arch,
    'machine.os': machine.os,
    'machine.pinned_cpu': isPinned(machine) ? 'pinned' : 'not pinned',
    'runtime.node': runtime.node,
    'runtime.tfjs': runtime.tfjs,
    'runtime.tensorflow': runtime.tensorflow,
    'runtime.small_products': runtime.small_products ?? false,
    'runtime.causal_attention': runtime.causal_attention ?? false,
    'config.quick': config.quick,
    ...work,
  };
}

/** What a different hash of the configuration comes from. */
function configDifferences(base: Results, next: Results): Difference[] {
  const prefixed = ({
    config: { added_lengths, quick, precision_pct, max_time_s, scan_chunk, ...config },
  }: Results): Fields => Object.fromEntries(Object.entries(config).map(([key, value]) => [`config.${key}`, value]));
  return differing(prefixed(base), prefixed(next));
}

function differing(base: Fields, next: Fields): Difference[] {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return Object.keys(base)
    .map((field) => ({ field, base: text(base[field]), new: text(next[field]) }))
    .filter((difference) => difference.base !== difference.new);
}
