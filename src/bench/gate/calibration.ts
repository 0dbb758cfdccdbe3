/** The file that `calibrate` writes and `check-regressions --calibration` reads. */
import { z } from 'zod';
import { check, checkSchema } from '../../errors.js';
import { type CellId, cellKey } from '../../results/cell.js';
import type { Results } from '../../results/schema.js';
import { PHASES } from '../../results/words.js';
import { min } from '../../statistics.js';

const share = z.number().min(0).max(1);
const count = z.int().min(1);

const rule = z.strictObject({
  runs: count.describe('processes a side'),
  margin_pct: z.number().positive(),
  false_alarm: share.describe('of identical code'),
  detectable_pct: z.number().nonnegative().describe('least slow-down that is found in 95 %'),
});

const suiteRule = rule.extend({
  false_alarm: share.describe('of suites of identical code: an alarm in any cell'),
  detectable_pct: z.number().nonnegative().describe('least slow-down that is found in 95 % in every cell'),
  typical_pct: z.number().nonnegative().describe('the same in half of the cells'),
});

const VERSION = 2;

const calibrationSchema = z.strictObject({
  calibration_version: z.literal(VERSION),
  created_at: z.iso.datetime(),
  cpu_model: z.string(),
  threads: count,
  config_hash: z.string(),
  processes: count.describe('measured, of which suites were drawn'),
  suites: count.describe('drawn for each rule'),
  cells: z.array(
    z.strictObject({
      model: z.string(),
      phase: z.enum(PHASES),
      n: count,
      engine: z.string(),
      spread: z.number().nonnegative().describe('interquartile range of the process values over their median'),
      rules: z.array(rule).min(1),
    }),
  ),
  suite: z.array(suiteRule).min(1),
  goal_pct: z.number().positive().describe('slow-down that a rule must find in half of the cells to be recommended'),
  recommended: z
    .strictObject({ runs: count, margin_pct: z.number().positive() })
    .nullable()
    .describe('null when no rule tried reaches the goal with fewer than 1 % false alarms'),
});

export type Calibration = z.infer<typeof calibrationSchema>;
export type Rule = z.infer<typeof rule>;
export type SuiteRule = z.infer<typeof suiteRule>;

/** Checks that a value is a calibration. @throws UserError naming the first bad field */
export function parseCalibration(value: unknown, where: string): Calibration {
  const version = (value as { calibration_version?: unknown } | null)?.calibration_version;
  check(
    version !== 1,
    `${where}: calibration_version must be ${VERSION}, got 1 of an older attnscale; run calibrate again`,
  );
  return checkSchema(calibrationSchema, value, where);
}

/** Throws unless the calibration was made on this machine, with these engines, for this work. */
export function checkCalibration(
  calibration: Calibration,
  { machine, engines, config_hash }: Results,
  where: string,
): void {
  const wanted = { cpu_model: machine.cpu_model, threads: machine.threads, config_hash };
  for (const [field, value] of Object.entries(wanted)) {
    const got = calibration[field as keyof typeof wanted];
    check(got === value, `${where}: ${field}: must be ${value} as in NEW, got ${got}; run calibrate again`);
  }
  const known = [...new Set(calibration.cells.map(({ engine }) => engine))];
  const other = engines.find(({ id }) => !known.includes(id));
  check(
    other === undefined,
    `${where}: cells: must be of ${other?.id} too as in NEW, got ${known}; run calibrate again`,
  );
}

/** The smallest margin that raised fewer than 1 % false alarms in a cell at the recommended runs; null if none did. */
export function calibratedMargin(calibration: Calibration, cell: CellId): number | null {
  const found = calibration.cells.find((other) => cellKey(other) === cellKey(cell));
  const runs = calibration.recommended?.runs;
  const quiet = found?.rules.filter((one) => one.runs === runs && one.false_alarm < MAX_FALSE_ALARMS) ?? [];
  return quiet.length === 0 ? null : min(quiet.map(({ margin_pct }) => margin_pct)) / 100;
}

/** Share of suites of identical code in which an alarm is let pass. */
export const MAX_FALSE_ALARMS = 0.01;
