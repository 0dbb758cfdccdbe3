/** Takes single files out of a zip archive, with little memory. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Writes entries of an archive to files, each of which appears only when it is whole.
 * @param {string} archive path
 * @param {ReadonlyMap<string, string>} targets the path of each file by the name of its entry
 * @throws when the archive is damaged, or lacks an entry
 */
export async function unzip(archive, targets) {
  const { openPromise } = await import('yauzl'); // not above: a clone has no modules yet when the set-up is loaded
  const zip = await openPromise(archive);
  const missing = new Set(targets.keys());
  for await (const entry of zip.eachEntry()) {
    if (!missing.delete(entry.fileName)) continue;
    const target = targets.get(entry.fileName);
    await mkdir(dirname(target), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(`${target}.part`));
    await rename(`${target}.part`, target);
  }
  if (missing.size > 0) throw new Error(`${archive}: has no ${[...missing].join(', ')}`);
}
