/** Models in a page of a real browser, where there is one. */
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPage } from '../../src/browser/browser.js';
import { openSite, type Site } from '../../src/browser/site.js';
import { findChromium } from '../../src/browser_check.js';
import { findOwnEngine } from '../../src/engines/registry.js';
import { modelFiles } from '../../src/exported/model_files.js';
import { MODEL_NAMES } from '../../src/models/registry.js';
import { randomWeights } from '../../src/models/weights.js';
import * as tf from '../../src/tf.js';
import { disposeTree, type Tree } from '../../src/tree.js';
import { cellOf, type Served, served } from '../support/served.js';
import { idsTensor, modelOf, randomIds, SMALL } from '../support/session.js';

const missing = findOwnEngine('browser', 'test').problem();
if (missing !== null) console.warn(`skipped: ${missing}`);
await tf.initBackend('wasm');

describe.skipIf(missing !== null)('a worker of the engine browser', () => {
  const lost: string[] = [];
  let worker: Served;
  beforeAll(async () => {
    worker = await served({ config: SMALL, backend: 'browser', way: 'compiled', onLost: (why) => lost.push(why) });
  });
  afterAll(async () => {
    await worker?.ask('bye', {});
    expect(lost).toEqual([]);
  });

  test.each(['BSBR', 'DeltaNet'])(
    '%s: the self-check and every phase, with the tokens of our own process',
    async (name) => {
      const own = await served({ config: SMALL });
      for (const each of [own, worker]) await each.load(name);
      await worker.ask('check', { name, tokens: randomIds(2, 132).map((row) => [...row]) });
      for (const phase of ['prefill', 'generate', 'recompute', 'decode'] as const) {
        const emitted: number[][] = [];
        for (const each of [own, worker]) {
          await each.ask('prepare', cellOf(SMALL, name, phase));
          const { ms, tokens } = await each.ask('run', { repeats: 2 });
          if (each === worker) expect(ms, phase).toBeGreaterThan(0);
          emitted.push(tokens);
          if (phase === 'decode') expect((await each.ask('steps', { count: 16 })).ms).toHaveLength(16);
          await each.ask('release', {});
        }
        expect(emitted[1], phase).toEqual(emitted[0]);
      }
    },
  );

  test('what goes wrong in the page is a reason in a line, and the page goes on', async () => {
    const cell = cellOf(SMALL, 'BSBR', 'decode', 11, 1);
    await worker.ask('prepare', cell);
    await expect(worker.ask('steps', { count: 3 })).rejects.toThrow(/^browser: .*\S$/);
    await worker.ask('release', {});
    await worker.ask('prepare', cellOf(SMALL, 'BSBR', 'prefill'));
    await worker.ask('release', {});
  });
});

test.skipIf(missing !== null)('files that are no ONNX are a reason in a line, and the page goes on', async () => {
  const page = await openPage(join(import.meta.dirname, '../../browser'), (reason) => expect.fail(reason));
  try {
    await page.ask('start', { device: 'cpu', threads: 1 });
    const { files } = await exportedWithTokens('BSBR', 6, 5);
    const others = [...files].map(([name, bytes]) => [name, name.endsWith('.onnx') ? Uint8Array.of(1, 2, 3) : bytes]);
    const broken = page.site.add(new Map(others as [string, Uint8Array][]));
    await expect(page.ask('open', { folder: broken })).rejects.toThrow(/^browser: [^\n]+$/);
    await page.ask('open', { folder: page.site.add(files) });
  } finally {
    await page.close();
  }
});

describe.skipIf(missing !== null)('a page of someone else', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite(join(import.meta.dirname, '../support/other_page'));
  });
  afterAll(() => site?.close());

  test('is served on the loopback alone, and is isolated', async () => {
    expect(site.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { status, headers } = await fetch(site.address);
    expect(status).toBe(200);
    expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
    for (const path of ['/../package.json', '/onnxruntime-web/..%2fpackage.json', '/model-9/model.json']) {
      expect((await fetch(site.address + path)).status, path).toBe(404);
    }
  });

  test('loads exported files and gets the same tokens', async () => {
    const browser = await chromium.launch({ executablePath: findChromium() as string });
    try {
      const page = await browser.newPage();
      await page.goto(site.address);
      await page.waitForFunction('globalThis.generate !== undefined');
      for (const name of MODEL_NAMES) {
        const { files, tokens, prompt } = await exportedWithTokens(name, 6, 5);
        const folder = site.add(files);
        const got = await page.evaluate(`generate('${folder}', ${JSON.stringify(prompt)}, 5)`);
        expect(got, name).toEqual(tokens);
      }
    } finally {
      await browser.close();
    }
  });
});

/** A model as files, and its greedy tokens after a prompt of n. */
async function exportedWithTokens(name: string, n: number, count: number) {
  const model = await modelOf(name, SMALL);
  const params: Tree = model.init(randomWeights(1));
  const { files } = modelFiles(model, params, { n, batch: 1, most: n + count });
  const ids = randomIds(1, n);
  const prompt = idsTensor(ids);
  const { logits, state } = model.prefill(params, prompt);
  const first = tf.tidy(() => tf.cast(tf.argMax(logits, -1), 'int32') as tf.Tensor1D);
  const after = model.decode(params, state, first, count - 1);
  const tokens = [...first.dataSync(), ...after.tokens.dataSync()];
  disposeTree([params, prompt, logits, state, first, after.tokens, after.state]);
  return { files, tokens, prompt: ids[0] };
}
