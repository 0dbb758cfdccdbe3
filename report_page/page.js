/** What moves in a report: figures, the key that shows and hides models, tables that are sorted, data to download. */
const parsed = (id) => JSON.parse(document.getElementById(id).textContent);

const tooltip = document.getElementById('tooltip');

/** The values of a symbol as lines of text, beside the pointer and inside the window. */
function showTooltip(_handler, event, _item, value) {
  tooltip.hidden = typeof value !== 'object' || value === null;
  if (tooltip.hidden) return;
  tooltip.textContent = Object.entries(value)
    .filter(([, text]) => text !== '')
    .map(([name, text]) => `${name}: ${text}`)
    .join('\n');
  const { width, height } = tooltip.getBoundingClientRect();
  tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tooltip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 4))}px`;
}

/** Models whose button is not pressed: hidden in all figures. */
let hidden = [];

const views = new Map();
const specs = parsed('specs');
const charts = [...document.querySelectorAll('.chart')];
/** Drawn when it comes near the window: a page of many figures opens as fast as one of few. */
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) draw(target);
  },
  { rootMargin: '100%' },
);

function draw(chart) {
  if (views.has(chart)) return;
  nearby.unobserve(chart);
  const spec = vega.parse(specs[charts.indexOf(chart)]);
  const view = new vega.View(spec, { renderer: 'svg', container: chart, hover: true });
  views.set(chart, view);
  view.tooltip(showTooltip).signal('hidden', hidden).run();
  // The figure has a name; what it is drawn with says nothing more.
  chart.firstElementChild.setAttribute('aria-hidden', 'true');
}

/** Of a figure above and below its frame: what is not drawn yet takes as much room as when it is. */
const AXES_PX = 55;

for (const [i, chart] of charts.entries()) {
  chart.style.setProperty('--height', `${specs[i].height + AXES_PX}px`);
  nearby.observe(chart);
}
addEventListener('beforeprint', () => {
  charts.forEach(draw);
  for (const details of document.querySelectorAll('details')) details.open = true;
});

const buttons = [...document.querySelectorAll('.key button')];
for (const button of buttons)
  button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', String(button.getAttribute('aria-pressed') !== 'true'));
    hidden = buttons.flatMap((one) => (one.getAttribute('aria-pressed') === 'true' ? [] : [one.dataset.model]));
    for (const view of views.values()) view.signal('hidden', hidden).run();
  });

/** From units of time and of memory to one. */
const UNITS = {
  ns: 1e-6,
  µs: 1e-3,
  ms: 1,
  s: 1e3,
  h: 3.6e6,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** The number that a cell begins with, or its text. */
function sortable(text) {
  const [, number, unit] =
    /^([-−]?[\d,]*\.?\d+(?:e[-+]?\d+)?)\s?(ns|µs|ms|s|h|B|KiB|MiB|GiB|TiB)?(?![\w])/.exec(text) ?? [];
  return number === undefined ? text : Number(number.replaceAll(',', '').replace('−', '-')) * (UNITS[unit] ?? 1);
}

/** Numbers before texts. */
function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  return typeof a === 'number' ? a - b : a.localeCompare(b);
}

for (const heading of document.querySelectorAll('thead th'))
  heading.querySelector('button').addEventListener('click', () => {
    const direction = heading.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
    for (const other of heading.parentElement.children) other.removeAttribute('aria-sort');
    heading.setAttribute('aria-sort', direction);
    const body = heading.closest('table').tBodies[0];
    const keyOf = (row) => sortable(row.cells[heading.cellIndex].textContent);
    const rows = [...body.rows].sort((a, b) => compare(keyOf(a), keyOf(b)));
    body.append(...(direction === 'ascending' ? rows : rows.reverse()));
  });

for (const [i, text] of parsed('files').entries()) {
  const link = document.getElementById(`data-${i}`);
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
}
