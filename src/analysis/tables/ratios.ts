/** Engines, or files, side by side. */
import { group } from 'd3-array';
import { integerText, timeText, withInterval } from '../../report/format.js';
import type { Table } from '../../report/table.js';
import type { Ratio } from '../ratios.js';
import { NONE } from './shared.js';

/** A row a model, phase and length that the reference measured too; none without a ratio. */
export function engineTables(ratios: readonly Ratio[]): Table[] {
  return tableOf(ratios, (reference) => `Engines: time over that of ${reference}, same model, phase and n`);
}

/** As for engines. */
export function fileTables(ratios: readonly Ratio[]): Table[] {
  return tableOf(
    ratios,
    (reference) => `Files: time over that of ${reference}, same machine, engine, model, phase and n`,
  );
}

function tableOf(ratios: readonly Ratio[], title: (reference: string) => string): Table[] {
  const [first] = ratios;
  if (first === undefined) return [];
  const sides = [...new Set(ratios.map(({ side }) => side))];
  const rows = group(ratios, ({ model, phase, n }) => JSON.stringify([model, phase, n]));
  return [
    {
      title: title(first.reference),
      columns: ['Model', 'Phase', 'n', first.reference, ...sides],
      rows: [...rows.values()].map((row) => {
        const [{ model, phase, n, referenceMs }] = row as [Ratio];
        const ratioOf = (id: string): string => {
          const found = row.find(({ side }) => side === id);
          return found === undefined ? NONE : withInterval(found.ratio, 'x');
        };
        return [model, phase, integerText(n), timeText(referenceMs), ...sides.map(ratioOf)];
      }),
      notes: ['Above 1x: slower than the reference. An interval that holds 1 is no difference.'],
    },
  ];
}
