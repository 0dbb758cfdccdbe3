/** This process, as engines of ours that run models in it see it. */
import { join } from 'node:path';
import { resourceUsage } from 'node:process';
import { EXIT } from '#scripts/ending.mjs';
import type { PlaceHost } from '../../../src/bench/measure/holding.js';
import { steeringVariables } from '../../../src/bench/run/environment.js';
import { packageFolder } from '../package_folder.js';

export const placeHost: PlaceHost = {
  now: () => performance.now(),
  peakRssBytes: () => resourceUsage().maxRSS * 1024,
  env: () => steeringVariables(process.env),
  pageFolder: join(packageFolder(), 'browser'),
  onLost(reason) {
    process.stderr.write(`error: ${reason}\n`);
    process.exit(EXIT.failed);
  },
};
