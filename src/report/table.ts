/** A table as plain data: one renderer a format. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  /** The first cell names the row. */
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}
