/** The flags of `check-laws`. */

export interface LawFlags {
  readonly new?: string;
  /** Seconds. */
  readonly timeout: number;
}
