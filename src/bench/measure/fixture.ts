/** Golden files: small models, token ids, and the logits they must give (docs/models.md, "Weights and fixtures"). */
import { z } from 'zod';
import { check, messageOf } from '../../errors.js';
import type { ModelConfig } from '../../models/model.js';
import { parseSafeTensors, type StoredTensor } from '../../models/safetensors.js';
import { storedWeights, type WeightSource } from '../../models/weights.js';

export interface Fixture {
  readonly model: string;
  readonly config: ModelConfig;
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
  config: z.object({
    vocab_size: size,
    hidden_dim: size,
    num_layers: size,
    num_heads: size,
    ff_dim: size,
    chunk_size: size,
    compression_factor: z.int().min(0),
    retrieval_norm: z.enum(['none', 'l2']),
  }),
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
  const weights = storedWeights(stored, file);
  checkSizes(config, weights, bytes.length, file);
  return {
    model,
    config: {
      vocabSize: config.vocab_size,
      hiddenDim: config.hidden_dim,
      numLayers: config.num_layers,
      numHeads: config.num_heads,
      ffDim: config.ff_dim,
      chunkSize: config.chunk_size,
      scanChunk: config.chunk_size,
      compressionFactor: config.compression_factor,
      retrievalNorm: config.retrieval_norm,
    },
    weights,
    ids: ids.values as Int32Array,
    batch,
    tokens,
    logits: logits.values as Float32Array,
  };
}

type StoredConfig = z.infer<typeof metadataSchema>['config'];

/** The weights bound all sizes but that of a chunk, whose keys are then not to outgrow the file. */
function checkSizes(config: StoredConfig, weights: WeightSource, fileBytes: number, file: string): void {
  const { vocab_size, hidden_dim, num_layers, ff_dim, chunk_size } = config;
  weights.get('embedding.weight', [vocab_size, hidden_dim]);
  for (const layer of new Set([0, num_layers - 1])) weights.get(`layers.${layer}.ff.in.bias`, [ff_dim]);
  const most = Math.floor(fileBytes / (4 * hidden_dim));
  const where = `${file}: __metadata__.fixture.config.chunk_size`;
  check(chunk_size <= most, `${where}: must be at most ${most} in a file of ${fileBytes} bytes, got ${chunk_size}`);
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
