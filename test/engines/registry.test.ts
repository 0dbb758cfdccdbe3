import { expect, test } from 'vitest';
import { peerEngine } from '../../src/engines/peer.js';
import { findOwnEngine, OWN_ENGINE_IDS, ownEngine, preferredEngine } from '../../src/engines/registry.js';
import { UserError } from '../../src/errors.js';
import { nativeProblem } from '../../src/native_check.js';

test('an engine of ours is found by its id alone', () => {
  expect(OWN_ENGINE_IDS.map((id) => findOwnEngine(id, '--engines').id)).toEqual(OWN_ENGINE_IDS);
});

test('an id that is none says where it was read and which was meant', () => {
  expect(() => findOwnEngine('tensorflow-egaer', '--engines')).toThrow(
    new UserError(
      '--engines: no engine is called tensorflow-egaer; did you mean tensorflow-eager? (tensorflow, tensorflow-eager, wasm)',
    ),
  );
});

test('the preferred engine can be had, and the reason says whether it is the best', () => {
  const { id, reason } = preferredEngine();
  expect(findOwnEngine(id, 'x').problem()).toBeNull();
  expect(reason).toBe(nativeProblem());
  expect(id === 'tensorflow').toBe(reason === null);
});

test('ours are one program, told which engine it is; a peer is what a shell makes of its command', () => {
  expect(ownEngine('wasm', 'worker.js').program.slice(-3)).toEqual(['worker.js', '--engine', 'wasm']);
  expect(peerEngine('mine', "a 'b c' | d")).toEqual({
    ...{ id: 'mine', command: "a 'b c' | d", program: ['sh', '-c', "a 'b c' | d"] },
  });
});
