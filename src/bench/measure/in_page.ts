/** Models that run in a page of a headless browser, as the files that export-onnx writes; their times are taken there. */
import { openPage, type Page } from '../../browser/browser.js';
import { modelFiles, type Sizes } from '../../exported/model_files.js';
import type { EngineInfo } from '../../results/schema.js';
import * as tf from '../../tf.js';
import { disposeTree } from '../../tree.js';
import type { Held, OwnWay, PlaceHost, RequestOf, Place as WorkingPlace } from './holding.js';
import type { Subject } from './subject.js';
import { type Ids, type Place, prefixOf, type Walker } from './walker.js';

export async function inPage(way: OwnWay, host: PlaceHost, threads: number): Promise<WorkingPlace> {
  await tf.initBackend('wasm', threads); // for weights, and what is counted
  const page = await openPage(host.pageFolder, host.onLost);
  const device = way.device === 'webgpu' ? 'webgpu' : 'cpu';
  const { version, adapter } = await page.ask('start', { device, threads });
  const info: EngineInfo = {
    runtime: 'onnxruntime-web',
    versions: { onnxruntime: version, chromium: page.version, ...(adapter !== '' && { adapter }) },
    ...{ device: device === 'cpu' ? 'cpu' : 'gpu', provider: device === 'cpu' ? 'wasm' : 'webgpu' },
    ...{ way: way.way, native_code: [], env: host.env() },
  };
  return {
    info,
    async prepare(create, weights) {
      const model = await create({});
      const subject = { model, params: model.init(weights) };
      return {
        ...{ subject, walker: walkerOf(page, subject) },
        hold: (cell) => holdCell(page, subject, cell, host.now),
        dispose: () => disposeTree(subject.params),
      };
    },
    peakRssBytes: () => null,
    close: page.close,
  };
}

/** Has the page load a model of some sizes. @returns its folder */
async function open(page: Page, { model, params }: Subject, sizes: Sizes): Promise<string> {
  const folder = page.site.add(modelFiles(model, params, sizes).files);
  await page.ask('open', { folder });
  return folder;
}

async function close(page: Page, folder: string): Promise<void> {
  await page.ask('close', { folder });
  page.site.remove(folder);
}

const walkerOf = (page: Page, subject: Subject): Walker => ({
  ...{ name: subject.model.name, period: subject.model.period },
  stateFloats: (_, total) => subject.model.stateFloats(total).allocated,
  walk: (ids, start) => walk(page, subject, ids, start),
});

async function* walk(page: Page, subject: Subject, ids: Ids, start: number): AsyncGenerator<Place> {
  const most = ids[0]?.length ?? 0;
  const folder = await open(page, subject, { n: start, batch: ids.length, most });
  const state = async () => Object.values(await page.ask('walkedState', {}));
  try {
    yield { length: start, state, ...(await page.ask('walk', { folder, tokens: prefixOf(ids, start) })) };
    for (let length = start + 1; length <= most; length++) {
      const token = ids.map((row) => row[length - 1] as number);
      yield { length, state, ...(await page.ask('walkOn', { token })) };
    }
  } finally {
    await close(page, folder);
  }
}

async function holdCell(page: Page, subject: Subject, cell: RequestOf<'prepare'>, now: () => number): Promise<Held> {
  const { phase, tokens, steps } = cell;
  const start = now();
  const folders: string[] = [];
  for (const sizes of sizesOf(cell)) folders.push(await open(page, subject, sizes));
  const dispose = async (): Promise<void> => {
    await page.ask('release', {});
    for (const folder of folders) await close(page, folder);
  };
  try {
    await page.ask('prepare', { folders, phase, tokens, count: steps ?? cell.n_tokens });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    compileMs: now() - start,
    run: (repeats) => page.ask('run', { repeats }),
    steps: phase === 'decode' ? async (count) => (await page.ask('steps', { count })).ms : null,
    leakedTensors: () => null,
    dispose,
  };
}

/** Of the models that a cell takes: a longer one for each token where the whole sequence is computed again. */
function sizesOf({ phase, n, tokens, n_tokens, steps }: RequestOf<'prepare'>): Sizes[] {
  const batch = tokens.length;
  if (phase === 'recompute') return Array.from({ length: n_tokens }, (_, i) => ({ n: n + i, batch, most: n + i }));
  const taken = { prefill: 0, generate: n_tokens, decode: steps ?? 0 }[phase];
  return [{ n, batch, most: n + taken }];
}
