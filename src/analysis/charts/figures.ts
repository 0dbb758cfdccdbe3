/** The panels of the pictures one by one, as a page shows them: as wide as it is, in its own colours. */
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Analysis } from '../analysis.js';
import { crossoversPanel } from './crossovers.js';
import { groupsOf, namesOf } from './groups.js';
import { slopesPanel, workPanel } from './growth.js';
import { HIDDEN, SCHEMA } from './layers.js';
import { logLogPanel, symbolsText } from './loglog.js';
import { memoryPanel, ratePanel, slowdownPanel, theoryText, timePanel } from './panels.js';
import { CONFIG, isEmptyPanel, modelScales, type Panel, shortName } from './parts.js';
import { harmlessTexts } from './texts.js';
import { asVariable } from './theme.js';

/** One quantity, as a reader of a page meets it. */
export interface Figure {
  readonly title: string;
  /** How to read it. */
  readonly note: string;
  /** Takes the width of the page, also alone. */
  readonly whole: boolean;
  /** One, or one a file or engine. */
  readonly panels: readonly FigurePanel[];
}

/** A vega specification; its signal `hidden` lists models that are not drawn. */
export interface FigurePanel {
  /** The file or engine; empty of a panel alone. */
  readonly label: string;
  readonly spec: object;
}

/** A row of the key: what toggles a model, drawn as in the figures. */
export interface KeyEntry {
  readonly name: string;
  /** A variable of the page. */
  readonly colour: string;
  readonly shape: string;
}

const [TALL, LOW] = [480, 300];

/** The panels of the pictures and more, in the order of a reader's questions; none of one length, which draws no curve. */
export function figuresOf(analysis: Analysis): Figure[] {
  const groups = groupsOf(analysis.models);
  const names = namesOf(groups);
  const dashed = theoryText(groups);
  const kinds = [
    { name: 'Time, both axes logarithmic', note: symbolsText(analysis), whole: true, height: TALL, panel: logLogPanel },
    { name: null, note: SLOPES_NOTE, whole: false, height: LOW, panel: slopesPanel },
    { name: null, note: 'Below 1: faster than the reference.', whole: false, height: LOW, panel: slowdownPanel },
    { name: null, note: CROSSOVERS_NOTE, whole: true, height: LOW, panel: crossoversPanel },
    { name: null, note: '', whole: false, height: LOW, panel: memoryPanel },
    { name: null, note: `${WORK_NOTE} ${dashed}`, whole: false, height: LOW, panel: workPanel },
    { name: null, note: dashed, whole: false, height: LOW, panel: timePanel },
    { name: null, note: '', whole: false, height: LOW, panel: ratePanel },
  ];
  return kinds.flatMap(({ name, note, whole, height, panel }) => {
    const drawn = groups.map(({ title, models }) => ({
      label: shortName(title),
      panel: panel(
        { group: { title: '', models }, names, models: analysis.models, width: 'container', height },
        analysis,
      ),
    }));
    const [first] = drawn.filter((one) => !isEmptyPanel(one.panel));
    if (first === undefined) return [];
    return [
      {
        ...{ title: name ?? titleText(first.panel), note: note.trim(), whole: whole || groups.length > 1 },
        panels: drawn.map((one) => ({ label: one.label, spec: pageSpec(one.panel) })),
      },
    ];
  });
}

const SLOPES_NOTE =
  'A power of n has one slope at all lengths: where a line climbs, a constant part of the time fades.';
const CROSSOVERS_NOTE =
  'Symbols: of the model that is faster from there on; bars: 95 % intervals, cut where nothing was measured.';
const WORK_NOTE = 'Of two models with as many FLOPs, the higher one takes longer for each of them.';

/** What stands above a panel; a page has it as its own text. */
function titleText({ title }: Panel): string {
  if (typeof title !== 'object' || !('text' in title)) return String(title ?? '');
  return [title.text, title.subtitle ?? []].flat().join(': ');
}

export function keyOf(analysis: Analysis): KeyEntry[] {
  const names = harmlessTexts(namesOf(groupsOf(analysis.models)), (text) => text);
  const { color, shape } = modelScales(names);
  return names.map((name, i) => ({
    name,
    colour: asVariable(color.scale.range[i] ?? ''),
    shape: shape.scale.range[i] ?? '',
  }));
}

function pageSpec({ title: _, ...panel }: Panel): object {
  const spec = {
    ...{ $schema: SCHEMA, ...panel },
    config: { ...CONFIG, background: 'transparent', aria: false },
    params: [{ ...HIDDEN, value: [] }],
    autosize: { type: 'fit-x', contains: 'padding' },
  } as TopLevelSpec;
  return harmlessTexts(compile(harmlessTexts(spec, (text) => text)).spec, asVariable);
}
