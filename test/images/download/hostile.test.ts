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

interface Row {
  readonly name: string;
  readonly behave: Behaviour;
  /** The fault of the first attempt. */
  readonly fault: AttemptFault['code'];
  /** True if the server alone completes the file in the end. */
  readonly heals?: boolean;
}

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

const ROWS: readonly Row[] = [
  {
    name: 'it accepts the connection and never answers',
    behave: () => undefined,
    fault: 'silent',
  },
  {
    name: 'it sends half and then nothing',
    behave: (asked) => {
      asked.head();
      asked.write(0, MIB);
    },
    fault: 'stalled',
  },
  {
    name: 'it sends a byte at a time',
    behave: (asked) => {
      asked.head();
      trickle(asked);
    },
    fault: 'slow',
  },
  {
    name: 'it sends chunks of one byte',
    behave: (asked) => {
      asked.response.writeHead(200, { 'Transfer-Encoding': 'chunked' });
      const { socket } = asked.request;
      asked.response.flushHeaders();
      socket.write('1\r\nx\r\n'.repeat(MIB));
    },
    fault: 'stalled',
  },
  {
    name: 'it cuts the connection after each MiB and resumes',
    behave: (asked) => {
      const from = asked.head();
      asked.write(from, from + MIB);
      if (from + MIB < CONTENT.length) setTimeout(() => asked.cut(), 100);
      else asked.response.end();
    },
    fault: 'cut',
    heals: true,
  },
  {
    name: 'it cuts the connection before it answers',
    behave: (asked) => asked.cut(),
    fault: 'bad-answer',
  },
  {
    name: 'it announces fewer bytes than the file has',
    behave: (asked) => {
      asked.head({ from: 0, fields: { 'Content-Length': String(MIB) } });
      asked.write(0, MIB);
    },
    fault: 'size-wrong',
  },
  {
    name: 'it announces more bytes than it sends',
    behave: (asked) => {
      asked.head({ from: 0 });
      asked.write(0, MIB);
      setTimeout(() => asked.cut(), 100);
    },
    fault: 'cut',
  },
  {
    name: 'it sends more bytes than the file has, without a length',
    behave: (asked) => {
      asked.response.writeHead(200);
      flood(asked);
    },
    fault: 'too-large',
  },
  {
    name: 'it ends a chunked body early',
    behave: ({ response, content }) => {
      response.writeHead(200);
      response.end(content.subarray(0, MIB));
    },
    fault: 'cut',
  },
  {
    name: 'it has another file',
    behave: (asked) => {
      asked.head({ from: 0, fields: { ETag: '"other"' } });
      asked.response.end(OTHER);
    },
    fault: 'digest-wrong',
  },
  {
    name: 'it had another file at the first attempt, whole',
    behave: (asked) => {
      if (asked.number > 1) asked.serve();
      else {
        asked.head({ from: 0, fields: { ETag: '"other"' } });
        asked.response.end(OTHER);
      }
    },
    fault: 'digest-wrong',
    heals: true,
  },
  {
    name: 'it had another file at the first attempt',
    behave: (asked) => {
      if (asked.number > 1) asked.serve();
      else {
        asked.head({ from: 0, fields: { ETag: '"other"' } });
        asked.response.write(OTHER.subarray(0, MIB));
        setTimeout(() => asked.cut(), 100);
      }
    },
    fault: 'cut',
    heals: true,
  },
  {
    name: 'it has another file from the second attempt on',
    behave: (asked) => {
      if (asked.number === 1) {
        asked.head();
        asked.write(0, MIB);
        setTimeout(() => asked.cut(), 100);
      } else {
        asked.head({ from: 0, fields: { ETag: '"other"' } });
        asked.response.end(OTHER);
      }
    },
    fault: 'cut',
  },
  {
    name: 'it has another file from the second attempt on, under the old validator',
    behave: (asked) => {
      if (asked.number === 1) {
        asked.head();
        asked.write(0, MIB);
        setTimeout(() => asked.cut(), 100);
      } else {
        asked.response.write(OTHER.subarray(asked.head()));
        asked.response.end();
      }
    },
    fault: 'cut',
  },
  {
    name: 'it ignores a range and sends the whole file',
    behave: (asked) => {
      asked.head({ from: 0 });
      if (asked.number === 1) {
        asked.write(0, 2 * MIB);
        setTimeout(() => asked.cut(), 100);
      } else {
        asked.write(0, CONTENT.length);
        asked.response.end();
      }
    },
    fault: 'cut',
    heals: true,
  },
  {
    name: 'it gives another range than asked for',
    behave: (asked) => {
      if (asked.seen.from === 0) {
        asked.head();
        asked.write(0, MIB);
        setTimeout(() => asked.cut(), 100);
      } else {
        const from = asked.seen.from + 5;
        asked.write(asked.head({ from }), CONTENT.length);
        asked.response.end();
      }
    },
    fault: 'cut',
  },
  {
    name: 'it gives a range that begins a little earlier, as a cache of blocks does',
    behave: (asked) => {
      if (asked.seen.from === 0) {
        asked.head();
        asked.write(0, MIB + 77);
        setTimeout(() => asked.cut(), 100);
      } else {
        asked.write(asked.head({ from: MIB }), CONTENT.length);
        asked.response.end();
      }
    },
    fault: 'cut',
    heals: true,
  },
  {
    name: 'it refuses every range (416)',
    behave: (asked) => {
      if (asked.seen.from > 0) asked.response.writeHead(416).end();
      else if (asked.number > 1) asked.serve();
      else {
        asked.head();
        asked.write(0, MIB);
        setTimeout(() => asked.cut(), 100);
      }
    },
    fault: 'cut',
    heals: true,
  },
  {
    name: 'it answers 503 and names a time',
    behave: (asked) => {
      if (asked.number > 1) asked.serve();
      else asked.response.writeHead(503, { 'Retry-After': '1' }).end();
    },
    fault: 'busy',
    heals: true,
  },
  { name: 'it fails', behave: ({ response }) => void response.writeHead(500).end(), fault: 'http-failed' },
  { name: 'it has no such file', behave: ({ response }) => void response.writeHead(404).end(), fault: 'http-refused' },
  {
    name: 'it redirects to itself',
    behave: ({ response }) => void response.writeHead(302, { Location: '/file' }).end(),
    fault: 'redirect-endless',
  },
  {
    name: 'it redirects to another scheme',
    behave: ({ response }) => void response.writeHead(302, { Location: 'file:///etc/passwd' }).end(),
    fault: 'redirect-unusable',
  },
  {
    name: 'it answers 204',
    behave: ({ response }) => void response.writeHead(204).end(),
    fault: 'http-failed',
  },
  {
    name: 'its head is huge',
    behave: ({ response }) => void response.writeHead(200, { 'X-Large': 'x'.repeat(200_000) }).end(),
    fault: 'bad-answer',
  },
  {
    name: 'it speaks something else than HTTP',
    behave: ({ request }) => void request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    fault: 'bad-answer',
  },
  {
    name: 'it sends information without end instead of an answer',
    behave: ({ response }) => {
      const timer = setInterval(() => response.writeProcessing(), 100);
      response.on('close', () => clearInterval(timer));
    },
    fault: 'bad-answer',
  },
  {
    name: 'it sends information as fast as it can instead of an answer',
    behave: ({ request }) => {
      const more = (): void => {
        while (!request.socket.destroyed && request.socket.write('HTTP/1.1 102 \r\n\r\n'.repeat(10_000)));
        request.socket.once('drain', more);
      };
      more();
    },
    fault: 'bad-answer',
  },
  {
    name: 'it compresses the file',
    behave: ({ response, content }) =>
      void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(content)),
    fault: 'encoded',
  },
];

describe('a hostile file server', { concurrency: 6 }, () => {
  for (const { name, behave, fault, heals = false } of ROWS) {
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
