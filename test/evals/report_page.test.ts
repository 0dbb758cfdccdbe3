/** report.html in a real browser: it renders, toggles, hovers, sorts, prints, and asks for nothing. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../evals/analyze_results.js';
import { findChromium } from '../../src/browser_check.js';
import { makeResults, WASM } from '../support/make_results.js';
import { runMain } from '../support/run_main.js';

const HOSTILE = '<script>alert(1)</script>';
const LENGTHS = [64, 128, 256, 512, 1024];
const curve = (ms: (n: number) => number) =>
  Object.fromEntries(LENGTHS.map((n) => [n, [0.98, 0.99, 1, 1.01, 1.02].map((factor) => factor * ms(n))]));
const results = makeResults({
  [HOSTILE]: curve((n) => n / 30),
  Square: curve((n) => 1 + n * n * 1e-4),
  ['__proto__']: curve((n) => 3 + n / 20),
});
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const folder = mkdtempSync(join(tmpdir(), 'page-'));
const report = join(folder, 'report.html');
const executablePath = findChromium();
let browser: Browser;
beforeAll(async () => {
  writeFileSync(join(folder, 'results.json'), JSON.stringify(results));
  await runMain(main, ['--results_file', join(folder, 'results.json'), '--output_dir', folder, '--html']);
  if (executablePath) browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** The page, and what it said and asked for. */
async function open(
  width = 1200,
  colorScheme: 'light' | 'dark' = 'light',
  file = report,
): Promise<{ page: Page; heard: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
  const heard: string[] = [];
  page.on('console', (message) => heard.push(message.text()));
  page.on('pageerror', (error) => heard.push(String(error)));
  page.on('dialog', (dialog) => heard.push(dialog.message()));
  page.on('request', (request) => heard.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  return { page, heard };
}

/** Figures that nobody has scrolled to are drawn for paper. */
const drawAll = (page: Page) => page.evaluate("dispatchEvent(new Event('beforeprint'))");

test('cells that failed are said with the verdict', async () => {
  const cells = results.cells.map((cell) =>
    cell.model === 'Square' && cell.n === 1024
      ? { ...cell, status: 'failed', reason: 'out of memory', processes: [], summary: null }
      : cell,
  );
  writeFileSync(join(folder, 'failed.json'), JSON.stringify({ ...results, cells }));
  const output = join(folder, 'failed');
  await runMain(main, ['--results_file', join(folder, 'failed.json'), '--output_dir', output, '--html']);
  const [verdict] =
    /<section id="verdict">.*?<\/section>/s.exec(readFileSync(join(output, 'report.html'), 'utf8')) ?? [];
  expect(verdict).toContain('Square at n = 1024 is left out: failed (out of memory).');
});

test('the report is one file under 3 MB that names no other and has the results in it', () => {
  expect(statSync(report).size).toBeLessThan(3e6);
  const html = readFileSync(report, 'utf8');
  expect(html).toContain("default-src 'none'");
  expect(html).not.toMatch(/<link|<img|<script src/);
  expect(html).toContain('At n = 1,024 ');
});

/** Where there is no Chromium: apt install chromium, or CHROME_PATH. */
const inBrowser = describe.skipIf(executablePath === null);

inBrowser('in a browser (skipped without Chromium)', () => {
  test.each([360, 800, 1600])(
    'at %i px every figure is drawn, nothing overflows, nothing is asked for or wrong',
    async (width) => {
      const { page, heard } = await open(width);
      await drawAll(page);
      expect(heard).toEqual([pathToFileURL(report).href]);
      expect(await page.locator('.chart svg').count()).toBe(8);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      for (const box of await Promise.all((await page.locator('.chart svg').all()).map((svg) => svg.boundingBox())))
        expect(box!.width).toBeGreaterThan(width / 4);
      await page.close();
    },
  );

  test.each(['light', 'dark'] as const)(
    '%s: accessibility rules find nothing, and text has the colour of the scheme',
    async (scheme) => {
      const { page } = await open(800, scheme);
      await drawAll(page);
      await page.addScriptTag({ path: AXE });
      const found = 'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + nodes[0].html))';
      expect(await page.evaluate(found)).toEqual([]);
      const ground = { light: 'rgb(255, 255, 255)', dark: 'rgb(22, 25, 29)' }[scheme];
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(ground);
      await page.close();
    },
  );
});

inBrowser('what a reader does (skipped without Chromium)', () => {
  test('a name shows and hides its model, whatever it is called', async () => {
    const { page } = await open();
    await drawAll(page);
    for (const name of [HOSTILE, 'Square', '__proto__']) {
      const symbols = () => page.locator('.chart path[aria-roledescription="point"], .chart .mark-symbol path').count();
      const before = await symbols();
      const button = page.locator('.key button', { hasText: name });
      await button.click();
      expect(await button.getAttribute('aria-pressed')).toBe('false');
      expect(await symbols()).toBeLessThan(before);
      await button.click();
      expect(await symbols()).toBe(before);
    }
    await page.close();
  });

  test('a figure is drawn when it comes near, without the models that were hidden before', async () => {
    const { page } = await open();
    const last = page.locator('.chart').last();
    await page.locator('.chart svg').first().waitFor();
    expect(await last.locator('svg').count()).toBe(0);
    await page.locator('.key button', { hasText: 'Square' }).click();
    await last.scrollIntoViewIfNeeded();
    await last.locator('svg').waitFor();
    expect(await last.locator('.mark-symbol path[fill="var(--model-0)"]').count()).toBeGreaterThan(0);
    expect(await last.locator('.mark-symbol path[fill="var(--model-1)"]').count()).toBe(0);
    await page.close();
  });

  test('a symbol that is pointed at says model, length, interval and processes, as text', async () => {
    const { page, heard } = await open();
    const symbol = page.locator('.chart').first().locator('.mark-symbol path[fill="var(--model-0)"]').last();
    await symbol.hover({ force: true });
    const text = await page.locator('#tooltip').textContent();
    expect(text).toMatch(
      /^Model: <script>alert\(1\)<\/script>\nn: 1,024\nValue: 34\.1 ms ± 0\.\d\nProcesses, ms: 33\.45, 33\.79, 34\.13, 34\.47, 34\.82$/,
    );
    expect(heard).toHaveLength(1);
    await page.close();
  });
});

inBrowser('tables and data (skipped without Chromium)', () => {
  test('a heading sorts its table by number, and back', async () => {
    const { page } = await open();
    const table = page.locator('table').first();
    const column = () => table.locator('tbody tr td:nth-child(5)').allTextContents();
    const heading = table.locator('thead th').nth(4);
    await heading.locator('button').click();
    expect(await heading.getAttribute('aria-sort')).toBe('ascending');
    const ascending = await column();
    expect(ascending.map(Number.parseFloat)).toEqual(ascending.map(Number.parseFloat).sort((a, b) => a - b));
    await heading.locator('button').click();
    expect(await column()).toEqual(ascending.toReversed());
    await page.close();
  });

  test('the results are there to download, unchanged', async () => {
    const { page } = await open();
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#data-0').click()]);
    expect(JSON.parse(readFileSync(await download.path(), 'utf8'))).toEqual(JSON.parse(JSON.stringify(results)));
    await page.close();
  });
});

inBrowser('the page on paper', () => {
  test('it prints', async () => {
    const { page } = await open(800, 'dark');
    expect((await page.pdf({ format: 'A4' })).subarray(0, 5).toString()).toBe('%PDF-');
    expect(await page.locator('.chart svg').count()).toBe(8); // also those that nobody has scrolled to
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    await page.close();
  });

  test('pictures drawn for a wide screen fit the paper', async () => {
    const { page } = await open(1600);
    await drawAll(page);
    await page.emulateMedia({ media: 'print' });
    await page.evaluate("document.body.style.width = '600px'"); // vega draws for the window, which paper does not change
    const widths = "[...document.querySelectorAll('.chart svg')].map((svg) => svg.getBoundingClientRect().width)";
    const drawn = (await page.evaluate(widths)) as number[];
    expect(drawn).toHaveLength(8);
    expect(drawn.filter((width) => width > 600)).toEqual([]);
    await page.close();
  });
});

/** The report of two files, where `both` says. */
async function writeTwo(both: string): Promise<void> {
  const later = makeResults({ Square: curve((n) => 2 + n * n * 1e-4), Line: curve((n) => n / 30) });
  const wide = { ...later, config: { ...later.config, hidden_dim: 256 }, config_hash: 'wide' };
  const paths = Object.entries({ monday: results, tuesday: wide }).map(([name, content]) => {
    const path = join(folder, `${name}.json`);
    writeFileSync(path, JSON.stringify(content));
    return path;
  });
  const output = join(folder, 'both');
  await runMain(main, [...paths, '--output_dir', output, '--html']);
  renameSync(join(output, 'report.html'), both);
}

inBrowser('several files on one page', () => {
  const both = join(folder, 'both.html');
  beforeAll(() => writeTwo(both), 60_000);

  test('says first what differs, then has the files side by side: sentences and every figure', async () => {
    const { page, heard } = await open(1200, 'light', both);
    await drawAll(page);
    expect(await page.locator('#verdict dt').first().textContent()).toBe('Files');
    expect(await page.locator('#verdict dd').first().textContent()).toMatch(
      /^At n = 1,024 times of tuesday over those of monday are .* \(Square\).*tuesday measured other work than monday: config\.hidden_dim 256 instead of 128\.$/,
    );
    expect(await page.locator('#verdict h3').allTextContents()).toEqual(['monday', 'tuesday']);
    await page.emulateMedia({ media: 'print' }); // a picture stays on one sheet of paper, sentences fill them
    const breaks = (of: string) => page.evaluate(`getComputedStyle(document.querySelector('${of}')).breakInside`);
    expect(await Promise.all(['#verdict .panels > div', 'figure .panels > div'].map(breaks))).toEqual([
      'auto',
      'avoid',
    ]);
    await page.emulateMedia({ media: 'screen' });
    for (const figure of await page.locator('figure').all()) {
      expect(await figure.locator('.label').allTextContents()).toEqual(['monday', 'tuesday']);
      const [left, right] = await Promise.all((await figure.locator('svg').all()).map((svg) => svg.boundingBox()));
      expect(right!.y).toBe(left!.y);
      expect(right!.x).toBeGreaterThan(left!.x + left!.width - 1);
    }
    expect(heard).toHaveLength(1);
    await page.close();
  });

  test('a name shows and hides its model in all of them; a symbol says what it is', async () => {
    const { page } = await open(1200, 'light', both);
    await drawAll(page);
    const squares = () =>
      Promise.all(
        [0, 1].map((i) => page.locator('.chart').nth(i).locator('.mark-symbol path[fill="var(--model-1)"]').count()),
      );
    expect(Math.min(...(await squares()))).toBeGreaterThan(0);
    await page
      .locator('.chart')
      .nth(1)
      .locator('.mark-symbol path[fill="var(--model-1)"]')
      .last()
      .hover({ force: true });
    expect(await page.locator('#tooltip').textContent()).toMatch(/^Model: Square\nn: 1,024\nValue: 107 ms/);
    await page.locator('.key button', { hasText: 'Square' }).click();
    expect(await squares()).toEqual([0, 0]);
    await page.close();
  });
});

describe('ten models, twelve lengths, three engines', () => {
  const large = join(folder, 'large', 'report.html');
  beforeAll(async () => {
    const lengths = Array.from({ length: 12 }, (_, i) => 16 * 2 ** i);
    const factors = [0.98, 0.99, 1, 1.01, 1.02];
    const model = (i: number) =>
      Object.fromEntries(
        lengths.map((n, k) => [n, factors.map((_, p) => (i + 1) * (1 + n / 99) * factors[(p * (k + 1)) % 5]!)]),
      );
    const times = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`Model${i}`, model(i)]));
    const one = makeResults(times);
    const engines = ['tensorflow', 'onnx', 'wasm'].map((id) => ({ ...WASM, id }));
    const phases = ['prefill', 'decode', 'generate'] as const;
    const cells = phases.flatMap((phase) =>
      engines.flatMap(({ id }) => makeResults(times, { phase }).cells.map((cell) => ({ ...cell, engine: id }))),
    );
    writeFileSync(join(folder, 'large.json'), JSON.stringify({ ...one, engines, cells }));
    await runMain(main, [
      '--results_file',
      join(folder, 'large.json'),
      '--output_dir',
      join(folder, 'large'),
      '--html',
    ]);
  }, 120_000);

  test('are a report under 5 MB', () => {
    expect(statSync(large).size).toBeLessThan(5e6);
  });

  test.skipIf(executablePath === null)('fit a phone, a panel an engine, without an error', async () => {
    const { page, heard } = await open(360, 'light', large);
    expect(await page.locator('.note', { hasText: 'believe the floor fit' }).first().isVisible()).toBe(false);
    await drawAll(page);
    expect(await page.locator('.note', { hasText: 'believe the floor fit' }).first().isVisible()).toBe(true); // on paper
    expect(await page.locator('.label').allTextContents()).toContain('onnx');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    const heights = "[...document.querySelectorAll('.wide')].map((table) => table.clientHeight)";
    expect(Math.max(...((await page.evaluate(heights)) as number[]))).toBeLessThanOrEqual(640); // 360 rows scroll
    expect(heard).toHaveLength(1);
    await page.close();
  });
});
