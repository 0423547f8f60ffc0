// Measures the peak memory of a process that downloads a file of any size from a server that makes it of zeroes.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { viewBytes } from '../../src/ground/borrowed-bytes.ts';

const CHILD = join(import.meta.dirname, 'download-child.ts');
const ZEROES = new Uint8Array(1024 * 1024);
/** Prints the peak memory of the process at its end. */
const TELL_PEAK = `data:text/javascript,import { readFileSync } from 'node:fs';
process.on('exit', () => console.error(readFileSync('/proc/self/status', 'utf8').match(/^VmHWM.*$/m)[0]));`;

/** Downloads `bytes` zeroes into the directory. @returns the peak in MiB, and what the process said */
export async function measureDownload(directory: string, bytes: number): Promise<{ peakMib: number; said: string }> {
  const send = (response: ServerResponse): void => {
    let left = bytes;
    const more = (): void => {
      while (left > 0) {
        const piece = viewBytes(ZEROES, 0, left);
        left -= piece.length;
        if (!response.write(piece) && left > 0) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  };
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': bytes });
    send(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const urls = [`http://127.0.0.1:${(server.address() as AddressInfo).port}/zeroes`];
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= ZEROES.length) hash.update(viewBytes(ZEROES, 0, left));
  const digest = { algorithm: 'sha256', hex: hash.digest('hex') };
  const request = { urls, bytes, digest, bytesMax: bytes, directory, name: 'zeroes' };
  const child = spawn(process.execPath, ['--import', TELL_PEAK, CHILD, JSON.stringify(request)], { stdio: 'pipe' });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  await once(child, 'close');
  server.close();
  return { peakMib: Number(/VmHWM:\s*(\d+) kB/.exec(said)?.[1]) / 1024, said };
}
