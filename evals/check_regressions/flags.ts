/** The flags of `check-regressions`. */
export interface GateFlags {
  readonly margin?: number;
  readonly cell_margin: readonly string[];
  readonly confirm: boolean;
  readonly ab: boolean;
  readonly runs: number;
  readonly sets: number;
  readonly seed: number;
  readonly process_timeout?: number;
  readonly advisory: boolean;
  readonly counted_only: boolean;
  readonly calibration?: string;
  readonly export?: string;
  readonly output_dir: string;
}
