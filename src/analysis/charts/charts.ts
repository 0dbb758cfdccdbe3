/** complexity_analysis.png as a vega-lite specification: a pure function of the analysis. */
import type { TopLevelSpec } from 'vega-lite';
import { type Analysis, hasIntervals } from '../analysis.js';
import { groupsOf, namesOf } from './groups.js';
import { HIDDEN, heading, inRows, SCHEMA, WIDE } from './layers.js';
import { memoryPanel, ratePanel, slowdownPanel, theoryText, timePanel } from './panels.js';
import { CONFIG, footer, key, PANEL_WIDTH, shortName } from './parts.js';

const HEIGHT = 280;
/** Between panels: room for the right one's axis. */
const AXIS_PX = 120;

/** complexity_analysis.png: time on linear axes, slowdown, tokens per second, memory; of several groups each one beside the other. */
export function complexityAnalysis(analysis: Analysis): TopLevelSpec {
  const groups = groupsOf(analysis.models);
  const names = namesOf(groups);
  const frames = groups.map((group) => ({
    ...{ group, names, models: analysis.models },
    width: PANEL_WIDTH,
    height: HEIGHT,
  }));
  const quantities = [timePanel, slowdownPanel, ratePanel, memoryPanel].map((panel) =>
    frames.map((frame) => panel(frame, analysis)),
  );
  const blocks = groups.length === 1 ? [quantities.flat()] : quantities;
  return {
    $schema: SCHEMA,
    config: CONFIG,
    params: [{ ...HIDDEN, value: [] }],
    padding: 16,
    title: heading('How cost grows with sequence length', analysis),
    vconcat: [
      key(
        names.map((model) => ({ model, text: shortName(model) })),
        WIDE,
      ),
      ...blocks.flatMap((panels) => inRows(panels, 2, AXIS_PX)),
      footer(smallPrint(analysis), WIDE),
    ],
    spacing: 24,
  };
}

function smallPrint(analysis: Analysis): string[] {
  const { measurements } = analysis;
  if (measurements.kind === 'original') return [...measurements.footer];
  const bands = hasIntervals(analysis)
    ? 'Bands: 95 % intervals over processes.'
    : 'No intervals: fewer than 5 processes.';
  return [`${bands} ${theoryText(groupsOf(analysis.models), 'Dashed under Time')}`.trim(), ...measurements.footer];
}
