/** Golden files: small models, token ids, and the logits they must give (docs/models.md, "Weights and fixtures"). */
import { z } from 'zod';
import { check, messageOf } from '../../errors.js';
import { type ModelShape, shapeOf } from '../../models/model.js';
import { parseSafeTensors, type StoredTensor } from '../../models/safetensors.js';
import { storedWeights, type WeightSource } from '../../models/weights.js';

export interface Fixture {
  readonly model: string;
  readonly shape: ModelShape;
  /** What else its configuration names: options of any models. */
  readonly options: Readonly<Record<string, number | string>>;
  readonly weights: WeightSource;
  readonly ids: Int32Array; // [B, T]
  readonly batch: number;
  readonly tokens: number;
  /** Position t is what prefill of the first t + 1 tokens must return. */
  readonly logits: Float32Array; // [B, T, V]
}

const size = z.int().min(1);
const metadataSchema = z.object({
  schema: z.literal(1),
  model: z.string(),
  config: z
    .object({ vocab_size: size, hidden_dim: size, num_layers: size, num_heads: size, ff_dim: size })
    .catchall(z.union([z.number(), z.string()])),
});

/**
 * A file whose configuration is that of its weights, so that no more is made of it than it holds.
 * @throws UserError naming the file and what is wrong with it
 */
export function parseFixture(bytes: Uint8Array, file: string): Fixture {
  const stored = parseSafeTensors(bytes, file);
  const { model, config } = parseMetadata(stored.metadata.get('fixture'), file);
  const ids = tensorOf(stored.tensors.get('input.ids'), 'I32', 2, `${file}: input.ids`);
  const [batch = 0, tokens = 0] = ids.shape;
  const inVocabulary = ids.values.every((id) => id >= 0 && id < config.vocab_size);
  check(inVocabulary, `${file}: input.ids must be in 0..${config.vocab_size - 1}`);
  const logits = tensorOf(stored.tensors.get('expected.logits'), 'F32', 3, `${file}: expected.logits`);
  const expected = [batch, tokens, config.vocab_size];
  check(`${logits.shape}` === `${expected}`, `${file}: expected.logits must be [${expected}], got [${logits.shape}]`);
  const { vocab_size, hidden_dim, num_layers, num_heads, ff_dim, ...options } = config;
  const shape = shapeOf({ vocab_size, hidden_dim, num_layers, num_heads, ff_dim });
  const weights = storedWeights(stored, file);
  checkSizes(shape, weights);
  checkOptions(options, Math.floor(bytes.length / (4 * hidden_dim)), file);
  return {
    model,
    shape,
    options,
    weights,
    ids: ids.values as Int32Array,
    batch,
    tokens,
    logits: logits.values as Float32Array,
  };
}

/** The weights bound all sizes. */
function checkSizes({ vocabSize, hiddenDim, numLayers, ffDim }: ModelShape, weights: WeightSource): void {
  weights.get('embedding.weight', [vocabSize, hiddenDim]);
  for (const layer of new Set([0, numLayers - 1])) weights.get(`layers.${layer}.ff.in.bias`, [ffDim]);
}

/** Nothing that an option makes a model keep is to outgrow the file: no number is above that of the rows it could hold. */
function checkOptions(options: Fixture['options'], most: number, file: string): void {
  for (const [name, value] of Object.entries(options)) {
    const where = `${file}: __metadata__.fixture.config.${name}`;
    check(
      typeof value === 'string' || value <= most,
      `${where}: must be at most ${most} in a file of its size, got ${value}`,
    );
  }
}

function parseMetadata(text: string | undefined, file: string): z.infer<typeof metadataSchema> {
  check(text !== undefined, `${file}: __metadata__ must hold a fixture`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    check(false, `${file}: __metadata__.fixture must be JSON (${messageOf(error)})`);
  }
  const parsed = metadataSchema.safeParse(value);
  const issue = parsed.error?.issues[0];
  check(parsed.success, `${file}: __metadata__.fixture.${issue?.path.join('.')}: ${issue?.message}`);
  return parsed.data;
}

function tensorOf(tensor: StoredTensor | undefined, dtype: string, rank: number, where: string): StoredTensor {
  check(tensor !== undefined, `${where} is missing`);
  const fits = tensor.dtype === dtype && tensor.shape.length === rank && tensor.values.length > 0;
  check(fits, `${where} must be ${dtype} of rank ${rank} and not empty, got ${tensor.dtype} [${tensor.shape}]`);
  return tensor;
}
