/** Someone else's program. */
import type { Engine } from './engine.js';

/** @param command as a shell reads it: it has its own quotes, variables and pipes */
export const peerEngine = (id: string, command: string): Engine => ({
  ...{ id, command, builds: false },
  program: ['sh', '-c', command],
});
