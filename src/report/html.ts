/** Tables as a page of HTML. */
import { htmlText } from './escape.js';
import type { Table } from './table.js';

/** A document: heading, remarks, then every table with its notes. */
export function toHtml(heading: string, remarks: readonly string[], tables: readonly Table[]): string {
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((text) => `<${tag}>${htmlText(text)}</${tag}>`).join('')}</tr>`;
  const list = (texts: readonly string[]): string => texts.map((text) => `<p>${htmlText(text)}</p>`).join('\n');
  const sections = tables.map(
    ({ title, columns, rows, notes }) =>
      `<table><caption>${htmlText(title)}</caption>\n<thead>${row('th', columns)}</thead>\n<tbody>\n` +
      `${rows.map((cells) => row('td', cells)).join('\n')}\n</tbody></table>\n${list(notes)}`,
  );
  const style =
    'body{font-family:sans-serif}table{border-collapse:collapse;margin-top:2em}td,th{border:1px solid;padding:.3em .6em}caption{text-align:left;font-weight:bold}';
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${htmlText(heading)}</title><style>${style}</style></head>\n` +
    `<body><h1>${htmlText(heading)}</h1>\n${list(remarks)}\n${sections.join('\n')}\n</body></html>\n`
  );
}
