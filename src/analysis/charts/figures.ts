/** The panels of the pictures one by one, as a page shows them: as wide as it is, in its own colours. */
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Analysis } from '../analysis.js';
import { groupsOf, namesOf } from './groups.js';
import { HIDDEN, SCHEMA } from './layers.js';
import { logLogPanel } from './loglog.js';
import { memoryPanel, ratePanel, slowdownPanel, timePanel, titleOf } from './panels.js';
import { CONFIG, modelScales, type Panel } from './parts.js';
import { harmlessTexts } from './texts.js';
import { asVariable } from './theme.js';

/** A vega specification with what it shows; the signal `hidden` lists models that are not drawn. */
export interface Figure {
  readonly title: string;
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

/** The same panels as in the pictures; none of one length, which draws no curve. */
export function figuresOf(analysis: Analysis): Figure[] {
  const groups = groupsOf(analysis.models);
  const names = namesOf(groups);
  const kinds = [
    { name: 'Time, both axes logarithmic', height: TALL, panel: logLogPanel },
    { name: null, height: LOW, panel: slowdownPanel },
    { name: null, height: LOW, panel: timePanel },
    { name: null, height: LOW, panel: memoryPanel },
    { name: null, height: LOW, panel: ratePanel },
  ];
  return kinds.flatMap(({ name, height, panel }) =>
    groups.map((group) => {
      const drawn = panel({ group, names, models: analysis.models, width: 'container', height }, analysis);
      const title = name === null ? titleText(drawn) : titleOf(name, group).text;
      return { title, spec: pageSpec(drawn) };
    }),
  );
}

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
