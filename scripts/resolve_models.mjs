/**
 * A hook of Node: `attnscale/models` is that of the program that loads a model file, wherever the file lies and whatever is
 * installed beside it, since the two must share one TensorFlow.js.
 */
const MODELS = new URL('../dist/src/own/index.js', import.meta.url).href;

/** @param {string} specifier @param {object} context @param {Function} next */
export const resolve = (specifier, context, next) =>
  specifier === 'attnscale/models' ? { url: MODELS, shortCircuit: true } : next(specifier, context);
