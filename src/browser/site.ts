/** What a page is served: on the loopback alone, and as a site of its own, so that its clock is fine and it may use threads. */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join } from 'node:path';

export interface Site {
  readonly address: string;
  /** Serves files, by name, in a folder of their own, until it is removed. @returns its path */
  add(files: ReadonlyMap<string, Uint8Array>): string;
  remove(folder: string): void;
  close(): void;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** `performance.now` has steps of 5 µs in pages that are isolated so, of 100 µs in others (W3C High Resolution Time). */
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-store',
};

/** @param pageFolder of index.html and page.js */
export async function openSite(pageFolder: string): Promise<Site> {
  const runtimeFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
  const folders = new Map<string, ReadonlyMap<string, Uint8Array>>();
  const known = new Map([
    ['', pageFolder],
    ['onnxruntime-web', runtimeFolder],
  ]);
  const bytesOf = async (path: string): Promise<Uint8Array | undefined> => {
    // A name without a slash in a folder that is known: nothing else of this machine can be asked for.
    const [isFile, folder = '', name = ''] = /^\/(?:([\w-]+)\/)?([\w.-]+)$/.exec(path) ?? [];
    const place = known.get(folder);
    if (isFile === undefined) return undefined;
    if (place === undefined) return folders.get(folder)?.get(name);
    return readFile(join(place, name)).catch(() => undefined);
  };
  const answer = async (url: string, response: ServerResponse): Promise<void> => {
    const path = url === '/' ? '/index.html' : url;
    const bytes = await bytesOf(path);
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    response.writeHead(bytes ? 200 : 404, { ...ISOLATED, 'Content-Type': type }).end(bytes);
  };
  const server = createServer(({ url = '/' }, response) => void answer(url, response));
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  let added = 0;
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add(files) {
      added += 1;
      folders.set(`model-${added}`, files);
      return `/model-${added}`;
    },
    remove: (folder) => void folders.delete(folder.slice(1)),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
