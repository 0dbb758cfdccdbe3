import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2, // nothing asserts a wall-clock time; by itself vitest leaves one of two cores idle
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
