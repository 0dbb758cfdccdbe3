/** Engines side by side. */
import { group } from 'd3-array';
import { integerText, timeText, withInterval } from '../../report/format.js';
import type { Table } from '../../report/table.js';
import type { EngineRatio } from '../engine_ratios.js';
import { NONE } from './shared.js';

/** A row a model, phase and length that the reference measured too; none without a ratio. */
export function engineTables(ratios: readonly EngineRatio[]): Table[] {
  const [first] = ratios;
  if (first === undefined) return [];
  const engines = [...new Set(ratios.map(({ engine }) => engine))];
  const rows = group(ratios, ({ model, phase, n }) => JSON.stringify([model, phase, n]));
  return [
    {
      title: `Engines: time over that of ${first.reference}, same model, phase and n`,
      columns: ['Model', 'Phase', 'n', first.reference, ...engines],
      rows: [...rows.values()].map((row) => {
        const [{ model, phase, n, referenceMs }] = row as [EngineRatio];
        const ratioOf = (id: string): string => {
          const found = row.find(({ engine }) => engine === id);
          return found === undefined ? NONE : withInterval(found.ratio, 'x');
        };
        return [model, phase, integerText(n), timeText(referenceMs), ...engines.map(ratioOf)];
      }),
      notes: ['Above 1x: slower than the reference. An interval that holds 1 is no difference.'],
    },
  ];
}
