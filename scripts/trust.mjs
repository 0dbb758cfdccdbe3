/**
 * Whose files may be loaded as code: this user's and root's, as long as nobody else can write or replace them. The
 * user's own group may write, since some systems give every user a group and let it write by default. Folders above may
 * be written by others where the sticky bit keeps them from replacing what is not theirs, as in /tmp.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

const BY_GROUP = 0o020;
const BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Why what is at a path must not be believed, or null.
 * @param {string} path without symbolic links
 * @param {string} top the folder from which on everything must be ours; those above may be another's
 * @throws where it cannot be looked at
 */
export function trustProblem(path, top = dirname(path)) {
  if (process.getuid === undefined) return null; // a system without such owners
  const isInside = path.length >= top.length;
  const { uid, gid, mode } = statSync(path);
  if (isInside && ![0, process.getuid()].includes(uid)) return `${path} belongs to another user (uid ${uid})`;
  const byGroup = mode & BY_GROUP && ![0, process.getgid()].includes(gid);
  const writers = mode & BY_ALL ? 'everybody' : byGroup ? `group ${gid}` : null;
  if (writers !== null && (isInside || !(mode & STICKY))) return `${path} can be written by ${writers}`;
  return path === dirname(path) ? null : trustProblem(dirname(path), top);
}
