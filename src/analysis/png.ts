/** Draws vega-lite specifications. The only file that knows vega and the canvas. */
import { fileURLToPath } from 'node:url';
import { type Canvas, GlobalFonts } from 'canvas';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { check } from '../errors.js';
import { printable } from '../report/escape.js';
import { CHART_FONT } from './chart_parts.js';

const PIXELS_PER_UNIT = 2;

/** A PNG in twice the size of the specification, the same on every machine: its font comes with the package. */
export async function renderPng(spec: TopLevelSpec): Promise<Buffer> {
  registerFonts();
  const drawn: unknown = await viewOf(spec).toCanvas(PIXELS_PER_UNIT); // typed as the browser's, in Node it is canvas's
  return (drawn as Canvas).toBuffer('image/png');
}

/** An SVG; its text is drawn by the viewer's fonts. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  registerFonts();
  return viewOf(spec).toSVG();
}

function viewOf(spec: TopLevelSpec): View {
  return new View(parse(compile(withTexts(spec, drawable)).spec), { renderer: 'none' });
}

/** What vega can hold: it groups lines in plain objects, and a control character breaks an SVG. A joiner is not seen. */
const drawable = (text: string): string => (text === '__proto__' ? `${text}\u200d` : printable(text));

/** The same plain data with other texts. */
function withTexts<T>(data: T, textOf: (text: string) => string): T {
  const copy = (value: unknown): unknown => {
    if (typeof value === 'string') return textOf(value);
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each)]));
  };
  return copy(data) as T;
}

/** Before any text is measured: a family first met unregistered stays wrong for the whole process. */
function registerFonts(): void {
  if (GlobalFonts.has(CHART_FONT)) return;
  for (const weight of [400, 700]) {
    const file = import.meta.resolve(`@fontsource/dejavu-sans/files/dejavu-sans-latin-${weight}-normal.woff2`);
    check(
      GlobalFonts.registerFromPath(fileURLToPath(file), CHART_FONT) !== null,
      `chart font: must be readable, got ${file}`,
    );
  }
}
