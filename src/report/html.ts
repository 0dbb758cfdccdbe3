/** A page that needs nothing but itself: verdict, figures, tables, provenance, data. */
import { htmlText, printable } from './escape.js';
import type { Table } from './table.js';

export interface Page {
  readonly title: string;
  /** With a file: what is said of that file alone. */
  readonly verdict: readonly VerdictText[];
  /** What toggles a line of the figures; colours are CSS. */
  readonly key: readonly { readonly name: string; readonly colour: string; readonly shape: string }[];
  readonly figures: readonly FigureText[];
  readonly tables: readonly Table[];
  /** What was measured, on what, with which command. */
  readonly facts: readonly string[];
  /** Files to download. */
  readonly data: readonly { readonly name: string; readonly text: string }[];
  readonly style: string;
  /** In the order in which they are run. */
  readonly scripts: readonly string[];
}

interface VerdictText {
  readonly file?: string;
  readonly about: string;
  readonly sentences: readonly string[];
}

interface FigureText {
  readonly title: string;
  readonly note: string;
  /** As wide as the page. */
  readonly whole: boolean;
  /** Side by side; one alone has no label. */
  readonly panels: readonly { readonly label: string; readonly spec: object }[];
}

/** Symbols of the key by vega's names. */
const SYMBOLS: Readonly<Record<string, string>> = {
  ...{ circle: '●', square: '■', 'triangle-up': '▲', diamond: '◆', cross: '✚', 'triangle-down': '▼' },
  ...{ 'triangle-left': '◀\ufe0e', 'triangle-right': '▶\ufe0e' },
};

/** One file that asks for no other. */
export function toHtml(page: Page): string {
  const { title, verdict, key, figures, tables, facts, data } = page;
  const buttons = key.map(
    ({ name, colour, shape }) =>
      `<button type="button" aria-pressed="true" data-model="${htmlText(name)}"><span aria-hidden="true" style="color:${htmlText(colour)}">${SYMBOLS[shape] ?? '●'}</span> ${htmlText(name)}</button>`,
  );
  const downloads = data.map(
    ({ name }, i) => `<a id="data-${i}" href="#data" download="${htmlText(name)}">${htmlText(name)}</a>`,
  );
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    // Nothing is asked for: not even what a name or a chart might.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data: blob:">`,
    `<title>${htmlText(title)}</title><style>${page.style}</style></head>`,
    `<body><main><h1>${htmlText(title)}</h1>`,
    `<section id="verdict"><h2>Verdict</h2>${verdictText(verdict)}</section>`,
    ...(figures.length === 0
      ? []
      : [
          '<section><h2>Pictures</h2><p class="screen">Point at a symbol, or touch it, for its value and processes; a name below shows or hides its model.</p>',
          `<div class="key" role="group" aria-label="Models shown">${buttons.join('')}</div>`,
          `<div class="figures">${figures.map(figureText).join('\n')}</div></section>`,
        ]),
    `<section><h2>Tables</h2><p class="screen">A heading sorts its table.</p>${tables.map(tableText).join('\n')}</section>`,
    `<section><h2>How it was measured</h2>${facts.map((text) => `<p>${htmlText(text)}</p>`).join('\n')}</section>`,
    `<section id="data"><h2>Data</h2><p>${downloads.join(' · ')}</p></section>`,
    '</main><div id="tooltip" role="status" hidden></div>',
    jsonScript('specs', figures.flatMap(({ panels }) => panels.map(({ spec }) => spec))), // biome-ignore format: one thought
    jsonScript('files', data.map(({ text }) => text)), // biome-ignore format: one thought
    ...page.scripts.map((script) => `<script>${script.replaceAll('</script', '<\\/script')}</script>`),
    '</body></html>\n',
  ].join('\n');
}

/** JSON in which nothing ends the script. */
function jsonScript(id: string, value: unknown): string {
  return `<script type="application/json" id="${id}">${JSON.stringify(value).replaceAll('<', '\\u003c')}</script>`;
}

/** What is said of all files, then the files side by side. */
function verdictText(verdict: readonly VerdictText[]): string {
  const of = (which: string | undefined): string => listText(verdict.filter(({ file }) => file === which));
  const files = [...new Set(verdict.flatMap(({ file }) => file ?? []))];
  const own = files.map((file) => `<div><h3>${htmlText(file)}</h3>${of(file)}</div>`);
  return of(undefined) + (own.length === 0 ? '' : `<div class="panels">${own.join('\n')}</div>`);
}

function listText(verdict: readonly VerdictText[]): string {
  const items = verdict.map(
    ({ about, sentences }) => `<dt>${htmlText(about)}</dt><dd>${sentences.map(htmlText).join(' ')}</dd>`,
  );
  return items.length === 0 ? '' : `<dl>${items.join('')}</dl>`;
}

/** The n-th panel of the page shows its n-th specification. */
function figureText({ title, note, whole, panels }: FigureText): string {
  const drawn = panels.map(({ label }) => {
    const name = label === '' ? '' : `<p class="label">${htmlText(label)}</p>`;
    const what = label === '' ? title : `${label}: ${title}`;
    return `<div>${name}<div class="chart" role="img" aria-label="${htmlText(what)}"></div></div>`;
  });
  const said = note === '' ? '' : `<p class="note">${htmlText(note)}</p>`;
  return `<figure${whole ? ' class="whole"' : ''}><figcaption>${htmlText(title)}</figcaption>${said}<div class="panels">${drawn.join('')}</div></figure>`;
}

function tableText({ title, columns, rows, notes }: Table): string {
  const headings = columns.map((text) => `<th scope="col"><button type="button">${htmlText(text)}</button></th>`);
  const lines = rows.map(
    ([name = '', ...cells]) =>
      `<tr><th scope="row">${htmlText(name)}</th>${cells.map((text) => `<td>${htmlText(text)}</td>`).join('')}</tr>`,
  );
  return (
    `<h3>${htmlText(title)}</h3><div class="wide" role="region" aria-label="${htmlText(printable(title))}" tabindex="0"><table><thead><tr>${headings.join('')}</tr></thead>` +
    `<tbody>${lines.join('\n')}</tbody></table></div>${notesText(notes)}`
  );
}

/** More notes than these wait to be asked for. */
const MOST_NOTES = 6;

function notesText(notes: readonly string[]): string {
  const all = notes.map((note) => `<p class="note">${htmlText(note)}</p>`).join('');
  return notes.length > MOST_NOTES
    ? `<details><summary class="note screen">${notes.length} notes</summary>${all}</details>`
    : all;
}
