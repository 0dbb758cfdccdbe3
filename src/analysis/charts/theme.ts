/** The colours of pictures and pages, each with the one that takes its place on dark ground. */

const GROUND = {
  paper: { light: 'white', dark: '#16191d' },
  ink: { light: '#333333', dark: '#e4e6e8' },
  faint: { light: '#6b6b6b', dark: '#a4abb2' },
  line: { light: '#bbbbbb', dark: '#59626b' },
  grid: { light: '#e8e8e8', dark: '#2b3138' },
} as const;

export const [PAPER, INK, FAINT, LINE, GRID] = [
  GROUND.paper.light,
  GROUND.ink.light,
  GROUND.faint.light,
  GROUND.line.light,
  GROUND.grid.light,
];

/**
 * Okabe and Ito's colours without the yellow that white swallows, and three that are as far from them and from each
 * other with any colour vision.
 */
const MODELS = [
  { light: '#0072B2', dark: '#3d9bdc' },
  { light: '#D55E00', dark: '#f07a1f' },
  { light: '#009E73', dark: '#1fb88c' },
  { light: '#CC79A7', dark: '#dc93bb' },
  { light: '#E69F00', dark: '#f0b429' },
  { light: '#56B4E9', dark: '#8fd0f5' },
  { light: '#000000', dark: '#f4f4f4' },
  { light: '#a0522d', dark: '#c98b5a' },
  { light: '#4b2e83', dark: '#a78bfa' },
  { light: '#800040', dark: '#d4558b' },
] as const;

export const COLOURS: readonly string[] = MODELS.map(({ light }) => light);

const VARIABLES = new Map<string, { readonly name: string; readonly dark: string }>([
  ...Object.entries(GROUND).map(([name, { light, dark }]) => [light, { name: `--${name}`, dark }] as const),
  ...MODELS.map(({ light, dark }, i) => [light, { name: `--model-${i}`, dark }] as const),
]);

/** A colour of the theme as the page's variable, which knows light and dark; any other text as it is. */
export function asVariable(text: string): string {
  const found = VARIABLES.get(text);
  return found === undefined ? text : `var(${found.name})`;
}

/** The page's variables: `--ink: light-dark(#333333, #e4e6e8);` … */
export function themeVariables(): string {
  return [...VARIABLES].map(([light, { name, dark }]) => `${name}:light-dark(${light},${dark});`).join('');
}
