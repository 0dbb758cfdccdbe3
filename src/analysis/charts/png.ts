/** Draws vega-lite specifications. The only file that knows vega and the canvas. */
import { fileURLToPath } from 'node:url';
import { type Canvas, GlobalFonts } from 'canvas';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { check } from '../../errors.js';
import { codeOf, printable } from '../../report/escape.js';
import { createGlyphTest } from './glyphs.js';
import { CHART_FONT, CONFIG } from './parts.js';
import { harmlessTexts } from './texts.js';

const PIXELS_PER_UNIT = 2;

/** A PNG in twice the size of the specification, the same on every machine: its font comes with the package. */
export async function renderPng(spec: TopLevelSpec): Promise<Buffer> {
  const hasGlyph = glyphTest();
  const drawn: unknown = await viewOf(spec, (char) => (hasGlyph(char) ? char : codeOf(char))).toCanvas(PIXELS_PER_UNIT);
  return (drawn as Canvas).toBuffer('image/png'); // typed as the browser's, in Node it is canvas's
}

/** An SVG; its text is drawn by the viewer's fonts. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  registerFonts();
  return viewOf(spec, (char) => char).toSVG();
}

/** Characters of names that no font of this machine has: the PNG shows them by their codes. */
export function undrawable(texts: readonly string[]): string[] {
  const hasGlyph = glyphTest();
  return [...new Set(texts.flatMap((text) => [...printable(text)]))].filter((char) => !hasGlyph(char));
}

/** Of the package's font and, behind it, the system's. */
function glyphTest(): (char: string) => boolean {
  registerFonts();
  return createGlyphTest(CONFIG.font);
}

function viewOf(spec: TopLevelSpec, drawn: (char: string) => string): View {
  const safe = harmlessTexts(spec, (text) => [...text].map(drawn).join(''));
  return new View(parse(compile(safe).spec), { renderer: 'none' });
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
