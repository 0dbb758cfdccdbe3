/** The flags of `calibrate`. */
export interface CalibrateFlags {
  readonly runs: number;
  readonly suites: number;
  readonly detect: number;
  readonly process_timeout?: number;
  readonly seed: number;
  readonly results_file?: string;
  readonly output: string;
}
