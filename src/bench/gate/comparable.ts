/** Whether two runs may be compared: same machine, same engines, same work. */
import { isPinned } from '../../results/facts.js';
import type { EngineEntry, Results } from '../../results/schema.js';
import type { Difference } from './verdicts.js';

type Scope = 'all' | 'work';
type Fields = Readonly<Record<string, unknown>>;
/** Whether an option of models does: else it changes their speed alone. */
export type ChangesResults = (option: string) => boolean;

/**
 * The fields in which two runs differ and that change times.
 * @param scope `work` leaves out machine and versions: enough for what is counted, and for two checkouts on one machine
 */
export function differences(
  base: Results,
  next: Results,
  changesResults: ChangesResults,
  scope: Scope = 'all',
): Difference[] {
  const fields = ({ machine, engines, models, config_hash, ...rest }: Results): Fields => ({
    ...(scope === 'all' && machineFields({ machine, engines, ...rest })),
    engines: engines.map(({ id }) => id).sort(),
    'machine.threads': machine.threads,
    ...Object.assign({}, ...models.map(({ name, options }) => optionFields(`models.${name}`, options, changesResults))),
    config_hash,
  });
  return differing(fields(base), fields(next)).flatMap((difference) =>
    difference.field === 'config_hash' ? [difference, ...configDifferences(base, next, changesResults)] : [difference],
  );
}

/** Those of the machine and of one engine alone: where there are any, a ratio of times says nothing of the models. */
export function machineDifferences(base: Results, next: Results, engine: string): Difference[] {
  const fields = (results: Results): Fields =>
    machineFields({ ...results, engines: results.engines.filter(({ id }) => id === engine) });
  return differing(fields(base), fields(next));
}

function machineFields({ machine, tool, engines, config }: Pick<Results, 'machine' | 'tool' | 'engines' | 'config'>) {
  return {
    'machine.cpu_model': machine.cpu_model,
    'machine.arch': machine.arch,
    'machine.os': machine.os,
    'machine.pinned_cpu': isPinned(machine) ? 'pinned' : 'not pinned',
    'tool.node': tool.node,
    'config.quick': config.quick,
    'config.rounds': config.rounds ?? 1,
    ...Object.assign({}, ...engines.map(engineFields)),
  };
}

/** Not the variables that steer it: they differ from shell to shell. */
function engineFields({ id, env: _, versions, ...engine }: EngineEntry): Fields {
  return { ...prefixed(`engines.${id}`, engine), ...prefixed(`engines.${id}.versions`, versions) };
}

const optionFields = (prefix: string, options: Fields, changesResults: ChangesResults): Fields =>
  prefixed(prefix, Object.fromEntries(Object.entries(options).filter(([name]) => changesResults(name))));

/** What a different hash of the configuration comes from. */
function configDifferences(base: Results, next: Results, changesResults: ChangesResults): Difference[] {
  const given = ({ options }: Results['config']): Fields => optionFields('', options, changesResults);
  const fields = ({ config }: Results): Fields => {
    const { added_lengths, quick, rounds, precision_pct, max_time_s, ...work } = config;
    return prefixed('config', { ...work, options: given(config) });
  };
  return differing(fields(base), fields(next));
}

const prefixed = (prefix: string, fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [prefix === '' ? key : `${prefix}.${key}`, value]));

/** Of the fields that both have: an option or version that one of them does not know says nothing. */
function differing(base: Fields, next: Fields): Difference[] {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return Object.keys(base)
    .filter((field) => field in next)
    .map((field) => ({ field, base: text(base[field]), new: text(next[field]) }))
    .filter((difference) => difference.base !== difference.new);
}
