/** Names, reasons and paths are data: every target's own parser reads them back, whatever is in them. */
import { csvParse } from 'd3-dsv';
import fc from 'fast-check';
import { parse as parseJunit } from 'junit2json';
import MarkdownIt from 'markdown-it';
import { type DefaultTreeAdapterTypes, parse as parseHtml } from 'parse5';
import { describe, expect, test } from 'vitest';
import { toCsv } from '../../src/report/csv.js';
import { latexText, printable, terminalText } from '../../src/report/escape.js';
import { toHtml } from '../../src/report/html.js';
import { toJunit } from '../../src/report/junit.js';
import { toLatex } from '../../src/report/latex.js';
import { toMarkdown } from '../../src/report/markdown.js';
import type { Table } from '../../src/report/table.js';
import { toTerminal } from '../../src/report/terminal.js';

const PIECES = [
  ...[
    '::error::x',
    '##[add-mask]y',
    '##vso[task.complete]',
    '\u001b[31m',
    '\u001b]0;title\u0007',
    '\u009b2J',
    '\r',
    '\n',
  ],
  ...['\u0000', '\u202e', '\u2066', '\u2028', '\ufffe', '\ud800', '\udc00x', '\u200b', '\ufeff', '\t', ' ', '    '],
  ...['|', '\\', '\\|', '`', '```', '**b**', '_i_', '~~s~~', '<b>', '</td>', '<!--', '-->', '&amp;', '&', '"', "'"],
  ...[
    '[l](http://a.b)',
    '![i](x)',
    '[^1]',
    '[x]: y',
    'http://a.b',
    'www.a.b',
    '@team',
    '# h',
    '- l',
    '> q',
    '1. o',
    '===',
  ],
  ...[
    '=1+2',
    '+1',
    '-1',
    '@SUM(A1)',
    '＝1',
    '%s',
    ',',
    ';',
    '注意力',
    '🚀',
    '👩‍🔬',
    'Ψ',
    'é',
    '__proto__',
    'constructor',
  ],
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 4 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''))
  .filter((text) => text.trim() !== '');
const FIXED = [
  'back\\slash|pipe\\',
  'a\nb',
  '::error::x',
  '=cmd|x',
  '<script>',
  '\u001b[2J',
  '__proto__',
  '\ufffe\ud800',
];
const each = (check: (text: string) => void): void => {
  for (const text of FIXED) check(text);
  fc.assert(fc.property(hostile, check), { numRuns: 400 });
};

const tableOf = (text: string): Table => ({
  title: text,
  columns: ['Model', text],
  rows: [
    [text, '1.5 ms'],
    ['after', text],
  ],
  notes: [text],
});
/** Spaces at the ends and in runs are layout to most targets. */
const squeezed = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
const shown = (text: string): string => squeezed(printable(text));

describe('text that can be seen', () => {
  test('shows controls, marks of direction and lone surrogates by their codes, and leaves every language alone', () => {
    expect(printable('a\nb\r\t\u0000\u001b[31m\u202e\ud800\ufffe\u{e0041}')).toBe(
      'a\\nb\\r\\t\\x00\\x1b[31m\\u202e\\ud800\\ufffe\\u{e0041}',
    );
    expect(printable('Mödel 🚀 注意力 Ψ 👩‍🔬 नमस्ते')).toBe('Mödel 🚀 注意力 Ψ 👩‍🔬 नमस्ते');
  });
  test('is the same when it is made visible twice', () =>
    each((text) => {
      expect(printable(printable(text))).toBe(printable(text));
    }));
});

describe('a terminal or a log', () => {
  const control = /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u;
  test('gets no control character, no other direction of writing and no command of a runner', () =>
    each((text) => {
      const lines = terminalText(`before\n${text}\nafter ${text}`);
      expect(lines).not.toMatch(/^\s*::|##\w*\[/m);
      expect(lines.replaceAll('\u001b[1m', '').replaceAll('\u001b[22m', '')).not.toMatch(control);
    }));
  test('shows a colour that is not ours, which could hide what follows', () =>
    expect(terminalText('a\u001b[8mb\u001b[31;40m\u001b[m')).toBe('a\\x1b[8mb\\x1b[31;40m\\x1b[m'));
  test('keeps lines, words and bold as they are', () => {
    const usual = '\u001b[1mTimes\u001b[22m\n│ 12.3 ms ± 0.4 │\n  a: :b c::d\n';
    expect(terminalText(usual)).toBe(usual);
  });
  test('a table has a line a row, whatever the names', () =>
    each((text) => {
      const lines = toTerminal([tableOf(text)], (title) => title).split('\n');
      expect(lines).toHaveLength(8);
      expect(lines.join('')).not.toMatch(control);
    }));
});

describe('Markdown', () => {
  const reader = new MarkdownIt({ html: true, linkify: true });
  test("a table has its cells, and they hold the text and nothing else, as GitHub's dialect reads them", () =>
    each((text) => {
      const html = reader.render(toMarkdown('heading', [], [tableOf(text)]).replaceAll('<!-- -->', ''));
      const page = parseHtml(html);
      expect(tagsOf(page)).toEqual([
        ...'html head body h2 h3 table thead tr th th tbody tr td td tr td td p'.split(' '),
      ]);
      expect(textsOf(page, 'td')).toEqual([shown(text), '1.5 ms', 'after', shown(text)]);
      expect(textsOf(page, 'th')).toEqual(['Model', shown(text)]);
      expect(textsOf(page, 'p')).toEqual([shown(text)]);
    }));
  test('leaves numbers and intervals legible in the source', () => {
    const table = { title: 't', columns: ['x'], rows: [['1.82x [1.74, 1.91]'], ['-0.5 ms ± 0.1']], notes: [] };
    expect(toMarkdown('h', [], [table])).toContain('| 1.82x [1.74, 1.91] |\n| -0.5 ms ± 0.1      |');
  });
});

describe('HTML', () => {
  test('cells hold the text and nothing else', () =>
    each((text) => {
      const html = toHtml({
        title: text,
        verdict: [{ about: text, sentences: [text] }],
        key: [{ name: text, colour: 'var(--ink)', shape: 'circle' }],
        figures: [{ title: text, note: text, whole: false, panels: [{ label: text, spec: { text } }] }],
        tables: [tableOf(text)],
        facts: [text],
        data: [{ name: text, text }],
        ...{ style: '', scripts: [`const text = ${JSON.stringify('</script>')};`] },
      });
      const page = parseHtml(html);
      const tags = 'html head meta title style body main h1 h2 h3 section dl dt dd p div button span figure figcaption';
      expect(new Set(tagsOf(page))).toEqual(new Set(`${tags} table thead tr th tbody td a script`.split(' ')));
      for (const tag of ['title', 'h1', 'dt', 'dd', 'figcaption', 'a'])
        expect(textsOf(page, tag)).toEqual([shown(text)]);
      expect(textsOf(page, 'p').filter((said) => said === shown(text))).toHaveLength(5); // of figure, panel, table, facts, data
      expect(tagsOf(page).filter((tag) => tag === 'script')).toHaveLength(3);
      const [specs, files] = textsOf(page, 'script');
      expect(squeezed(JSON.parse(specs ?? '')[0].text)).toBe(squeezed(text));
      expect(squeezed(JSON.parse(files ?? '')[0])).toBe(squeezed(text));
    }));
});

describe('CSV', () => {
  test('names come back, never as a formula; numbers stay numbers', () =>
    each((text) => {
      const [row] = csvParse(toCsv(['name', 'ms'], [{ name: text, ms: -1.5e-7 }]));
      expect(row?.['name']?.replace(/^'/, '')).toBe(printable(text).replace(/^'/, ''));
      expect(row?.['name']).not.toMatch(/^\s*[=+\-@＝＋－＠]/);
      expect(Number(row?.['ms'])).toBe(-1.5e-7);
    }));
});

describe('LaTeX', () => {
  const escapes = /\\(?:[#$%&_{}]|text[a-z]+\{\})|\$(?:\\[a-z]+|\^\d)\$|\{\[\}/g;
  test('a table has its rows, and nothing in a name is a command', () =>
    each((text) => {
      const rows = toLatex('heading', [], [tableOf(text)]).split('\n');
      expect(rows.filter((line) => line.endsWith(' \\\\'))).toHaveLength(3);
      expect(latexText(text).replaceAll(escapes, '')).not.toMatch(/[\\#$%&_{}^~[]/);
    }));
  test('signs of ours are mathematics', () => {
    expect(latexText('12.3 ms ± 0.4, n², 50 % of a_b')).toBe('12.3 ms $\\pm$ 0.4, n$^2$, 50 \\% of a\\_b');
  });
});

describe('JUnit', () => {
  /** What XML 1.0 allows, https://www.w3.org/TR/xml/#charsets. */
  const xml = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
  test('an XML parser reads every name and reason', async () => {
    const check = async (text: string): Promise<void> => {
      const name = `the ${text}`; // the parser makes numbers of what looks like one
      const outcome = { kind: 'failure', message: name } as const;
      const file = toJunit(name, '2026-01-01', [{ classname: name, name, timeMs: 1, outcome }]);
      expect(file).toMatch(xml);
      const read = printable(name);
      expect(await parseJunit(file)).toMatchObject({
        testsuite: [{ name: read, testcase: [{ classname: read, name: read, failure: [{ message: read }] }] }],
      });
    };
    for (const text of FIXED) await check(text);
    await fc.assert(fc.asyncProperty(hostile, check), { numRuns: 200 });
  });
});

type Node = DefaultTreeAdapterTypes.Node;
const childrenOf = (node: Node): Node[] => ('childNodes' in node ? node.childNodes : []);

function tagsOf(node: Node): string[] {
  return [...('tagName' in node ? [node.tagName] : []), ...childrenOf(node).flatMap(tagsOf)];
}

function textsOf(node: Node, tag: string): string[] {
  if ('tagName' in node && node.tagName === tag) return [squeezed(textOf(node))];
  return childrenOf(node).flatMap((child) => textsOf(child, tag));
}

function textOf(node: Node): string {
  return 'value' in node && node.nodeName === '#text' ? String(node.value) : childrenOf(node).map(textOf).join('');
}
