/** What files are called that are shown side by side. */
import { resolve, sep } from 'node:path';
import { max } from '../../src/statistics.js';

/** The end of each path that no other has, without `.json`; a file that is given twice has a number. */
export function labelsOf(files: readonly string[]): string[] {
  const parts = files.map((file) => resolve(file.replace(/\.(json|csv)$/i, '')).split(sep));
  const longest = max(parts.map(({ length }) => length));
  const endsOf = (length: number): string[] => parts.map((part) => part.slice(-length).join('/'));
  const lengths = Array.from({ length: longest }, (_, i) => i + 1);
  const enough = lengths.find((length) => new Set(endsOf(length)).size === files.length) ?? 1;
  const ends = endsOf(enough);
  return ends.map((end, i) => {
    const before = ends.slice(0, i).filter((one) => one === end).length;
    return before === 0 ? end : `${end} (${before + 1})`;
  });
}
