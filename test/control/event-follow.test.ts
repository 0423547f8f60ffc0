// The event log followed across an interruption: the next request continues at the place of the last message, a gap's too.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { followEvents } from '../../src/control/event-follow.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';

const ANSWERS = [
  'id: 7-4\nevent: event\ndata: 4\n\n',
  'id: 9-2\nevent: gap\ndata: "gap"\n\n',
  'id: 9-3\nevent: event\ndata: 3\n\n',
];

test('a stream that ends is opened again at the place of its last message', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-follow-'));
  const asked: (string | undefined)[] = [];
  const server = createServer((request, answer) => {
    answer.end(ANSWERS[asked.length]);
    asked.push(request.url);
  });
  await new Promise<void>((resolve) => void server.listen(join(stateDir, CONTROL_SOCKET), resolve));
  try {
    const heard: unknown[] = [];
    const stop = new AbortController();
    await followEvents({
      stateDir,
      after: '7-3',
      signal: stop.signal,
      path: (after) => `/after=${after}`,
      onEvent: ({ data }) => void heard.push(JSON.parse(data)),
      onInterruption: () => {
        if (heard.length === ANSWERS.length) stop.abort();
      },
    });
    assert.deepEqual(heard, [4, 'gap', 3]);
    assert.deepEqual(asked, ['/after=7-3', '/after=7-4', '/after=9-2']);
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
});
