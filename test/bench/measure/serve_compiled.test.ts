import { describe, expect, test } from 'vitest';
import { MODEL_NAMES } from '../../../src/models/registry.js';
import { PHASES } from '../../../src/results/words.js';
import * as tf from '../../../src/tf.js';
import { cellOf, type Served, served } from '../../support/served.js';
import { SMALL } from '../../support/session.js';

const { backend } = await tf.initBackend('auto');
const CONFIG = { ...SMALL, numLayers: 1 };
const serve = (way: 'eager' | 'compiled') =>
  served({ config: CONFIG, way, backend: 'tensorflow', now: () => performance.now() }, { thorough: false });

/** Two lengths of each phase, whose graphs are others. */
const cellsOf = (name: string) => PHASES.flatMap((phase) => [11, 30].map((n) => cellOf(CONFIG, name, phase, n, 8)));

/** Works on every cell in turn. @returns the last tokens of each */
async function workOn(worker: Served, name: string): Promise<number[][]> {
  const emitted: number[][] = [];
  for (const cell of cellsOf(name)) {
    await worker.ask('prepare', cell);
    const { tokens } = await worker.ask('run', { repeats: 2 });
    if (cell.phase === 'decode') await worker.ask('steps', { count: 8 });
    expect(await worker.ask('release', {})).toMatchObject({ leaked_tensors: 0 });
    emitted.push(tokens);
  }
  return emitted;
}

describe.skipIf(backend !== 'tensorflow').each(MODEL_NAMES)('compiled, %s', (name) => {
  test('emits the tokens that it emits eagerly, and nothing of a cell stays when the next one comes', async () => {
    const [eager, compiled] = [await serve('eager'), await serve('compiled')];
    await eager.load(name);
    await compiled.load(name);
    const before = tf.memory();
    const tokens = await workOn(eager, name);
    expect(tf.memory()).toEqual(before);
    expect(await workOn(compiled, name)).toEqual(tokens);
    const built = tf.memory(); // with what the graphs hold
    expect(await workOn(compiled, name)).toEqual(tokens);
    expect(tf.memory()).toEqual(built);
  });

  test('says of a cell that is prepared again how long it took to build', async () => {
    const worker = await serve('compiled');
    await worker.load(name);
    const prepared = async (): Promise<number[]> => {
      const all: number[] = [];
      for (const cell of cellsOf(name)) {
        const { compile_ms } = await worker.ask('prepare', cell);
        await worker.ask('release', {});
        all.push(compile_ms as number);
      }
      return all;
    };
    const first = await prepared();
    expect(first[0]).toBeGreaterThan(0);
    expect(await prepared()).toEqual(first);
  });

  test('is counted eagerly, to the same counts', async () => {
    const [eager, compiled] = [await serve('eager'), await serve('compiled')];
    await eager.load(name);
    await compiled.load(name);
    for (const phase of PHASES) {
      const { steps, ...cell } = cellOf(CONFIG, name, phase);
      expect(await compiled.ask('count', cell)).toMatchObject({ counted: (await eager.ask('count', cell)).counted });
    }
  });
});
