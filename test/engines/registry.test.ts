import { expect, test } from 'vitest';
import { peerEngine } from '../../src/engines/peer.js';
import { findOwnEngine, OWN_ENGINE_IDS, ownEngine, preferredEngine } from '../../src/engines/registry.js';
import { UserError } from '../../src/errors.js';

test('an engine of ours is found by its id alone', () => {
  expect(OWN_ENGINE_IDS.map((id) => findOwnEngine(id, '--engines').id)).toEqual(OWN_ENGINE_IDS);
});

test('an id that is none says where it was read and which was meant', () => {
  expect(() => findOwnEngine('tensorflow-egaer', '--engines')).toThrow(
    new UserError(
      '--engines: no engine is called tensorflow-egaer; did you mean tensorflow-eager? (tensorflow, tensorflow-eager, onnx, onnx:op, browser, wasm)',
    ),
  );
});

test('the preferred engine can be had, and all better ones are missing with their reasons', () => {
  const { id, missing } = preferredEngine('cpu');
  expect(findOwnEngine(id, 'x').problem()).toBeNull();
  const better = { tensorflow: [], onnx: ['tensorflow'], wasm: ['tensorflow', 'onnx'] }[id];
  expect(missing.map((one) => one.id)).toEqual(better);
  for (const one of missing) expect(one.reason).toBe(findOwnEngine(one.id, 'x').problem());
});

test('of another device than the processor, the preferred engine is one that has it', () => {
  expect(preferredEngine('webgpu')).toEqual({ id: 'onnx', missing: [] });
});

test('ours are one program, told which engine it is; a peer is what a shell makes of its command', () => {
  const argsOf = (id: string): readonly string[] =>
    ownEngine(findOwnEngine(id, 'x'), 'worker.js', 'webgpu').program.slice(-5);
  expect(argsOf('onnx')).toEqual(['worker.js', '--engine', 'onnx', '--device', 'webgpu']);
  expect(argsOf('wasm')).toEqual(['worker.js', '--engine', 'wasm', '--device', 'cpu']);
  expect(peerEngine('mine', "a 'b c' | d")).toEqual({
    ...{ id: 'mine', command: "a 'b c' | d", builds: false, program: ['sh', '-c', "a 'b c' | d"] },
  });
});
