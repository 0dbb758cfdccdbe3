/**
 * Names, reasons and paths are data: one function a target makes them harmless there. All stay readable, and what cannot
 * be seen is shown by its code.
 */

/** Controls, separators of lines, lone surrogates, and marks that steer direction or are not seen; but joiners make emoji. */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/gu;
const SHORT = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** One line, in which everything can be seen: `\n` for a line break, `\x1b` for an escape. Enough for XML, SVG and PNG. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => SHORT.get(char) ?? codeOf(char));
}

/** `\x1b`, `\u202e`, `\u{1f680}`: a character by its code. */
export function codeOf(char: string): string {
  const code = (char.codePointAt(0) as number).toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, '0')}`;
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`;
}

/** Line breaks and bold are ours; a colour is not: it could hide what follows. */
const LINE_OR_STYLE = new RegExp(`(\\n|${String.fromCharCode(27)}\\[(?:1|22)m)`);
/** What a runner takes for a command: `::` that opens a line, or `##[`, `##vso[` anywhere. */
const COMMAND = /^(\s*):(?=:)|##(?=\w*\[)/gm;

/** Whole lines for a terminal or a log: no control sequences but ours, and no commands for GitHub's runner. */
export function terminalText(text: string): string {
  const parts = text.split(LINE_OR_STYLE).map((part, i) => (i % 2 === 1 ? part : printable(part)));
  return parts.join('').replace(COMMAND, (found) => `${found} `);
}

/** What means something to GitHub's Markdown wherever it stands; brackets alone do not, so that intervals stay legible. */
const MARKDOWN = /[\\`*~|$]|\[(?=\^)|\](?=[([:])|_(?![a-z\d])|(?<![a-z\d])_/gi;
/** What makes an entity, a link or a mention of the text around it. */
const MARKDOWN_JOINED = /&(?=#?\w+;)|<|(?<=:)\/(?=\/)|(?<=\bwww)\.|(?<!\w)@(?=\w)/g;
const REFERENCES = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['@', '@<!-- -->'],
]);

/** A table's cell or a heading in GitHub's Markdown. */
export function markdownText(text: string): string {
  return printable(text)
    .replace(MARKDOWN, '\\$&')
    .replace(MARKDOWN_JOINED, (found) => REFERENCES.get(found) ?? `\\${found}`);
}

/** A paragraph in GitHub's Markdown: no mark makes a list, a heading or a quotation of it. */
export function markdownParagraph(text: string): string {
  return markdownText(text)
    .trim()
    .replace(/^[#+>:=-]/, '\\$&')
    .replace(/^(\d+)([.)])/, '$1\\$2');
}

/** A span of code in Markdown, which has no escapes. */
export function markdownCode(text: string): string {
  return `\`${printable(text).replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}

const ENTITIES = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

/** Text or an attribute's value in HTML. */
export function htmlText(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => ENTITIES.get(char) as string);
}

/** A name in a CSV file that a spreadsheet opens: an apostrophe where it would compute. Quotes are d3-dsv's. */
export function csvText(text: string): string {
  return printable(text).replace(/^(?=\s*[=+\-@＝＋－＠])/, "'");
}

/** What LaTeX would obey, and the signs of ours that need mathematics. */
const LATEX = new Map([
  ...[...'#$%&_{}'].map((char): [string, string] => [char, `\\${char}`]),
  ['\\', '\\textbackslash{}'],
  ['~', '\\textasciitilde{}'],
  ['^', '\\textasciicircum{}'],
  ['[', '{[}'], // after a line break it would open an argument
  ['±', '$\\pm$'],
  ['≥', '$\\geq$'],
  ['∝', '$\\propto$'],
  ['√', '$\\surd$'],
  ['→', '$\\to$'],
  ['·', '$\\cdot$'],
  ['²', '$^2$'],
  ['³', '$^3$'],
  ['–', '--'],
]);

/** Text in LaTeX; letters of other scripts need an engine and a font that know them. */
export function latexText(text: string): string {
  return [...printable(text)].map((char) => LATEX.get(char) ?? char).join('');
}
