/** Which characters the fonts of this machine can draw. */
import { createCanvas } from 'canvas';

const PIXELS = 32;
/** A code point that will never be a character: what is drawn for it is drawn for all that a font lacks. */
const NO_CHARACTER = '\u{10ffff}';
/** Seen only in what they join or change. */
const UNSEEN = new Set(['\u200c', '\u200d', '\ufe0e', '\ufe0f']);

/** A test of characters, which are drawn once each. @param font as the canvas takes it, without a size */
export function createGlyphTest(font: string): (char: string) => boolean {
  const known = new Map<string, boolean>();
  const context = createCanvas(PIXELS, PIXELS).getContext('2d');
  const draw = (char: string): string => {
    context.clearRect(0, 0, PIXELS, PIXELS);
    context.font = `20px ${font}`;
    context.fillText(char, 2, 24);
    return Buffer.from(context.getImageData(0, 0, PIXELS, PIXELS).data.buffer).toString('latin1');
  };
  const missing = draw(NO_CHARACTER);
  return (char) => {
    const found = known.get(char) ?? (char <= '\u007f' || UNSEEN.has(char) || draw(char) !== missing);
    known.set(char, found);
    return found;
  };
}
