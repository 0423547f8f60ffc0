// Lists of all machines, one after the other, read as a stream: their times, and the time until their first byte.

import { authorizationOf } from '../test/support/oauth.ts';
import { median } from './figure.ts';

interface Settings {
  readonly url: string;
  readonly key: string;
  /** Machines that each list must have. */
  readonly size: number;
  readonly lists: number;
}

const settings: Settings = JSON.parse(process.argv[2] ?? '{}');
const wholeMs: number[] = [];
const firstMs: number[] = [];
let pieces = 0;
// One more: the first finds nothing compiled.
for (let round = 0; round <= settings.lists; round += 1) {
  const from = performance.now();
  const answer = await fetch(settings.url, { headers: { Authorization: authorizationOf(settings.key) } });
  const parts: Uint8Array[] = [];
  let first = 0;
  for await (const part of answer.body ?? []) {
    if (parts.length === 0) first = performance.now() - from;
    parts.push(part);
  }
  const whole = performance.now() - from;
  if (round === 0 && settings.lists > 1) {
    const count = Buffer.concat(parts).toString().split('"hardware_info":').length - 1;
    if (count < settings.size) throw new Error(`a list of ${settings.size} machines has ${count}: ${answer.status}`);
    continue;
  }
  wholeMs.push(whole);
  firstMs.push(first);
  pieces = parts.length;
}
const title = `${settings.size} machines`;
console.log(
  JSON.stringify([
    { metric: `list of ${title}`, unit: 'ms', value: median(wholeMs) },
    { metric: `list of ${title}, for each`, unit: 'µs', value: (median(wholeMs) * 1000) / settings.size },
    { metric: `list of ${title}, first byte`, unit: 'ms', value: median(firstMs) },
    { metric: `list of ${title}, pieces read`, unit: 'pieces', value: pieces },
  ]),
);
