// Servers that misbehave in one way each. Alone, each ends the download in a named state, and nothing appears under the file's name; with a
// good mirror after it, the file completes, whole and verified.
// @host waits, 20 s

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { AttemptFault } from '../../../src/images/download/fault.ts';
import { type Asked, type Behaviour, HostileFileServer } from '../../support/hostile-file-server.ts';
import { DownloadPlace, makeContent } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(3 * MIB);
const OTHER = makeContent(3 * MIB, 2);

/** `fault` is that of the first attempt; HEALS: the server alone completes the file in the end. */
type Row = readonly [name: string, behave: Behaviour, fault: AttemptFault['code'], heals?: typeof HEALS];
const HEALS = true;

/** Sends a byte now and then, for ever. */
function trickle({ response }: Asked): void {
  const timer = setInterval(() => response.write('x'), 100);
  response.on('close', () => clearInterval(timer));
}

/** Sends without end. */
function flood({ response }: Asked): void {
  const more = (): void => {
    while (!response.destroyed && response.write(OTHER));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

const serve: Behaviour = (asked) => asked.serve();
const answer =
  (status: number, fields: Readonly<Record<string, string>> = {}): Behaviour =>
  ({ response }) =>
    void response.writeHead(status, fields).end();
/** Sends the beginning, and cuts the connection. */
const begin =
  (bytes = MIB, from?: number): Behaviour =>
  (asked) => {
    asked.head(from === undefined ? {} : { from });
    asked.write(0, bytes);
    setTimeout(() => asked.cut(), 100);
  };
const otherHead = (asked: Asked): number => asked.head({ from: 0, fields: { ETag: '"other"' } });
const other: Behaviour = (asked) => {
  otherHead(asked);
  asked.response.end(OTHER);
};
/** Behaves otherwise from the second attempt on. */
const once =
  (first: Behaviour, later: Behaviour = serve): Behaviour =>
  (asked) =>
    (asked.number === 1 ? first : later)(asked);
/** Sends a range from another place than asked for. */
const range =
  (of: (from: number) => number): Behaviour =>
  (asked) => {
    asked.write(asked.head({ from: of(asked.seen.from) }), CONTENT.length);
    asked.response.end();
  };
/** Behaves otherwise when a range is asked for. */
const fresh =
  (first: Behaviour, ranged: Behaviour): Behaviour =>
  (asked) =>
    (asked.seen.from === 0 ? first : ranged)(asked);

const ROWS: readonly Row[] = [
  ['it accepts the connection and never answers', () => undefined, 'silent'],
  [
    'it sends half and then nothing',
    (asked) => {
      asked.head();
      asked.write(0, MIB);
    },
    'stalled',
  ],
  [
    'it sends a byte at a time',
    (asked) => {
      asked.head();
      trickle(asked);
    },
    'slow',
  ],
  [
    'it sends chunks of one byte',
    ({ request, response }) => {
      response.writeHead(200, { 'Transfer-Encoding': 'chunked' });
      response.flushHeaders();
      request.socket.write('1\r\nx\r\n'.repeat(MIB));
    },
    'stalled',
  ],
  [
    'it cuts the connection after each MiB and resumes',
    (asked) => {
      const from = asked.head();
      asked.write(from, from + MIB);
      if (from + MIB < CONTENT.length) setTimeout(() => asked.cut(), 100);
      else asked.response.end();
    },
    'cut',
    HEALS,
  ],
  ['it cuts the connection before it answers', (asked) => asked.cut(), 'bad-answer'],
  [
    'it announces fewer bytes than the file has',
    (asked) => {
      asked.head({ from: 0, fields: { 'Content-Length': String(MIB) } });
      asked.write(0, MIB);
    },
    'size-wrong',
  ],
  ['it announces more bytes than it sends', begin(MIB, 0), 'cut'],
  [
    'it sends more bytes than the file has, without a length',
    (asked) => {
      asked.response.writeHead(200);
      flood(asked);
    },
    'too-large',
  ],
  [
    'it ends a chunked body early',
    ({ response, content }) => void response.writeHead(200).end(content.subarray(0, MIB)),
    'cut',
  ],
  ['it has another file', other, 'digest-wrong'],
  ['it had another file at the first attempt, whole', once(other), 'digest-wrong', HEALS],
  [
    'it had another file at the first attempt',
    once((asked) => {
      otherHead(asked);
      asked.response.write(OTHER.subarray(0, MIB));
      setTimeout(() => asked.cut(), 100);
    }),
    'cut',
    HEALS,
  ],
  ['it has another file from the second attempt on', once(begin(), other), 'cut'],
  [
    'it has another file from the second attempt on, under the old validator',
    once(begin(), (asked) => void asked.response.end(OTHER.subarray(asked.head()))),
    'cut',
  ],
  [
    'it ignores a range and sends the whole file',
    once(
      begin(2 * MIB, 0),
      range(() => 0),
    ),
    'cut',
    HEALS,
  ],
  [
    'it gives another range than asked for',
    fresh(
      begin(),
      range((from) => from + 5),
    ),
    'cut',
  ],
  [
    'it gives a range that begins a little earlier, as a cache of blocks does',
    fresh(
      begin(MIB + 77),
      range(() => MIB),
    ),
    'cut',
    HEALS,
  ],
  ['it refuses every range (416)', fresh(once(begin()), answer(416)), 'cut', HEALS],
  ['it answers 503 and names a time', once(answer(503, { 'Retry-After': '1' })), 'busy', HEALS],
  ['it fails', answer(500), 'http-failed'],
  ['it has no such file', answer(404), 'http-refused'],
  ['it redirects to itself', answer(302, { Location: '/file' }), 'redirect-endless'],
  ['it redirects to another scheme', answer(302, { Location: 'file:///etc/passwd' }), 'redirect-unusable'],
  ['it answers 204', answer(204), 'http-failed'],
  ['its head is huge', answer(200, { 'X-Large': 'x'.repeat(200_000) }), 'bad-answer'],
  [
    'it speaks something else than HTTP',
    ({ request }) => void request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    'bad-answer',
  ],
  [
    'it sends information without end instead of an answer',
    ({ response }) => {
      const timer = setInterval(() => response.writeProcessing(), 100);
      response.on('close', () => clearInterval(timer));
    },
    'bad-answer',
  ],
  [
    'it sends information as fast as it can instead of an answer',
    ({ request }) => {
      const more = (): void => {
        while (!request.socket.destroyed && request.socket.write('HTTP/1.1 102 \r\n\r\n'.repeat(10_000)));
        request.socket.once('drain', more);
      };
      more();
    },
    'bad-answer',
  ],
  [
    'it compresses the file',
    ({ response, content }) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(content)),
    'encoded',
  ],
];

describe('a hostile file server', { concurrency: 6 }, () => {
  for (const [name, behave, fault, heals = false] of ROWS) {
    test(`${name}: alone ${heals ? 'it completes the file later' : 'it ends the download'} (${fault})`, async () => {
      const place = new DownloadPlace();
      const server = await HostileFileServer.start(CONTENT, behave);
      try {
        const { state, faults } = await place.run(place.request([server.url], CONTENT));
        assert.equal(faults[0], fault);
        assert.equal(state.kind, heals ? 'done' : 'failed', JSON.stringify(state));
        assert.deepEqual(place.finished(), heals ? Buffer.from(CONTENT) : undefined);
        if (heals) assert.deepEqual(place.files(), ['image']);
      } finally {
        await server.close();
        await place.close();
      }
    });

    test(`${name}: a good mirror completes the file`, async () => {
      const place = new DownloadPlace();
      const server = await HostileFileServer.start(CONTENT, behave);
      const good = await HostileFileServer.start(CONTENT, ({ serve }) => serve());
      try {
        const { state, faults } = await place.run(place.request([server.url, good.url], CONTENT));
        assert.equal(faults[0], fault);
        assert.equal(state.kind, 'done', JSON.stringify(faults));
        assert.deepEqual(place.finished(), Buffer.from(CONTENT));
        assert.deepEqual(place.files(), ['image']);
      } finally {
        await server.close();
        await good.close();
        await place.close();
      }
    });
  }
});
