// A person at the list of machines: one change of a filter or of the page after the other, each timed until its last byte; and the stream of
// events, each timed from the event to its arrival.

import { systemClock } from '../src/ground/clock.ts';
import { authorizationOf } from '../test/support/oauth.ts';
import { quantile } from './figure.ts';

export interface PageLoad {
  readonly origin: string;
  /** Of a signed-in person. */
  readonly cookie: string;
  readonly key: string;
  readonly seconds: number;
  /** Rows that a whole page has. */
  readonly rows: number;
  readonly pages: number;
  /** Before the figures' names. */
  readonly label: string;
}

const settings: PageLoad = JSON.parse(process.argv[2] ?? '{}');
const LIST = `${settings.origin}/MAAS/machines/`;
/** The first that differs from the one before in what it matches, or in its order. */
const FILTERS = [
  '?q=filled-1',
  '?sort=-memory',
  '?status=ready&sort=name',
  '?arch=amd64',
  '?q=52&sort=-age',
  '?tags=none',
];

/** @returns its time in milliseconds */
async function open(query: string): Promise<number> {
  const from = performance.now();
  const wish = { headers: { Cookie: settings.cookie, Accept: 'text/html' } };
  // As browsers do: the region may close a connection that has rested, at the moment when it is used again.
  const answer = await fetch(`${LIST}${query}`, wish).catch(() => fetch(`${LIST}${query}`, wish));
  const text = await answer.text();
  const ms = performance.now() - from;
  const rows = text.split('<td class="first">').length - 1;
  const isEmpty = query === '?tags=none';
  if (answer.status !== 200 || rows !== (isEmpty ? 0 : settings.rows))
    throw new Error(`${query}: ${answer.status} with ${rows} rows`);
  return ms;
}

const delays: number[] = [];
const left = new AbortController();

async function follow(): Promise<void> {
  const url = `${settings.origin}/MAAS/api/2.0/events/?op=follow&level=DEBUG`;
  const headers = { Authorization: authorizationOf(settings.key), Accept: 'text/event-stream' };
  const answer = await fetch(url, { headers, signal: left.signal });
  if (answer.status !== 200) throw new Error(`the stream of events was answered with ${answer.status}`);
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of answer.body ?? []) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const time = /^data: .*"time": ?"([^"]+)"/.exec(line)?.[1];
      if (time !== undefined) delays.push(systemClock.wallTimeMs() - Date.parse(time));
    }
  }
}

const following = follow().catch((error: unknown) => {
  if (!left.signal.aborted) throw error;
});
// The first finds nothing compiled and no index.
for (const query of ['', ...FILTERS, '?page=2']) await open(query);
const filterMs: number[] = [];
const pageMs: number[] = [];
delays.length = 0;
const beganAt = systemClock.now();
for (let turn = 0; systemClock.now() - beganAt < settings.seconds * 1000; turn += 1) {
  filterMs.push(await open(FILTERS[turn % FILTERS.length] ?? ''));
  pageMs.push(await open(`?page=${1 + (turn % settings.pages)}`));
}
const seconds = (systemClock.now() - beganAt) / 1000;
const arrived = delays.length;
left.abort();
await following;
const { label } = settings;
const times = (name: string, values: readonly number[]) =>
  [0.5, 0.99].map((share) => ({
    metric: `${label}, ${name} p${share * 100}`,
    unit: 'ms',
    value: quantile(values, share),
  }));
console.log(
  JSON.stringify([
    ...times('change of filter', filterMs),
    ...times('change of page', pageMs),
    { metric: `${label}, pages opened`, unit: '/s', value: (filterMs.length + pageMs.length) / seconds },
    ...(arrived === 0 ? [] : times('event until it arrives', delays)),
    { metric: `${label}, events that arrive`, unit: '/s', value: arrived / seconds },
  ]),
);
process.exit(0);
