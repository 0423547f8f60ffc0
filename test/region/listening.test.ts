// Which listeners of the API are open when configurations follow each other.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { startRegion } from './live.ts';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  server.close();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

test('two configurations that overlap open each listener once, and the later one is in force', async () => {
  const live = await startRegion();
  try {
    const [one, two] = [await freePort(), await freePort()];
    const listen = (...ports: readonly number[]) => ({
      ...live.config,
      listen: ports.map((port) => ({ host: '127.0.0.1', port })),
    });
    await Promise.all([live.api.configure(listen(one, two)), live.api.configure(listen(one))]);
    assert.deepEqual(live.api.addresses, [`127.0.0.1:${one}`]);
    await Promise.all([live.api.configure(listen(two)), live.api.configure(listen(two, one))]);
    assert.deepEqual([...live.api.addresses].sort(), [`127.0.0.1:${one}`, `127.0.0.1:${two}`].sort());
  } finally {
    await live.close();
  }
});
