import { afterEach, describe, expect, test, vi } from 'vitest';
import { compile } from '../../src/compiled/compile.js';
import { UserError } from '../../src/errors.js';
import * as tf from '../../src/tf.js';

/** What the runtime throws instead of doing its work. */
const fault = vi.hoisted(() => ({ load: null as string | null, run: null as string | null }));
vi.mock('../../src/onnx_check.js', async (original) => ({
  ...(await original<object>()),
  loadOnnx: () => ({
    initOrt: () => undefined,
    binding: {
      InferenceSession: class {
        loadModel(): void {
          if (fault.load !== null) throw new Error(fault.load);
        }
        run(): void {
          throw new Error(fault.run ?? 'not asked for');
        }
        dispose(): void {}
      },
    },
  }),
}));

await tf.initBackend('wasm');
afterEach(() => {
  fault.load = null;
  fault.run = null;
});

const negative = (device: 'webgpu' | 'cuda' | 'cpu') =>
  tf.tidy(() => compile((x: tf.Scalar) => tf.neg(x), { engine: 'onnx', device })(tf.scalar(1)));

describe('a device', () => {
  test('that is not there is one line with what is missing', () => {
    fault.load =
      '/src/webgpu_context.cc:136 Initialize() status == Success was false. Failed to get a WebGPU adapter: none\n';
    expect(() => negative('webgpu')).toThrow(
      new UserError(
        'webgpu cannot be used: Failed to get a WebGPU adapter: none; it needs a GPU and its driver, on Linux that of Vulkan',
      ),
    );
    fault.load = 'Failed to load shared library';
    expect(() => negative('cuda')).toThrow(
      /^cuda cannot be used: Failed to load shared library; it needs an NVIDIA GPU/,
    );
  });
  test('that is lost in the middle is one line', () => {
    fault.run = 'Non-zero status code returned\nwebgpu_context.cc:1 was false. Device lost: unknown\n';
    expect(() => negative('webgpu')).toThrow(
      new UserError('webgpu failed in a call: Device lost: unknown; is the GPU still there, and its memory enough?'),
    );
  });
  test('is an option of engine onnx alone, and one of those known', () => {
    expect(() => compile(() => tf.scalar(1), { device: 'webgpu' })).toThrow(
      'compile: device, threads and operators are options of engine onnx',
    );
    expect(() => compile(() => tf.scalar(1), { engine: 'onnx', device: 'gpu' as never })).toThrow(
      'compile: device must be one of cpu, webgpu, cuda, got the string "gpu"',
    );
    expect(() => compile(() => tf.scalar(1), { engine: 'onnx', threads: 0 })).toThrow(
      'compile: threads must be an integer >= 1, got 0',
    );
  });
});
