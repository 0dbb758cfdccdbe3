/** Disks that are soon full. */
import { execFileSync } from 'node:child_process';
import { onTestFinished, type TestContext } from 'vitest';
import { temporaryFolder } from './temporary.js';

/** A folder on a file system of `kib` KiB. Where none can be mounted the test is skipped with the reason. */
export function smallDisk(kib: number, { skip }: TestContext): string {
  const folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'attnscale-test', folder], { stdio: 'pipe' });
  } catch (error) {
    skip(`needs a tmpfs, which root may mount: ${(error as Error).message.split('\n').at(1)}`);
  }
  onTestFinished(() => {
    execFileSync('umount', [folder]);
  });
  return folder;
}
