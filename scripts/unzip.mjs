/** Reads single files out of a zip archive, with Node's own modules and little memory. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

const DEFLATED = 8;
const PIECE_BYTES = 1 << 20;

/**
 * The central directory of an archive (without zip64).
 * @param {string} archive path
 * @returns {Promise<Map<string, { method: number, packedBytes: number, bytes: number, offset: number }>>}
 * @throws when the archive is damaged
 */
export async function zipDirectory(archive) {
  const file = await open(archive);
  try {
    const { size } = await file.stat();
    const tail = await readAt(file, Math.max(0, size - 65_557), Math.min(size, 65_557));
    const end = tail.lastIndexOf('PK\x05\x06');
    if (end < 0 || end + 22 > tail.length) throw new Error(`${archive}: not a whole zip archive`);
    const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
    return parseDirectory(directory, tail.readUInt16LE(end + 10), archive);
  } finally {
    await file.close();
  }
}

function parseDirectory(directory, count, archive) {
  const entries = new Map();
  for (let at = 0; entries.size < count; ) {
    if (directory.toString('latin1', at, at + 4) !== 'PK\x01\x02') throw new Error(`${archive}: damaged directory`);
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    entries.set(directory.toString('utf8', at + 46, nameEnd), {
      method: directory.readUInt16LE(at + 10),
      packedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/**
 * Writes one entry to `target`, which appears only when it is whole.
 * @param {string} archive path
 * @param {{ method: number, packedBytes: number, bytes: number, offset: number }} entry
 * @param {string} target path
 * @throws when the entry is damaged
 */
export async function extract(archive, entry, target) {
  const file = await open(archive);
  const header = await readAt(file, entry.offset, 30).finally(() => file.close());
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  await mkdir(dirname(target), { recursive: true });
  const packed = createReadStream(archive, { start, end: start + entry.packedBytes - 1, highWaterMark: PIECE_BYTES });
  const part = createWriteStream(`${target}.part`);
  const stages =
    entry.method === DEFLATED ? [packed, createInflateRaw({ chunkSize: PIECE_BYTES }), part] : [packed, part];
  await pipeline(stages);
  if (part.bytesWritten !== entry.bytes) throw new Error(`${target}: short file in ${archive}`);
  await rename(`${target}.part`, target);
}

async function readAt(file, position, length) {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw new Error('unexpected end of the zip archive');
  return buffer;
}
