// Reads each URL once over HTTP and compares it with a file, trying until the server answers. The load itself, wrk, does not check the content.

import { readFileSync } from 'node:fs';
import { sleep } from '../src/ground/clock.ts';
import { errorText } from '../src/ground/errors.ts';
import { finishLoad, readSettings } from './load.ts';

interface Settings {
  readonly urls: readonly { readonly url: string; readonly file: string }[];
}

const READY_MS_MAX = 20_000;

async function read(url: string): Promise<Buffer> {
  for (let waitedMs = 0; ; waitedMs += 100) {
    try {
      const response = await fetch(url);
      if (response.status !== 200) throw new Error(`${url}: status ${response.status}`);
      return Buffer.from(await response.arrayBuffer());
    } catch (error) {
      if (waitedMs > READY_MS_MAX) throw new Error(`${url}: ${errorText(error)}`);
      await sleep(100);
    }
  }
}

for (const { url, file } of readSettings<Settings>().urls) {
  if (!(await read(url)).equals(readFileSync(file))) throw new Error(`${url} differs from ${file}`);
}
finishLoad([]);
